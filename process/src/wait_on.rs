//! Waiting without lost wake-ups.
//!
//! A [`Waiter`] registers the thread for *keys* when it is made; the caller then arms what it waits for, checks its
//! condition, and sleeps. A wake-up between registration and sleep makes the sleep return at once.
//!
//! Keys: a family object number (an event for it wakes), one of the fixed events (`EV_RETRY`, `EV_REPLY`), or a local
//! key from [`local_key`] for things that only this member's threads change.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use abi::errno::{Errno, SysResult};
use protocol::MAX_OBJECTS;

use crate::Thread;
use crate::kernel::{current, kernel};

/// Why a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A key was woken (perhaps for another reason than the caller's: check again).
    Woken,
    /// The deadline passed.
    TimedOut,
    /// A signal is to be handled (only for interruptible sleeps).
    Interrupted,
}

static NEXT_LOCAL: AtomicU32 = AtomicU32::new(MAX_OBJECTS);

/// A key that nobody else uses. Keys wrap after four billion.
pub fn local_key() -> u32 {
    let k = NEXT_LOCAL.fetch_add(1, Ordering::Relaxed);
    if k >= MAX_OBJECTS {
        k
    } else {
        NEXT_LOCAL.fetch_max(MAX_OBJECTS + 1, Ordering::Relaxed).max(MAX_OBJECTS)
    }
}

/// One registration of a thread; shared with the scheduler's table.
pub(crate) struct Registration {
    pub(crate) thread: Arc<Thread>,
    pub(crate) woken: AtomicBool,
}

/// The calling thread's registration for some keys. Registrations nest: each has its own wake-up mark.
pub struct Waiter {
    reg: Arc<Registration>,
    keys: Vec<u32>,
}

impl Waiter {
    /// Registers the calling thread.
    pub fn new(keys: &[u32]) -> Self {
        let reg = Arc::new(Registration { thread: current(), woken: AtomicBool::new(false) });
        kernel().sched.register(&reg, keys);
        Self { reg, keys: keys.to_vec() }
    }

    /// What wakes this waiter directly.
    pub fn waker(&self) -> Waker {
        Waker(self.reg.clone())
    }

    /// Sleeps until a key is woken, `deadline` (monotonic ns) passes, or, if `interruptible`, a signal is to be handled.
    pub fn sleep(&self, deadline: Option<u64>, interruptible: bool) -> Wake {
        let k = kernel();
        loop {
            if self.reg.woken.swap(false, Ordering::SeqCst) {
                return Wake::Woken;
            }
            if interruptible && self.reg.thread.interrupt_pending() {
                return Wake::Interrupted;
            }
            if deadline.is_some_and(|d| k.platform.monotonic() >= d) {
                return Wake::TimedOut;
            }
            k.sched.sleep(&self.reg.thread, deadline);
        }
    }
}

/// Wakes one [`Waiter`], for lists of waiters that are kept elsewhere than by key.
#[derive(Clone)]
pub struct Waker(Arc<Registration>);

impl Waker {
    /// Makes the waiter's sleep, the present one or the next, end.
    pub fn wake(&self) {
        self.0.woken.store(true, Ordering::SeqCst);
        kernel().sched.nudge(&self.0.thread);
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        kernel().sched.unregister(&self.reg, &self.keys);
    }
}

/// Repeats `attempt` until it gives something else than EAGAIN, sleeping in between until a key is woken. `attempt` arms
/// what it waits for (so that the keys' events come) *before* it looks at its condition. EAGAIN in the end means that
/// `deadline` (monotonic ns) passed, ERESTARTSYS that a signal is to be handled.
pub fn block_until<T>(
    keys: &[u32],
    deadline: Option<u64>,
    mut attempt: impl FnMut() -> SysResult<T>,
) -> SysResult<T> {
    let waiter = Waiter::new(keys);
    loop {
        match attempt() {
            Err(Errno::EAGAIN) => {}
            done => return done,
        }
        match waiter.sleep(deadline, true) {
            Wake::Woken => {}
            Wake::TimedOut => return attempt(),
            Wake::Interrupted => return Err(Errno::ERESTARTSYS),
        }
    }
}
