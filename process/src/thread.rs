//! A thread of the app: a kernel context with its user state.

use abi::process::TASK_COMM_LEN;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use platform::ContextId;
use platform::sync::{Mutex, Rank};

use crate::Process;
use crate::mempolicy::Policy;
use crate::share::Share;

/// A name with at least one NUL behind it.
fn padded(name: &[u8]) -> [u8; TASK_COMM_LEN] {
    let mut all = [0; TASK_COMM_LEN];
    let n = name.len().min(TASK_COMM_LEN - 1);
    all[..n].copy_from_slice(&name[..n]);
    all
}

/// One thread. The scheduler owns `state`; signals live in the process's and thread's signal modules.
pub struct Thread {
    tid: AtomicU32,
    pub process: Arc<Process>,
    context: Mutex<Option<ContextId>>,
    /// Set when a signal that is not blocked is pending, or the thread must die: leaves interruptible sleeps and makes the
    /// exit path to user mode look.
    pub attention: AtomicBool,
    /// The thread must end (exit_group or exec by another thread).
    pub dying: AtomicBool,
    /// set_tid_address / CLONE_CHILD_CLEARTID.
    pub clear_child_tid: AtomicUsize,
    /// set_robust_list head.
    pub robust_list: AtomicUsize,
    /// Name that PR_SET_NAME gave this thread, NUL-padded; empty: the program's.
    name: Mutex<[u8; TASK_COMM_LEN]>,
    /// What it had of the virtual CPU; kept by the scheduler.
    pub share: Share,
    /// Deadline while asleep, for the scheduler (u64::MAX: none).
    pub deadline: AtomicU64,
    /// What it starts with, until it starts.
    pub start: Mutex<Option<crate::threads::Start>>,
    /// Where its memory is to lie, set_mempolicy(2).
    pub policy: Mutex<Policy>,
    /// Signal state of this thread.
    pub signals: crate::signal::ThreadSignals,
}

impl Thread {
    /// A thread that does not run yet.
    pub fn new(tid: u32, process: Arc<Process>, context: Option<ContextId>) -> Arc<Self> {
        Arc::new(Self {
            tid: AtomicU32::new(tid),
            process,
            context: Mutex::new(Rank::Leaf, context),
            attention: AtomicBool::new(false),
            dying: AtomicBool::new(false),
            clear_child_tid: AtomicUsize::new(0),
            robust_list: AtomicUsize::new(0),
            name: Mutex::new(Rank::Leaf, [0; TASK_COMM_LEN]),
            share: Share::default(),
            deadline: AtomicU64::new(u64::MAX),
            start: Mutex::new(Rank::Leaf, None),
            policy: Mutex::new(Rank::Leaf, Policy::default()),
            signals: crate::signal::ThreadSignals::new(),
        })
    }

    /// Takes over the memory policy of the thread that makes it.
    pub fn inherit_policy(&self, maker: &Thread) {
        let policy = *maker.policy.lock();
        *self.policy.lock() = policy;
    }

    /// Thread id in the family's pid space.
    pub fn tid(&self) -> u32 {
        self.tid.load(Ordering::Relaxed)
    }

    /// After a clone the only thread takes the child's pid; after exec in a thread, the leader's.
    pub fn set_tid(&self, tid: u32) {
        self.tid.store(tid, Ordering::Relaxed);
    }

    /// The thread's name, NUL-padded.
    pub fn name(&self) -> [u8; TASK_COMM_LEN] {
        let own = *self.name.lock();
        if own[0] != 0 {
            return own;
        }
        padded(&self.process.image.lock().comm)
    }

    /// Names the thread; what does not fit is cut off. An empty name is the program's.
    pub fn set_name(&self, name: &[u8]) {
        *self.name.lock() = padded(name);
    }

    /// Its kernel context.
    pub fn context(&self) -> Option<ContextId> {
        *self.context.lock()
    }

    /// Gives it a context.
    pub fn set_context(&self, id: ContextId) {
        *self.context.lock() = Some(id);
    }

    /// True when an interruptible sleep must end.
    pub fn interrupt_pending(&self) -> bool {
        self.attention.load(Ordering::SeqCst)
    }
}
