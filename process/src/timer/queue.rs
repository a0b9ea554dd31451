//! A queue by deadline. Pure.

use alloc::collections::BTreeMap;

/// Names an entry: its deadline, and a number that tells entries with the same deadline apart.
pub type Key = (u64, u64);

/// Entries by deadline; those with the same deadline in the order in which they came.
pub struct Queue<T> {
    entries: BTreeMap<Key, T>,
    next: u64,
}

impl<T> Queue<T> {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { entries: BTreeMap::new(), next: 0 }
    }

    /// Adds an entry.
    pub fn insert(&mut self, deadline: u64, entry: T) -> Key {
        let key = (deadline, self.next);
        self.next += 1;
        self.entries.insert(key, entry);
        key
    }

    /// Removes an entry, unless it was taken already.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        self.entries.remove(&key)
    }

    /// The nearest deadline.
    pub fn first(&self) -> Option<u64> {
        self.entries.first_key_value().map(|((deadline, _), _)| *deadline)
    }

    /// Takes the first entry if it is due at `now`.
    pub fn pop_due(&mut self, now: u64) -> Option<T> {
        let due = self.first().is_some_and(|at| at <= now);
        if due { self.entries.pop_first().map(|(_, entry)| entry) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        /// Due entries come out by deadline, then by arrival, and removed ones do not.
        #[test]
        fn is_ordered(deadlines in proptest::collection::vec(0u64..20, 0..50), removed in any::<u64>(), now in 0u64..20) {
            let mut q = Queue::new();
            let keys: Vec<_> = deadlines.iter().enumerate().map(|(i, d)| q.insert(*d, i)).collect();
            let gone = |i: usize| removed >> i & 1 == 1;
            for (i, key) in keys.iter().enumerate().filter(|(i, _)| gone(*i)) {
                prop_assert_eq!(q.remove(*key), Some(i));
                prop_assert_eq!(q.remove(*key), None);
            }
            let mut model: Vec<_> = (0..deadlines.len()).filter(|i| !gone(*i)).collect();
            model.sort_by_key(|i| deadlines[*i]);
            prop_assert_eq!(q.first(), model.first().map(|i| deadlines[*i]));
            let due: Vec<_> = core::iter::from_fn(|| q.pop_due(now)).collect();
            model.retain(|i| deadlines[*i] <= now);
            prop_assert_eq!(due, model);
        }
    }
}
