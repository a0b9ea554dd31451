//! New threads: a kernel context that starts in user mode with a given frame.

use abi::errno::{Errno, SysResult};
use abi::regs::TrapFrame;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::kernel::{current, kernel};
use crate::{Process, Thread};

/// Thread ids of a member's further threads come from a range that is the slot's own: bit 21 set, then slot and counter.
const TID_BASE: u32 = 1 << 21;
const PER_SLOT: u32 = 2048;

/// True when `tid` can be a thread of process `pid`: its first one, or a number that only further threads have.
pub fn may_be_thread_of(pid: u32, tid: u32) -> bool {
    tid == pid || tid & TID_BASE != 0
}

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A thread id that no other thread of the family has now; EAGAIN when this member has too many threads.
pub fn allocate_tid(p: &Process) -> SysResult<u32> {
    let base = TID_BASE | (kernel().host.slot() * PER_SLOT);
    let threads = p.threads.lock();
    for _ in 0..PER_SLOT {
        let tid = base + NEXT.fetch_add(1, Ordering::Relaxed) % PER_SLOT;
        if threads.iter().all(|t| t.tid() != tid) {
            return Ok(tid);
        }
    }
    Err(Errno::EAGAIN)
}

/// What a new thread starts with.
#[derive(Clone, Copy)]
pub struct Start {
    pub frame: TrapFrame,
    pub tls: usize,
}

/// Makes a thread of `process` that will start with `frame`; the scheduler is told by the caller. Signal mask and
/// alternative stack come from `parent` as clone(2) says.
pub fn create(
    process: &Arc<Process>,
    tid: u32,
    frame: TrapFrame,
    tls: usize,
    parent: &Arc<Thread>,
) -> SysResult<Arc<Thread>> {
    let context = kernel().platform.create_context(entry, 0).map_err(|_| Errno::EAGAIN)?;
    let thread = Thread::new(tid, process.clone(), Some(context));
    thread.signals.inherit(&parent.signals);
    thread.set_name(&parent.name());
    thread.inherit_policy(parent);
    *thread.start.lock() = Some(Start { frame, tls });
    process.threads.lock().push(thread.clone());
    publish(process);
    Ok(thread)
}

/// Shows the process's threads to the monitor, for procfs. Of a child that lives in its parent's member nothing is shown.
pub fn publish(p: &Arc<Process>) {
    let k = kernel();
    if k.processes.lock().first().is_some_and(|main| Arc::ptr_eq(main, p)) {
        let tids: Vec<u32> = p.threads.lock().iter().map(|t| t.tid()).collect();
        protocol::control::set_threads(&k.host.control(), &tids);
    }
}

/// Where every new context begins.
fn entry(_: usize) -> ! {
    let k = kernel();
    k.sched.after_switch();
    let me = current();
    let start = me.start.lock().take();
    let Some(start) = start else { unreachable!("a context without a start") };
    drop(me);
    k.platform.set_tls(start.tls);
    (k.enter)(start.frame)
}
