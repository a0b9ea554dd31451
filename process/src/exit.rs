//! The end of threads and processes.

use abi::process::WaitStatus;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use protocol::Op;

use crate::kernel::{current, kernel};
use crate::{Process, Thread};

/// Makes all other threads of the calling thread's process end, and waits until they have (exec, exit_group).
pub fn end_other_threads(me: &Arc<Thread>) {
    let p = &me.process;
    loop {
        let others: alloc::vec::Vec<_> =
            p.threads.lock().iter().filter(|t| !Arc::ptr_eq(t, me)).cloned().collect();
        if others.is_empty() {
            return;
        }
        for t in others {
            t.dying.store(true, Ordering::SeqCst);
            t.attention.store(true, Ordering::SeqCst);
            kernel().sched.nudge(&t);
        }
        kernel().sched.yield_now();
    }
}

/// exit(2) of the calling thread; the process ends with its last thread.
pub fn exit_thread(status: i32) -> ! {
    let me = current();
    crate::futex::thread_exit(&me);
    crate::signal::leave(&me);
    let p = me.process.clone();
    let last = {
        let mut threads = p.threads.lock();
        if threads.len() > 1 {
            threads.retain(|t| !Arc::ptr_eq(t, &me));
            false
        } else {
            true
        }
    };
    if last {
        // A process that ends thread by thread has the status of the last one to leave.
        end_process(&me, p.group_status().unwrap_or(WaitStatus::Exited(status as u8)));
    }
    crate::threads::publish(&p);
    drop((me, p));
    kernel().sched.exit_current()
}

/// exit_group(2).
pub fn exit_group(status: WaitStatus) -> ! {
    let me = current();
    me.process.set_group_status(status);
    end_other_threads(&me);
    crate::futex::thread_exit(&me);
    end_process(&me, status)
}

/// Ends the calling thread's process as by a signal's default action.
pub fn die_by_signal(signo: u32) -> ! {
    exit_group(WaitStatus::Signaled { signo: signo as i32, core: false })
}

fn end_process(me: &Arc<Thread>, status: WaitStatus) -> ! {
    let k = kernel();
    let p = me.process.clone();
    report_exit(&p, status);
    let is_main = k.processes.lock().first().is_some_and(|m| Arc::ptr_eq(m, &p));
    if is_main {
        k.platform.exit();
    }
    drop(p);
    crate::vfork::leave(me)
}

/// Tells the monitor the wait status and what the process used.
fn report_exit(p: &Process, status: WaitStatus) {
    let k = kernel();
    crate::report::at_exit();
    let (user, system) = k.platform.cpu_time();
    let used = k.platform.usage();
    let args = [
        status.encode() as u64,
        user,
        system,
        used.max_rss_kib,
        used.minor_faults,
        used.voluntary_switches,
        u64::from(p.pid()),
    ];
    // The monitor also learns it from the host if this cannot be sent.
    let _ = k.host.post(Op::Exit, &args, &[]);
}
