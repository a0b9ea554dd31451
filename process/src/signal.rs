//! Signals: dispositions, masks, pending queues, delivery.

use abi::process::CloneFlags;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::{Process, Thread};

/// Signal state of one thread.
pub struct ThreadSignals {
    /// Blocked signals (bit signo-1).
    pub mask: AtomicU64,
}

impl ThreadSignals {
    /// Nothing blocked, nothing pending.
    pub fn new() -> Self {
        Self { mask: AtomicU64::new(0) }
    }
}

impl Default for ThreadSignals {
    fn default() -> Self {
        Self::new()
    }
}

/// Signal state that the threads of a process share.
#[derive(Default)]
pub struct ProcessSignals {}

impl ThreadSignals {
    /// A new thread has its creator's mask.
    pub fn inherit(&self, from: &ThreadSignals) {
        self.mask.store(from.mask.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// The thread's blocked signals (bit signo-1).
pub fn blocked(thread: &Thread) -> u64 {
    thread.signals.mask.load(Ordering::Relaxed)
}

/// Signals that the process ignores (bit signo-1).
pub fn ignored(_p: &Process) -> u64 {
    0
}

/// First program of a member: mask and ignored signals that it was given.
pub fn boot(_p: &Process, thread: &Thread, mask: u64, _ignored: u64) {
    thread.signals.mask.store(mask, Ordering::Relaxed);
}

/// exec: handlers become default, ignored stays, the mask and what is pending stay, the alternative stack goes.
pub fn reset_for_exec(_p: &Process, _thread: &Thread) {}

/// Dispositions of a child that shares memory: a copy, or the same with CLONE_SIGHAND.
pub fn for_vfork_child(p: &Process, _flags: CloneFlags) -> Arc<ProcessSignals> {
    p.signals.clone()
}

/// In a clone: nothing is pending, the alternative stack stays.
pub fn child(_p: &Process, _thread: &Thread) {}
