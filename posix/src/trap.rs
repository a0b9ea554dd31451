//! Entries from user mode.

use abi::errno::{Errno, to_ret};
use abi::regs::TrapFrame;
use platform::Platform;

use crate::cx::Cx;
use crate::table::row;

/// The member's start: makes the kernel, loads the program that the boot record names, runs it.
pub fn start(platform: &'static dyn Platform) -> ! {
    process::kernel::init(platform);
    platform.exit()
}

/// A system call, fault or kick.
pub fn trap(frame: &mut TrapFrame) {
    let nr = frame.syscall_nr();
    let mut cx = Cx::new(process::kernel(), frame);
    let ret = match row(nr as usize) {
        Some(row) => (row.handler)(&mut cx),
        None => Err(Errno::ENOSYS),
    };
    cx.frame.set_ret(to_ret(ret));
}
