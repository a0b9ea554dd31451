//! Futexes in shared memory: who waits where, in the order of arrival; futex(2).
//!
//! A waiter is a thread of a process. Its kernel registered it before it looked at the word a last time, so that no
//! wake-up is lost; a wake-up is an inbox message that names the place of registration.

use std::collections::BTreeMap;

use crate::regions::RegionId;

/// A futex word.
pub type Place = (RegionId, u64);

/// Registrations of one process; more are refused, as no program has that many threads.
const MOST_PER_PROCESS: usize = 65_536;

/// A waiting thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter {
    pub slot: u32,
    pub pid: u32,
    pub tid: u32,
    pub bitset: u32,
    /// Where it registered; a requeued waiter waits elsewhere by now.
    pub registered: Place,
}

/// All waiters.
#[derive(Default)]
pub struct FutexTable {
    /// By place, each in order of arrival.
    places: BTreeMap<Place, Vec<Waiter>>,
    /// Registrations by process.
    counts: BTreeMap<u32, usize>,
}

impl FutexTable {
    /// Registers a waiter; false when its process has too many.
    pub fn register(&mut self, waiter: Waiter) -> bool {
        let count = self.counts.entry(waiter.pid).or_default();
        if *count >= MOST_PER_PROCESS {
            return false;
        }
        *count += 1;
        self.places.entry(waiter.registered).or_default().push(waiter);
        true
    }

    fn uncount(&mut self, pid: u32) {
        if let Some(n) = self.counts.get_mut(&pid) {
            *n -= 1;
            if *n == 0 {
                self.counts.remove(&pid);
            }
        }
    }

    /// Takes up to `count` waiters whose bitset meets `bitset`, the longest waiting first.
    pub fn wake(&mut self, place: Place, count: u64, bitset: u32) -> Vec<Waiter> {
        let mut woken = Vec::new();
        if let Some(list) = self.places.get_mut(&place) {
            list.retain(|w| {
                let take = (woken.len() as u64) < count && w.bitset & bitset != 0;
                if take {
                    woken.push(*w);
                }
                !take
            });
            if list.is_empty() {
                self.places.remove(&place);
            }
        }
        for w in &woken {
            self.uncount(w.pid);
        }
        woken
    }

    /// Moves up to `count` waiters to another place; how many.
    pub fn requeue(&mut self, from: Place, to: Place, count: u64) -> u64 {
        if from == to {
            return self.places.get(&from).map_or(0, |l| (l.len() as u64).min(count));
        }
        let Some(mut list) = self.places.remove(&from) else { return 0 };
        let n = (list.len() as u64).min(count);
        let rest = list.split_off(n as usize);
        if !rest.is_empty() {
            self.places.insert(from, rest);
        }
        if !list.is_empty() {
            self.places.entry(to).or_default().append(&mut list);
        }
        n
    }

    /// Takes a registration back; false when the waiter was woken already.
    pub fn cancel(&mut self, registered: Place, pid: u32, tid: u32) -> bool {
        let same = |w: &Waiter| w.registered == registered && w.pid == pid && w.tid == tid;
        // Nearly always it is still where it registered.
        let here = self.places.get(&registered).is_some_and(|l| l.iter().any(same));
        let place = if here {
            Some(registered)
        } else {
            self.places.iter().find(|(_, l)| l.iter().any(same)).map(|(p, _)| *p)
        };
        let Some(place) = place else { return false };
        if let Some(list) = self.places.get_mut(&place) {
            if let Some(at) = list.iter().position(same) {
                list.remove(at);
            }
            if list.is_empty() {
                self.places.remove(&place);
            }
        }
        self.uncount(pid);
        true
    }

    /// The process has ended.
    pub fn forget_process(&mut self, pid: u32) {
        if self.counts.remove(&pid).is_some() {
            self.places.retain(|_, list| {
                list.retain(|w| w.pid != pid);
                !list.is_empty()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Place = (RegionId(1), 0);
    const B: Place = (RegionId(1), 64);

    fn waiter(tid: u32, bitset: u32) -> Waiter {
        Waiter { slot: 1, pid: 2, tid, bitset, registered: A }
    }

    fn tids(woken: &[Waiter]) -> Vec<u32> {
        woken.iter().map(|w| w.tid).collect()
    }

    #[test]
    fn first_come_first_woken_and_bitsets_count() {
        let mut t = FutexTable::default();
        for (tid, bitset) in [(1, 1), (2, 2), (3, 3)] {
            assert!(t.register(waiter(tid, bitset)));
        }
        assert_eq!(tids(&t.wake(A, 5, 2)), [2, 3]);
        assert_eq!(tids(&t.wake(A, 5, u32::MAX)), [1]);
        assert!(t.wake(A, 5, u32::MAX).is_empty());
        assert!(t.counts.is_empty());
    }

    #[test]
    fn a_requeued_waiter_is_cancelled_by_its_first_place() {
        let mut t = FutexTable::default();
        t.register(waiter(1, 1));
        t.register(waiter(2, 1));
        assert_eq!(t.requeue(A, B, 1), 1);
        assert_eq!(tids(&t.wake(A, 9, 1)), [2]);
        assert!(t.cancel(A, 2, 1));
        assert!(!t.cancel(A, 2, 1));
        assert!(t.places.is_empty());
    }

    #[test]
    fn the_dead_do_not_wait() {
        let mut t = FutexTable::default();
        t.register(waiter(1, 1));
        t.forget_process(2);
        assert!(t.wake(A, 1, 1).is_empty());
    }
}
