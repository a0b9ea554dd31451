//! Locks of the kernel. A lock is never held across a context switch; ranks give the order in which they may be taken,
//! checked in tests and with the `lockdep` feature (docs/lock-order.md has the tree).

use core::ops::{Deref, DerefMut};

/// Order of locks: a thread takes only locks of a higher rank than those that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Rank {
    /// Scheduler queues may be taken with nothing else.
    Process = 10,
    Signals = 20,
    FdTable = 30,
    Epoll = 40,
    File = 50,
    AddressSpace = 60,
    Futex = 70,
    Timers = 80,
    Waiters = 90,
    Scheduler = 100,
    Channel = 110,
    Leaf = 120,
}

#[cfg(feature = "lockdep")]
mod held {
    use core::sync::atomic::{AtomicU64, Ordering};

    // One virtual CPU: one set of held ranks, a bit per rank/10.
    #[cfg(not(any(test, feature = "fake")))]
    static HELD: AtomicU64 = AtomicU64::new(0);
    #[cfg(not(any(test, feature = "fake")))]
    fn with<T>(look: impl FnOnce(&AtomicU64) -> T) -> T {
        look(&HELD)
    }

    // Tests run beside each other, each thread as a virtual CPU of its own.
    #[cfg(any(test, feature = "fake"))]
    std::thread_local! {
        static HELD: AtomicU64 = const { AtomicU64::new(0) };
    }
    #[cfg(any(test, feature = "fake"))]
    fn with<T>(look: impl FnOnce(&AtomicU64) -> T) -> T {
        HELD.with(look)
    }

    pub fn take(rank: u8) {
        let bit = 1u64 << (rank / 10);
        let held = with(|h| h.fetch_or(bit, Ordering::Relaxed));
        assert!(held < bit, "lock order: rank {rank} taken while {held:#b} is held");
    }
    pub fn give(rank: u8) {
        with(|h| h.fetch_and(!(1u64 << (rank / 10)), Ordering::Relaxed));
    }
}

/// A spin lock with a place in the lock order.
pub struct Mutex<T> {
    #[cfg(feature = "lockdep")]
    rank: Rank,
    inner: spin::Mutex<T>,
}

/// Holds the lock.
pub struct Guard<'a, T> {
    #[cfg(feature = "lockdep")]
    rank: Rank,
    inner: spin::MutexGuard<'a, T>,
}

impl<T> Mutex<T> {
    /// A free lock.
    pub const fn new(rank: Rank, value: T) -> Self {
        #[cfg(not(feature = "lockdep"))]
        let _ = rank;
        Self {
            #[cfg(feature = "lockdep")]
            rank,
            inner: spin::Mutex::new(value),
        }
    }

    /// Takes the lock.
    pub fn lock(&self) -> Guard<'_, T> {
        #[cfg(feature = "lockdep")]
        held::take(self.rank as u8);
        Guard {
            #[cfg(feature = "lockdep")]
            rank: self.rank,
            inner: self.inner.lock(),
        }
    }
}

#[cfg(feature = "lockdep")]
impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        held::give(self.rank as u8);
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}
