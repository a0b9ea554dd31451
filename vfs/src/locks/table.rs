//! The locks of all files, and who waits for whom.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::cell::Cell;

use abi::Errno;

use super::ranges::{Held, Kind, Owner, Range, Ranges};
use super::whole::Whole;
use crate::server::inode::NodeKey;

#[derive(Default)]
struct File {
    ranges: Ranges,
    whole: Whole,
}

/// A lock that could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// Somebody has a conflicting one.
    Conflict,
    /// Waiting for it would never end (EDEADLK).
    Deadlock,
}

impl From<Blocked> for Errno {
    fn from(b: Blocked) -> Self {
        match b {
            Blocked::Conflict => Errno::EAGAIN,
            Blocked::Deadlock => Errno::EDEADLK,
        }
    }
}

#[derive(Clone, Copy)]
struct Wish {
    key: NodeKey,
    kind: Kind,
    range: Range,
}

/// All locks of a family.
#[derive(Default)]
pub struct Locks {
    files: BTreeMap<NodeKey, File>,
    /// What the threads (process, thread) wait for: only POSIX locks take part in the search for deadlocks.
    waits: BTreeMap<(u32, u32), Wish>,
    last_owner: Cell<u64>,
}

impl Locks {
    /// An identity for a new description.
    pub fn new_owner(&self) -> u64 {
        self.last_owner.set(self.last_owner.get() + 1);
        self.last_owner.get()
    }

    fn tidy(&mut self, key: NodeKey) {
        if self.files.get(&key).is_some_and(|f| f.ranges.is_empty() && f.whole.is_empty()) {
            self.files.remove(&key);
        }
    }

    /// F_SETLK and F_OFD_SETLK (`kind` `None`: F_UNLCK). `waiter`: this thread will wait if it must. Gives whether
    /// others may gain.
    pub fn set(
        &mut self,
        key: NodeKey,
        owner: Owner,
        kind: Option<Kind>,
        range: Range,
        waiter: Option<(u32, u32)>,
    ) -> Result<bool, Blocked> {
        if let Some(kind) = kind {
            let blockers: Vec<Owner> = self.blockers(key, owner, kind, range).collect();
            if !blockers.is_empty() {
                let (Some(waiter), Owner::Process(pid)) = (waiter, owner) else {
                    return Err(Blocked::Conflict);
                };
                if self.closes_circle(pid, blockers) {
                    self.waits.remove(&waiter);
                    return Err(Blocked::Deadlock);
                }
                self.waits.insert(waiter, Wish { key, kind, range });
                return Err(Blocked::Conflict);
            }
        }
        if let Some(waiter) = waiter {
            self.waits.remove(&waiter);
        }
        let freed = self.files.entry(key).or_default().ranges.set(owner, kind, range);
        self.tidy(key);
        Ok(freed)
    }

    /// F_GETLK: the first lock in the way.
    pub fn get(&self, key: NodeKey, owner: Owner, kind: Kind, range: Range) -> Option<Held> {
        self.files.get(&key)?.ranges.conflicts(owner, kind, range).next().copied()
    }

    fn blockers(&self, key: NodeKey, owner: Owner, kind: Kind, range: Range) -> impl Iterator<Item = Owner> {
        self.files
            .get(&key)
            .into_iter()
            .flat_map(move |f| f.ranges.conflicts(owner, kind, range))
            .map(|h| h.owner)
    }

    /// True when one of `blockers` waits, over however many others, for a lock of process `pid`.
    fn closes_circle(&self, pid: u32, blockers: Vec<Owner>) -> bool {
        let mut seen = BTreeSet::new();
        let mut todo = blockers;
        while let Some(owner) = todo.pop() {
            let Owner::Process(p) = owner else { continue };
            if p == pid {
                return true;
            }
            if !seen.insert(p) {
                continue;
            }
            for wish in self.waits.range((p, 0)..=(p, u32::MAX)).map(|(_, w)| *w) {
                todo.extend(self.blockers(wish.key, owner, wish.kind, wish.range));
            }
        }
        false
    }

    /// The thread does something else: it no longer waits for a lock.
    pub fn stop_waiting(&mut self, thread: (u32, u32)) {
        if !self.waits.is_empty() {
            self.waits.remove(&thread);
        }
    }

    /// flock(2) with LOCK_SH, LOCK_EX or (`None`) LOCK_UN: whether the lock is had, and whether others may gain.
    pub fn flock(&mut self, key: NodeKey, owner: u64, kind: Option<Kind>) -> (bool, bool) {
        let file = self.files.entry(key).or_default();
        let result = match kind {
            Some(kind) => file.whole.lock(owner, kind),
            None => (true, file.whole.unlock(owner)),
        };
        self.tidy(key);
        result
    }

    /// The last reference to a description is gone: true when it had locks.
    pub fn description_closed(&mut self, key: NodeKey, owner: u64) -> bool {
        let Some(file) = self.files.get_mut(&key) else { return false };
        let had = file.ranges.drop_owner(Owner::Description(owner)) | file.whole.unlock(owner);
        self.tidy(key);
        had
    }

    /// A process closed some descriptor of the file: all its record locks on it go (fcntl(2)). True when it had any.
    pub fn process_closed(&mut self, key: NodeKey, pid: u32) -> bool {
        let Some(file) = self.files.get_mut(&key) else { return false };
        let had = file.ranges.drop_owner(Owner::Process(pid));
        self.tidy(key);
        had
    }

    /// A process ended: the files whose locks changed.
    pub fn process_ended(&mut self, pid: u32) -> Vec<NodeKey> {
        self.waits.retain(|(p, _), _| *p != pid);
        let keys: Vec<NodeKey> = self.files.keys().copied().collect();
        keys.into_iter().filter(|key| self.process_closed(*key, pid)).collect()
    }

    /// All record locks of a file, by start (for tests and reports).
    pub fn held(&self, key: NodeKey) -> Vec<Held> {
        self.files.get(&key).map(|f| f.ranges.iter().copied().collect()).unwrap_or_default()
    }
}
