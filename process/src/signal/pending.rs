//! Signals that wait to be taken: one bit per signal, and a queue of what they carry. Pure; signal(7), "Queueing and
//! delivery semantics".

use abi::signal::{SI_TIMER, SI_USER, SIGRTMIN, SigInfo, SigSet};
use alloc::collections::VecDeque;

/// What became of a signal that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is pending with all that it carries.
    Queued,
    /// A standard signal that was pending already: it stays pending once.
    Coalesced,
    /// No room for what it carries: pending without it.
    Bare,
    /// No room, and nobody may lose what it carries (sigqueue): not pending.
    Refused,
}

/// The pending signals of a thread or a process.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    set: SigSet,
    queue: VecDeque<SigInfo>,
}

impl Pending {
    /// Nothing pending.
    pub const fn new() -> Self {
        Self { set: SigSet::EMPTY, queue: VecDeque::new() }
    }

    /// Which signals are pending.
    pub fn set(&self) -> SigSet {
        self.set
    }

    /// Queued entries, as RLIMIT_SIGPENDING counts them.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Adds a signal; `room` says whether another entry may be queued. Signals of the kernel and standard signals may
    /// exceed the limit, as on Linux.
    pub fn add(&mut self, info: SigInfo, room: bool) -> Added {
        let signo = info.si_signo;
        if signo < SIGRTMIN && self.set.contains(signo) {
            return Added::Coalesced;
        }
        if room || (signo < SIGRTMIN && info.si_code >= 0) {
            self.set.insert(signo);
            self.queue.push_back(info);
            return Added::Queued;
        }
        if signo >= SIGRTMIN && info.si_code != SI_USER {
            return Added::Refused;
        }
        self.set.insert(signo);
        Added::Bare
    }

    /// The pending signal of `wanted` to be taken first: faults of the thread itself, then the lowest number.
    pub fn first(&self, wanted: SigSet) -> Option<i32> {
        let ready = self.set.intersection(wanted);
        ready.intersection(SigSet::SYNCHRONOUS).first().or_else(|| ready.first())
    }

    /// Takes the first of the `wanted` signals; the oldest of its number.
    pub fn take(&mut self, wanted: SigSet) -> Option<SigInfo> {
        let signo = self.first(wanted)?;
        let at = self.queue.iter().position(|i| i.si_signo == signo);
        let info = at.and_then(|at| self.queue.remove(at));
        if !self.queue.iter().any(|i| i.si_signo == signo) {
            self.set.remove(signo);
        }
        Some(info.unwrap_or(SigInfo::new(signo, SI_USER)))
    }

    /// Drops all signals in `set`.
    pub fn discard(&mut self, set: SigSet) {
        if !self.set.intersection(set).is_empty() {
            self.set = self.set.difference(set);
            self.queue.retain(|i| !set.contains(i.si_signo));
        }
    }

    /// True when timer `id` has a signal in the queue: a further expiry only counts as an overrun.
    pub fn has_timer(&self, id: i32) -> bool {
        self.queue.iter().any(|i| i.si_code == SI_TIMER && i.si_timerid() == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::signal::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn faults_come_first_then_low_numbers() {
        let mut p = Pending::new();
        for signo in [SIGRTMAX, SIGINT, SIGSEGV, SIGRTMIN, SIGHUP] {
            assert_eq!(p.add(SigInfo::new(signo, SI_KERNEL), true), Added::Queued);
        }
        let order: Vec<_> =
            core::iter::from_fn(|| p.take(SigSet::FULL.without(SIGINT)).map(|i| i.si_signo)).collect();
        assert_eq!(order, [SIGSEGV, SIGHUP, SIGRTMIN, SIGRTMAX]);
        assert_eq!(p.set(), SigSet::of(SIGINT));
    }

    #[test]
    fn a_full_queue() {
        let mut p = Pending::new();
        assert_eq!(p.add(SigInfo::queue(SIGRTMIN, SI_QUEUE, 1, 0, 7), false), Added::Refused);
        assert_eq!(p.add(SigInfo::kill(SIGRTMIN, SI_USER, 1, 0), false), Added::Bare);
        assert_eq!(p.add(SigInfo::kill(SIGINT, SI_USER, 1, 0), false), Added::Queued);
        assert_eq!(p.take(SigSet::of(SIGRTMIN)), Some(SigInfo::new(SIGRTMIN, SI_USER)));
        assert_eq!(p.take(SigSet::of(SIGRTMIN)), None);
    }

    #[test]
    fn timers() {
        let mut p = Pending::new();
        p.add(SigInfo::timer(SIGRTMIN, 3, 0, 0), true);
        p.add(SigInfo::queue(SIGRTMIN, SI_QUEUE, 1, 0, 7), true);
        p.add(SigInfo::timer(SIGALRM, 4, 0, 0), true);
        assert!(p.has_timer(3) && p.has_timer(4) && !p.has_timer(5));
        assert_eq!(p.take(SigSet::of(SIGRTMIN)).map(|i| i.si_timerid()), Some(3));
        assert!(!p.has_timer(3) && p.has_timer(4));
        p.discard(SigSet::of(SIGALRM));
        assert_eq!(p.take(SigSet::FULL).map(|i| i.si_value()), Some(7));
    }

    proptest! {
        /// Real-time signals are neither lost nor reordered within a number; standard ones are pending once.
        #[test]
        fn is_a_queue_per_number(signals in proptest::collection::vec((1i32..=64, any::<u32>()), 0..100)) {
            let mut p = Pending::new();
            let mut model: Vec<Vec<u64>> = alloc::vec![Vec::new(); 65];
            for (signo, value) in signals {
                let added = p.add(SigInfo::queue(signo, SI_QUEUE, 1, 0, value.into()), true);
                let list = &mut model[signo as usize];
                prop_assert_eq!(added == Added::Queued, signo >= SIGRTMIN || list.is_empty());
                if added == Added::Queued {
                    list.push(value.into());
                }
            }
            while let Some(info) = p.take(SigSet::FULL) {
                let list = &mut model[info.si_signo as usize];
                prop_assert_eq!(list.remove(0), info.si_value());
                prop_assert_eq!(p.set().contains(info.si_signo), !list.is_empty());
            }
            prop_assert!(model.iter().all(Vec::is_empty));
        }
    }
}
