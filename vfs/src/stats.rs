//! Attributes that stat(2) was told by path, so that asking again takes no request while nothing has changed.
//!
//! Only answers that the monitor vouches for are kept: every folder on the way, and the node, belong to a file system
//! that changes by requests alone (the overlay, memory), and no shared mapping can write the node. The monitor moves its
//! generation whenever a name changes, or attributes that somebody was told; then all is forgotten.

use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use abi::fs::Stat;
use hashbrown::HashMap;
use platform::sync::{Mutex, Rank};
use protocol::{SharedMem, family};

use crate::host::Host;

/// Names kept; beyond that all are forgotten.
const MAX_NAMES: usize = 1024;
/// `Stat`'s r4: the answer may become wrong without a new generation.
const UNSURE: u64 = 3;

/// What is told of a node.
#[derive(Clone, Copy)]
pub struct Told {
    pub stat: Stat,
    /// What statx(2) shows beyond it, as `Op::Stat` gives it.
    pub more: [u64; 4],
}

#[derive(Default)]
struct Table {
    generation: u64,
    pid: u32,
    /// Symbolic links at the end followed, or not.
    names: [HashMap<Vec<u8>, Told>; 2],
}

/// The names that this member remembers.
pub struct Stats(Mutex<Table>);

impl Default for Stats {
    fn default() -> Self {
        Self(Mutex::new(Rank::File, Table::default()))
    }
}

impl Stats {
    /// The generation to give [`Stats::note`], taken before the request.
    pub fn generation(host: &Host) -> u64 {
        host.family().u64_at(family::FS_GENERATION).load(Ordering::Acquire)
    }

    /// What is known of an absolute path.
    pub fn get(&self, host: &Host, path: &[u8], follow: bool) -> Option<Told> {
        if !path.starts_with(b"/") {
            return None;
        }
        let t = self.0.lock();
        if t.pid != host.caller().0 || t.generation != Self::generation(host) {
            return None;
        }
        t.names[usize::from(follow)].get(path).copied()
    }

    /// Keeps the answer to a request made at `before`; `doubts` is its r4.
    pub fn note(&self, host: &Host, path: &[u8], follow: bool, before: u64, told: Told, doubts: u64) {
        if !path.starts_with(b"/") || doubts & UNSURE != 0 {
            return;
        }
        let mut t = self.0.lock();
        let pid = host.caller().0;
        let full = t.names.iter().map(HashMap::len).sum::<usize>() >= MAX_NAMES;
        if t.generation != before || t.pid != pid || full {
            *t = Table { generation: before, pid, ..Table::default() };
        }
        t.names[usize::from(follow)].insert(path.to_vec(), told);
    }

    /// Forgets all: credentials, root or program changed.
    pub fn clear(&self) {
        *self.0.lock() = Table::default();
    }
}
