//! What becomes of signal state when threads and processes begin, change and end.

use abi::process::CloneFlags;
use abi::signal::SigSet;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use protocol::Op;

use super::show::show;
use super::{Actions, ProcessSignals, ThreadSignals, frame, post, set_mask};
use crate::kernel::kernel;
use crate::{Process, Thread};

impl ThreadSignals {
    /// A new thread has its creator's mask, and nothing else of its.
    pub fn inherit(&self, from: &ThreadSignals) {
        self.mask.store(from.mask().0, Ordering::Relaxed);
    }

    /// A child that shares its parent's memory for a while (vfork) also keeps the alternative stack.
    pub fn inherit_altstack(&self, from: &ThreadSignals) {
        let altstack = *from.altstack.lock();
        *self.altstack.lock() = altstack;
    }

    fn clear(&self) {
        self.with_pending(|q| q.discard(SigSet::FULL));
        self.waiting.store(0, Ordering::Relaxed);
        *self.saved.lock() = None;
        *self.restart.lock() = None;
    }
}

/// First program of a member: mask and ignored signals that it was given.
pub fn boot(p: &Process, t: &Thread, mask: u64, ignored: u64) {
    t.signals.mask.store(SigSet(mask).difference(SigSet::UNBLOCKABLE).0, Ordering::Relaxed);
    p.signals.with_state(|s| s.actions = Actions::boot(SigSet(ignored)));
    show(p, Some(t));
}

/// exec: handlers become default, ignored stays, the mask and what is pending stay, the alternative stack goes.
pub fn reset_for_exec(p: &Process, t: &Thread) {
    *t.signals.altstack.lock() = frame::NO_ALTSTACK;
    *t.signals.restart.lock() = None;
    let (before, after) = p.signals.with_state(|s| {
        let before = s.actions.child_flags();
        s.actions.reset();
        (before, s.actions.child_flags())
    });
    if before != after {
        // Lost only when the monitor is gone, and then so is this member.
        let _ = kernel().host.post(Op::SetAttr, &[5, after], &[]);
    }
    show(p, Some(t));
}

/// Signal state of a child that shares memory: a copy of the dispositions. Linux would share the table itself with
/// CLONE_SIGHAND; such a child is on its way to exec, where the two part anyway.
pub fn for_vfork_child(p: &Process, flags: CloneFlags) -> Arc<ProcessSignals> {
    let mut actions = p.signals.state.lock().actions.clone();
    if flags.contains(CloneFlags::CLONE_CLEAR_SIGHAND) {
        actions.reset();
    }
    Arc::new(ProcessSignals::with_actions(actions))
}

/// In a clone: nothing is pending; dispositions, mask and alternative stack are the parent's.
pub fn child(p: &Process, t: &Arc<Thread>) {
    p.signals.with_state(|s| s.pending.discard(SigSet::FULL));
    p.signals.stopped.store(false, Ordering::SeqCst);
    t.signals.clear();
    set_mask(t, t.signals.mask());
    show(p, Some(t));
}

/// The thread ends: signals of the process that it was chosen for go to others.
pub fn leave(t: &Arc<Thread>) {
    let mask = SigSet(t.signals.mask.swap(u64::MAX, Ordering::SeqCst));
    post::retarget(t, t.process.signals.pending().difference(mask));
}
