//! Who was answered EAGAIN and wants to hear (`EV_RETRY`) that it may succeed now.

use std::collections::{BTreeMap, BTreeSet};

/// What a blocked request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RetryKey {
    /// A child of this process changes.
    Child(u32),
    /// A lock on this file is given up (the VFS server's number of the file).
    Lock(u64),
    /// The other end of this FIFO is opened.
    Fifo(u64),
    /// A System V semaphore set or message queue changes.
    Ipc(u64),
}

/// Members by what they wait for.
#[derive(Default)]
pub struct RetryList {
    waiting: BTreeMap<RetryKey, BTreeSet<u32>>,
}

impl RetryList {
    /// Member `slot` was answered EAGAIN.
    pub fn note(&mut self, key: RetryKey, slot: u32) {
        self.waiting.entry(key).or_default().insert(slot);
    }

    /// Takes the members that wait for `key`. Use `Family::retry_all`, which also posts the events.
    pub fn take(&mut self, key: RetryKey) -> BTreeSet<u32> {
        self.waiting.remove(&key).unwrap_or_default()
    }

    /// The member is gone.
    pub fn forget(&mut self, slot: u32) {
        self.waiting.retain(|_, slots| {
            slots.remove(&slot);
            !slots.is_empty()
        });
    }
}
