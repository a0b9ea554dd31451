//! exec of a vfork child: the program starts in a fresh member, and the parent's member goes on without it.

use abi::errno::{Errno, SysResult};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use protocol::Op;
use protocol::boot::{self, Program};

use super::plan::Plan;
use crate::Thread;
use crate::kernel::kernel;
use crate::wait_on::{Waiter, local_key};

/// Hands the calling vfork child over to a fresh member. Does not return on success.
pub fn exec_elsewhere(thread: &Arc<Thread>, plan: Plan) -> SysResult<core::convert::Infallible> {
    let k = kernel();
    let p = &thread.process;
    let creds = p.creds.lock().clone();
    let mut attrs = *p.attrs.lock();
    attrs.execed(&creds.ids);
    let file = plan.file_elsewhere();
    let program = Program {
        path: plan.path.clone(),
        desc: file.as_ref().map_or(0, |file| file.desc()),
        argv: plan.given_argv.clone(),
        envp: plan.envp.clone(),
        fds: p.fds.to_boot(),
        sigmask: crate::signal::blocked(thread),
        ignored: crate::signal::ignored(p),
        umask: p.umask.load(Ordering::Relaxed),
        rlimits: p.rlimits.lock().to_vec(),
        ids: creds.ids,
        groups: creds.groups,
        personality: p.personality.load(Ordering::Relaxed),
        memory: p.mm.limit.load(Ordering::Relaxed),
        extra: attrs.encode(),
    };
    // What else the plan holds belongs to this member: it is given back while the process still lives here.
    drop(plan);
    let recalled = p.fds.prepare_fork(&k.host);
    {
        let _area = BootArea::take();
        if !boot::write_blob(&k.host.control(), &program.encode()) {
            return Err(Errno::E2BIG);
        }
        k.host.call(Op::SpawnExec, &[])?;
    }
    if let Some(file) = file {
        file.give_away();
    }
    drop(recalled);
    crate::vfork::leave(thread)
}

/// The control region's one boot area, taken by one thread at a time until the monitor has read what it wrote there.
struct BootArea;

static TAKEN: AtomicBool = AtomicBool::new(false);
static KEY: AtomicU32 = AtomicU32::new(0);

impl BootArea {
    fn take() -> Self {
        if KEY.load(Ordering::Relaxed) == 0 {
            KEY.store(local_key(), Ordering::Relaxed);
        }
        let waiter = Waiter::new(&[KEY.load(Ordering::Relaxed)]);
        while TAKEN.swap(true, Ordering::SeqCst) {
            waiter.sleep(None, false);
        }
        Self
    }

    /// In a clone: the thread that had it does not exist.
    fn reset() {
        TAKEN.store(false, Ordering::SeqCst);
    }
}

impl Drop for BootArea {
    fn drop(&mut self) {
        TAKEN.store(false, Ordering::SeqCst);
        kernel().sched.wake(KEY.load(Ordering::Relaxed));
    }
}

/// In a clone: nobody is about to start a program elsewhere.
pub fn child() {
    BootArea::reset();
}
