//! Signals: dispositions, masks, pending queues, delivery.

use core::sync::atomic::AtomicU64;

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
