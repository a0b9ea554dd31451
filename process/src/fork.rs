//! fork(2) and clone(2) without CLONE_VM: the member is cloned. The order of docs/architecture.md, "fork, in order".
//!
//! What a clone must not inherit, and who drops it: identity and event slot (platform), the request channel
//! (`Host::rebind`), other threads (`Sched::forget_others`), pending signals (`signal::child`), timers (`timer::child`),
//! futex waiters (`futex::child`), randomness (platform, from the identity's fresh entropy), CPU time (the host's new process).

use abi::errno::{Errno, SysResult};
use abi::process::CloneFlags;
use alloc::sync::Arc;
use platform::{CloneError, ClonePlan, Cloned};
use protocol::Op;
use protocol::op::{FORK_PARENT, FORK_SHARE_FS};

use crate::Thread;
use crate::kernel::kernel;

/// Who returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forked {
    Parent(u32),
    Child,
}

/// `ForkPrepare` flags that clone flags ask for.
pub fn prepare_flags(flags: CloneFlags) -> u64 {
    let mut f = 0;
    if flags.contains(CloneFlags::CLONE_PARENT) {
        f |= FORK_PARENT;
    }
    if flags.contains(CloneFlags::CLONE_FS) {
        f |= FORK_SHARE_FS;
    }
    f
}

/// Clones the member.
pub fn fork(me: &Arc<Thread>, flags: CloneFlags, exit_signal: u32) -> SysResult<Forked> {
    let k = kernel();
    let p = &me.process;

    // 1. Quiesce: this thread holds the virtual CPU; the others stand at switches.
    // 2. Each subsystem prepares: delegated offsets go back to the monitor.
    let recalled = p.fds.prepare_fork(&k.host);

    // 3. One message: pid, slot, descriptor references, the child's control region.
    // Nobody opens or closes anything between this and the clone.
    let answer = k.host.call_alone(Op::ForkPrepare, &[exit_signal.into(), prepare_flags(flags)])?;
    let pid = answer.ret() as u32;
    let slot = answer.value(0) as u32;
    let region = answer.region(0);
    drop((answer, recalled));
    let Some(region) = region else {
        // Undo: as below.
        k.host.post(Op::ForkDone, &[pid.into(), 0], &[])?;
        return Err(Errno::ENOMEM);
    };

    // 4. The platform clones memory copy-on-write.
    let plan = ClonePlan { control_region: region.id, slot, pid };
    match k.platform.clone_member(&plan) {
        Ok(Cloned::Parent { token }) => {
            k.host.post(Op::ForkDone, &[pid.into(), token], &[])?;
            k.platform.forget(region.id);
            Ok(Forked::Parent(pid))
        }
        Ok(Cloned::Child(identity)) => {
            // 5. The child becomes itself.
            k.host.rebind();
            let others = k.sched.forget_others();
            for t in &others {
                if let Some(context) = t.context() {
                    k.platform.free_context(context);
                }
            }
            *k.processes.lock() = alloc::vec![p.clone()];
            *p.threads.lock() = alloc::vec![me.clone()];
            p.set_pid(identity.pid);
            me.set_tid(identity.pid);
            k.sched.ids_changed();
            crate::threads::publish(p);
            p.vfork_key.store(0, core::sync::atomic::Ordering::Relaxed);
            let attrs = p.attrs.lock().for_child();
            *p.attrs.lock() = attrs;
            crate::signal::child(p, me);
            crate::timer::child();
            crate::futex::child();
            crate::exec::child();
            p.mm.child(k.platform);
            crate::report::child();
            p.fds.child(identity.pid);
            if !others.is_empty() {
                // What those threads were about to open or close is not the child's. A list that is too long for a request
                // is not sent: then something may stay open longer than it should.
                let _ = k.host.post(Op::Holdings, &[], &p.holdings());
            }
            Ok(Forked::Child)
        }
        Err(e) => {
            // Undo: the monitor takes back pid, slot and references.
            k.host.post(Op::ForkDone, &[pid.into(), 0], &[])?;
            k.platform.forget(region.id);
            Err(match e {
                CloneError::NoMemory => Errno::ENOMEM,
                CloneError::Again => Errno::EAGAIN,
            })
        }
    }
}
