//! Who waits for which futex, in order of arrival. Pure.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// What makes two futex addresses the same futex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// An address of the member's own memory.
    Private(usize),
    /// Memory that other members may map too.
    Shared { region: u64, offset: u64 },
}

struct Entry<W> {
    id: u64,
    bitset: u32,
    tid: u32,
    waiter: W,
}

/// The waiting threads' entries; `W` wakes one.
pub struct Table<W> {
    queues: BTreeMap<Place, VecDeque<Entry<W>>>,
    /// Where each entry is queued now: a requeue moves it.
    places: BTreeMap<u64, Place>,
    next: u64,
}

impl<W> Table<W> {
    /// Nobody waits.
    pub const fn new() -> Self {
        Self { queues: BTreeMap::new(), places: BTreeMap::new(), next: 0 }
    }

    /// Adds a waiter behind the others; gives its entry's id.
    pub fn add(&mut self, place: Place, bitset: u32, tid: u32, waiter: W) -> u64 {
        let id = self.next;
        self.next += 1;
        self.places.insert(id, place);
        self.queues.entry(place).or_default().push_back(Entry { id, bitset, tid, waiter });
        id
    }

    /// True while the entry waits.
    pub fn waits(&self, id: u64) -> bool {
        self.places.contains_key(&id)
    }

    /// Removes an entry; false when it was woken already.
    pub fn remove(&mut self, id: u64) -> bool {
        let Some(place) = self.places.remove(&id) else { return false };
        self.take_from(place, 1, |e| e.id == id);
        true
    }

    /// Takes up to `most` waiters whose bitsets meet `bitset`, the longest waiting first.
    pub fn wake(&mut self, place: Place, most: usize, bitset: u32) -> Vec<W> {
        self.take(place, most, |e| e.bitset & bitset != 0)
    }

    /// Takes the waiter of thread `tid` that waits longest there.
    pub fn wake_thread(&mut self, place: Place, tid: u32) -> Option<W> {
        self.take(place, 1, |e| e.tid == tid).pop()
    }

    /// Takes up to `wake` waiters and moves up to `most` of the rest to another place, behind those who wait there.
    /// Gives the taken ones, and how many were moved.
    pub fn requeue(&mut self, from: Place, wake: usize, most: usize, to: Place) -> (Vec<W>, usize) {
        let woken = self.wake(from, wake, u32::MAX);
        let moved = self.take_from(from, most, |_| true);
        let count = moved.len();
        for e in &moved {
            self.places.insert(e.id, to);
        }
        if count > 0 {
            self.queues.entry(to).or_default().extend(moved);
        }
        (woken, count)
    }

    /// Forgets everybody.
    pub fn clear(&mut self) {
        self.queues.clear();
        self.places.clear();
    }

    fn take(&mut self, place: Place, most: usize, which: impl Fn(&Entry<W>) -> bool) -> Vec<W> {
        let taken = self.take_from(place, most, which);
        for e in &taken {
            self.places.remove(&e.id);
        }
        taken.into_iter().map(|e| e.waiter).collect()
    }

    fn take_from(&mut self, place: Place, most: usize, which: impl Fn(&Entry<W>) -> bool) -> Vec<Entry<W>> {
        let mut taken = Vec::new();
        let Some(queue) = self.queues.get_mut(&place) else { return taken };
        let mut i = 0;
        while i < queue.len() && taken.len() < most {
            if which(&queue[i]) {
                taken.extend(queue.remove(i));
            } else {
                i += 1;
            }
        }
        if queue.is_empty() {
            self.queues.remove(&place);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Add { place: usize, bitset: u32 },
        Remove(u64),
        Wake { place: usize, most: usize, bitset: u32 },
        Requeue { from: usize, wake: usize, most: usize, to: usize },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0usize..3, 1u32..4).prop_map(|(place, bitset)| Step::Add { place, bitset }),
            (0u64..30).prop_map(Step::Remove),
            (0usize..3, 0usize..4, 1u32..4).prop_map(|(place, most, bitset)| Step::Wake {
                place,
                most,
                bitset
            }),
            (0usize..3, 0usize..3, 0usize..3, 0usize..3)
                .prop_map(|(from, wake, most, to)| { Step::Requeue { from, wake, most, to } }),
        ];
        proptest::collection::vec(step, 0..60)
    }

    /// Entries as (id, bitset) per place, in order.
    type Model = [Vec<(u64, u32)>; 3];

    fn take(list: &mut Vec<(u64, u32)>, most: usize, bitset: u32) -> Vec<u64> {
        let mut taken = Vec::new();
        list.retain(|(id, b)| {
            let hit = taken.len() < most && b & bitset != 0;
            if hit {
                taken.push(*id);
            }
            !hit
        });
        taken
    }

    proptest! {
        /// The table is a list per place: first in, first out among those whose bitsets match.
        #[test]
        fn is_a_list_per_place(steps in steps()) {
            let mut table = Table::new();
            let mut model: Model = Default::default();
            let mut next = 0u64;
            for step in steps {
                match step {
                    Step::Add { place, bitset } => {
                        prop_assert_eq!(table.add(Place::Private(place), bitset, 1, next), next);
                        model[place].push((next, bitset));
                        next += 1;
                    }
                    Step::Remove(id) => {
                        let had = model.iter().flatten().any(|(i, _)| *i == id);
                        prop_assert_eq!(table.waits(id), had);
                        prop_assert_eq!(table.remove(id), had);
                        model.iter_mut().for_each(|l| l.retain(|(i, _)| *i != id));
                    }
                    Step::Wake { place, most, bitset } => {
                        let expected = take(&mut model[place], most, bitset);
                        prop_assert_eq!(table.wake(Place::Private(place), most, bitset), expected);
                    }
                    Step::Requeue { from, wake, most, to } => {
                        let expected = take(&mut model[from], wake, u32::MAX);
                        let n = most.min(model[from].len());
                        let moved: Vec<_> = model[from].drain(..n).collect();
                        model[to].extend(moved);
                        let got = table.requeue(Place::Private(from), wake, most, Place::Private(to));
                        prop_assert_eq!(got, (expected, n));
                    }
                }
            }
        }
    }
}
