//! Counts of unknown system calls, told to the monitor at the process's end.

use alloc::collections::BTreeMap;
use platform::sync::{Mutex, Rank};
use protocol::Op;
use protocol::wire::Writer;

use crate::kernel::kernel;

static UNKNOWN: Mutex<BTreeMap<u32, u64>> = Mutex::new(Rank::Leaf, BTreeMap::new());

/// More different numbers than Linux has are of no use to anybody.
const MOST: usize = 512;

/// A call was answered ENOSYS because nothing knows its number.
pub fn unknown_call(nr: u32) {
    let mut counts = UNKNOWN.lock();
    if counts.len() < MOST || counts.contains_key(&nr) {
        *counts.entry(nr).or_default() += 1;
    }
}

/// Tells the counts.
pub fn at_exit() {
    let counts = core::mem::take(&mut *UNKNOWN.lock());
    if counts.is_empty() {
        return;
    }
    let mut w = Writer::new();
    w.u32(counts.len() as u32);
    for (nr, n) in counts {
        w.u32(nr).u64(n);
    }
    // Only a statistic; nothing to do when it cannot be sent.
    let _ = kernel().host.post(Op::Unknown, &[], &w.finish());
}

/// In a clone: the counts are the parent's.
pub fn child() {
    UNKNOWN.lock().clear();
}
