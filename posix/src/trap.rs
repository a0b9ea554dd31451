//! Entries from user mode.

use abi::errno::{Errno, to_ret};
use abi::regs::TrapFrame;

use crate::cx::Cx;
use crate::table::row;

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

/// The work on the way to user mode of a context that enters it for the first time (a new thread, exec, the start).
pub fn before_user(_frame: &mut TrapFrame) {}
