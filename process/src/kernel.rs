//! The one kernel object of a member.

use abi::regs::TrapFrame;
use alloc::sync::Arc;
use alloc::vec::Vec;

use platform::Platform;
use platform::sync::{Mutex, Rank};
use spin::Once;
use vfs::host::Host;

use crate::sched::{self, Sched};
use crate::{Process, Thread};

/// Everything that is one per member.
pub struct Kernel {
    pub platform: &'static dyn Platform,
    pub host: Host,
    pub sched: Sched,
    /// Goes to user mode with a frame for the first time in a context (signals are looked at on the way).
    pub enter: fn(TrapFrame) -> !,
    /// The member's own process first; vfork children that still live here behind it.
    pub processes: Mutex<Vec<Arc<Process>>>,
}

static KERNEL: Once<Kernel> = Once::new();

/// The kernel; [`init`] has run.
pub fn kernel() -> &'static Kernel {
    KERNEL.get().unwrap_or_else(|| unreachable!("kernel used before init"))
}

/// Makes the kernel object; once, at the member's start.
pub fn init(platform: &'static dyn Platform, enter: fn(TrapFrame) -> !) -> &'static Kernel {
    KERNEL.call_once(|| Kernel {
        platform,
        enter,
        host: Host::new(platform, sched::HOOKS),
        sched: Sched::new(),
        processes: Mutex::new(Rank::Process, Vec::new()),
    })
}

/// The running thread.
pub fn current() -> Arc<Thread> {
    kernel().sched.current()
}

impl Kernel {
    /// The process with this pid, if it lives in this member.
    pub fn process(&self, pid: u32) -> Option<Arc<Process>> {
        self.processes.lock().iter().find(|p| p.pid() == pid).cloned()
    }
}
