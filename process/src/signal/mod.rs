//! Signals: dispositions, masks, pending queues, delivery. signal(7).
//!
//! The monitor routes signals between processes; what arrives here ([`post_process`], [`post_thread`]) waits in a
//! [`Pending`] until a thread that does not block it takes it: on its way to user mode ([`next`]), in sigtimedwait, or by
//! reading a signalfd. `Thread::attention` says that a thread has something to take.

mod actions;
mod deliver;
mod frame;
mod lifecycle;
mod pending;
mod post;
mod show;
mod stop;
mod suspend;

use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use abi::errno::{Errno, SysResult};
use abi::signal::{KernelSigAction, SIGCHLD, SigInfo, SigSet, StackT};
use alloc::sync::Arc;
use platform::sync::{Mutex, Rank};
use protocol::Op;

pub use actions::{Actions, Reaction};
pub use deliver::{force, force_default, next};
pub use frame::{change_altstack, pop_frame, push_frame};
pub use lifecycle::{boot, child, for_vfork_child, leave, reset_for_exec};
pub use pending::{Added, Pending};
pub use post::{find_thread, has_timer, post_process, post_thread};
pub use stop::resume;
pub use suspend::{restore_mask, suspend, timed_wait, with_mask};

use crate::kernel::kernel;
use crate::wait_on::local_key;
use crate::{Process, Thread};

/// What restart_syscall(2) goes on with.
pub type Restart = Box<dyn FnMut() -> SysResult<usize> + Send>;

/// Signal state of one thread.
pub struct ThreadSignals {
    /// Blocked signals (bit signo-1). Changed by [`set_mask`] only.
    mask: AtomicU64,
    /// Mask to restore when a call that changed it for its own duration has ended.
    saved: Mutex<Option<SigSet>>,
    /// Blocked signals that sigtimedwait takes all the same.
    waiting: AtomicU64,
    pending: Mutex<Pending>,
    /// The set of `pending`, for a look without the lock.
    pending_set: AtomicU64,
    altstack: Mutex<StackT>,
    restart: Mutex<Option<Restart>>,
}

impl ThreadSignals {
    /// Nothing blocked, nothing pending, no alternative stack.
    pub fn new() -> Self {
        Self {
            mask: AtomicU64::new(0),
            saved: Mutex::new(Rank::Leaf, None),
            waiting: AtomicU64::new(0),
            pending: Mutex::new(Rank::Leaf, Pending::new()),
            pending_set: AtomicU64::new(0),
            altstack: Mutex::new(Rank::Leaf, frame::NO_ALTSTACK),
            restart: Mutex::new(Rank::Leaf, None),
        }
    }

    /// Blocked signals.
    pub fn mask(&self) -> SigSet {
        SigSet(self.mask.load(Ordering::Relaxed))
    }

    /// Signals pending for this thread alone.
    pub fn pending(&self) -> SigSet {
        SigSet(self.pending_set.load(Ordering::Relaxed))
    }

    /// Leaves `restart` for restart_syscall(2), and gives the error that asks for it.
    pub fn restart_with(&self, restart: Restart) -> Errno {
        *self.restart.lock() = Some(restart);
        Errno::ERESTART_RESTARTBLOCK
    }

    /// What restart_syscall(2) goes on with, once.
    pub fn take_restart(&self) -> Option<Restart> {
        self.restart.lock().take()
    }

    /// Blocked signals that are not being waited for.
    fn blocked(&self) -> SigSet {
        self.mask().difference(SigSet(self.waiting.load(Ordering::Relaxed)))
    }

    fn with_pending<T>(&self, change: impl FnOnce(&mut Pending) -> T) -> T {
        let mut pending = self.pending.lock();
        let result = change(&mut pending);
        self.pending_set.store(pending.set().0, Ordering::Relaxed);
        result
    }
}

impl Default for ThreadSignals {
    fn default() -> Self {
        Self::new()
    }
}

/// Signal state that the threads of a process share.
pub struct ProcessSignals {
    state: Mutex<State>,
    /// The set of `state.pending`, for a look without the lock.
    pending_set: AtomicU64,
    /// The process is stopped: no thread returns to user mode.
    stopped: AtomicBool,
    /// Key that stopped threads sleep on.
    stop_key: u32,
    /// Key that is woken when a signal becomes pending.
    arrival_key: u32,
}

#[derive(Default)]
struct State {
    actions: Actions,
    pending: Pending,
}

impl Default for ProcessSignals {
    fn default() -> Self {
        Self::with_actions(Actions::default())
    }
}

impl ProcessSignals {
    fn with_actions(actions: Actions) -> Self {
        Self {
            state: Mutex::new(Rank::Signals, State { actions, pending: Pending::new() }),
            pending_set: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            stop_key: local_key(),
            arrival_key: local_key(),
        }
    }

    /// Signals pending for the process as a whole.
    pub fn pending(&self) -> SigSet {
        SigSet(self.pending_set.load(Ordering::Relaxed))
    }

    /// Woken whenever a signal becomes pending for the process or one of its threads (signalfd).
    pub fn arrival_key(&self) -> u32 {
        self.arrival_key
    }

    /// A disposition.
    pub fn action(&self, signo: i32) -> KernelSigAction {
        self.state.lock().actions.get(signo)
    }

    fn with_state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let result = change(&mut state);
        self.pending_set.store(state.pending.set().0, Ordering::Relaxed);
        result
    }
}

/// Sets a disposition, as sigaction(2), and gives the old one. Pending signals that are now ignored are dropped.
pub fn set_action(p: &Process, signo: i32, action: KernelSigAction) -> SysResult<KernelSigAction> {
    let mut told = None;
    let (old, ignored) = p.signals.with_state(|s| -> SysResult<_> {
        let flags = s.actions.child_flags();
        let old = if abi::signal::is_valid(signo) { s.actions.get(signo) } else { action };
        s.actions.set(signo, action)?;
        told = Some(s.actions.child_flags()).filter(|now| signo == SIGCHLD && *now != flags);
        let ignored = s.actions.ignores(signo);
        if ignored {
            s.pending.discard(SigSet::of(signo));
        }
        Ok((old, ignored))
    })?;
    if ignored {
        for t in p.threads.lock().iter() {
            t.signals.with_pending(|q| q.discard(SigSet::of(signo)));
        }
    }
    show::show(p, None);
    if let Some(flags) = told {
        kernel().host.post(Op::SetAttr, &[5, flags], &[])?;
    }
    Ok(old)
}

/// Changes the calling thread's blocked signals.
pub fn set_mask(t: &Arc<Thread>, mask: SigSet) {
    let mask = mask.difference(SigSet::UNBLOCKABLE);
    let old = SigSet(t.signals.mask.swap(mask.0, Ordering::SeqCst));
    let newly = mask.difference(old).intersection(t.process.signals.pending());
    post::retarget(t, newly);
    refresh(t);
    if old != mask {
        show::show(&t.process, Some(t));
    }
}

/// Signals that the thread would take now.
fn deliverable(t: &Thread) -> SigSet {
    t.signals.pending().union(t.process.signals.pending()).difference(t.signals.blocked())
}

/// Sets `attention` by what is pending.
pub(crate) fn refresh(t: &Thread) {
    let wanted = !deliverable(t).is_empty()
        || t.dying.load(Ordering::SeqCst)
        || t.process.signals.stopped.load(Ordering::SeqCst);
    t.attention.store(wanted, Ordering::SeqCst);
    if wanted {
        kernel().sched.request_work();
    }
}

/// Takes a pending signal of `wanted`: the thread's own first, then the process's.
pub fn take(t: &Thread, wanted: SigSet) -> Option<SigInfo> {
    let mut info = t.signals.with_pending(|q| q.take(wanted));
    if info.is_none() {
        info = t.process.signals.with_state(|s| s.pending.take(wanted));
    }
    if let Some(info) = &mut info {
        show::show(&t.process, Some(t));
        crate::timer::signal_taken(&t.process, info);
    }
    info
}

/// Signals pending for the thread or its process that it blocks; sigpending(2).
pub fn pending_blocked(t: &Thread) -> SigSet {
    t.signals.pending().union(t.process.signals.pending()).intersection(t.signals.mask())
}

/// The thread's blocked signals (bit signo-1).
pub fn blocked(t: &Thread) -> u64 {
    t.signals.mask().0
}

/// Signals that the process ignores (bit signo-1).
pub fn ignored(p: &Process) -> u64 {
    p.signals.state.lock().actions.ignored().0
}

/// True when the thread would not notice this signal: it blocks it, or the process ignores it.
pub fn unnoticed(t: &Thread, signo: i32) -> bool {
    t.signals.mask().contains(signo) || t.process.signals.state.lock().actions.ignores(signo)
}
