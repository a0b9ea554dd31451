//! Job control: stopping all threads of a process until SIGCONT. The monitor tells parents, and knows which process groups
//! are orphaned.

use abi::signal::SIGSTOP;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use protocol::Op;

use crate::kernel::kernel;
use crate::wait_on::Waiter;
use crate::{Process, Thread};

/// The default action of a stop signal. SIGTSTP, SIGTTIN and SIGTTOU do nothing in an orphaned process group.
pub(super) fn stop(t: &Arc<Thread>, signo: i32) {
    let p = &t.process;
    p.signals.stopped.store(true, Ordering::SeqCst);
    let told = kernel().host.call(Op::Stopped, &[signo as u64]).map(|a| a.ret());
    if told != Ok(0) && signo != SIGSTOP {
        p.signals.stopped.store(false, Ordering::SeqCst);
        kernel().sched.wake(p.signals.stop_key);
        return;
    }
    let threads = p.threads.lock().clone();
    for other in threads.iter().filter(|o| !Arc::ptr_eq(o, t)) {
        other.attention.store(true, Ordering::SeqCst);
        kernel().sched.nudge(other);
    }
    park(t);
}

/// Sleeps while the process is stopped.
pub(super) fn park(t: &Arc<Thread>) {
    let signals = &t.process.signals;
    if !signals.stopped.load(Ordering::SeqCst) {
        return;
    }
    let waiter = Waiter::new(&[signals.stop_key]);
    while signals.stopped.load(Ordering::SeqCst) {
        waiter.sleep(None, false);
    }
}

/// Continues a stopped process.
pub fn resume(p: &Process) {
    if p.signals.stopped.swap(false, Ordering::SeqCst) {
        // Lost only when the monitor is gone, and then so is this member.
        let _ = kernel().host.post(Op::Continued, &[u64::from(p.pid())], &[]);
        kernel().sched.wake(p.signals.stop_key);
    }
}
