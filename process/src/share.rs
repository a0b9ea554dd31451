//! A thread's share of the virtual CPU: who may go before the running thread when it wakes, as sched(7) describes for threads
//! of equal priority.
//!
//! A thread's *virtual time* is the time that it ran, set forward so that nobody saves up more than [`CREDIT`] by sleeping.
//! Whoever wakes and is well behind the running thread runs at once: else a thread that never sleeps would hold up those that
//! it wakes, for a whole time slice each.

use core::sync::atomic::{AtomicU64, Ordering};

/// How far a thread that wakes may be behind the running one.
const CREDIT: u64 = 5_000_000;
/// How far it must be behind to run at once.
const LEAD: u64 = 1_000_000;

/// One thread's account, in nanoseconds.
#[derive(Debug, Default)]
pub struct Share {
    ran: AtomicU64,
    /// Virtual time that the thread did not run.
    forgone: AtomicU64,
}

impl Share {
    /// How long the virtual CPU was the thread's.
    pub fn ran(&self) -> u64 {
        self.ran.load(Ordering::Relaxed)
    }

    /// Counts time that it ran.
    pub fn count(&self, ns: u64) {
        self.ran.fetch_add(ns, Ordering::Relaxed);
    }

    fn time(&self) -> u64 {
        self.ran() + self.forgone.load(Ordering::Relaxed)
    }

    fn set_forward(&self, to: u64) {
        self.forgone.fetch_add(to.saturating_sub(self.time()), Ordering::Relaxed);
    }

    /// A new thread is as far as the one that made it.
    pub fn join(&self, running: &Share) {
        self.set_forward(running.time());
    }

    /// The thread wakes while another runs; true if it should run at once.
    pub fn wake(&self, running: &Share) -> bool {
        let now = running.time();
        self.set_forward(now.saturating_sub(CREDIT));
        self.time() + LEAD <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ns: u64) -> Share {
        let share = Share::default();
        share.count(ns);
        share
    }

    #[test]
    fn who_slept_goes_before_who_ran() {
        let (busy, slept) = (at(50_000_000), at(0));
        assert!(slept.wake(&busy));
        assert!(!busy.wake(&slept));
    }

    #[test]
    fn credit_is_used_up() {
        let (busy, slept) = (at(50_000_000), at(0));
        assert!(slept.wake(&busy));
        slept.count(CREDIT);
        assert!(!slept.wake(&busy), "it had its turn");
        busy.count(LEAD);
        assert!(slept.wake(&busy), "and gets the next after the other's");
        assert_eq!(slept.ran(), CREDIT, "virtual time is not run time");
    }

    #[test]
    fn a_new_thread_has_no_credit() {
        let (maker, new) = (at(70_000_000), at(0));
        new.join(&maker);
        assert!(!new.wake(&maker));
    }
}
