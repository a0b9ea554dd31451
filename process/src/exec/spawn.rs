//! exec of a vfork child: the program starts in a fresh member, and the parent's member goes on without it.

use abi::errno::{Errno, SysResult};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use protocol::Op;
use protocol::boot::{self, Program};

use super::plan::Plan;
use crate::Thread;
use crate::kernel::kernel;

/// Hands the calling vfork child over to a fresh member. Does not return on success.
pub fn exec_elsewhere(thread: &Arc<Thread>, plan: Plan) -> SysResult<core::convert::Infallible> {
    let k = kernel();
    let p = &thread.process;
    let creds = p.creds.lock().clone();
    let mut attrs = *p.attrs.lock();
    attrs.execed(&creds.ids);
    let program = Program {
        path: plan.path.clone(),
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
    let recalled = p.fds.prepare_fork(&k.host);
    if !boot::write_blob(&k.host.control(), &program.encode()) {
        return Err(Errno::E2BIG);
    }
    k.host.call(Op::SpawnExec, &[])?;
    drop((plan, recalled));
    crate::vfork::leave(thread)
}
