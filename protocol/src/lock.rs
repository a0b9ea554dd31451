//! A lock in a region that names its holder, so that the monitor can break it when the holder died.
//!
//! Word: 0 free, otherwise the holder's slot. Critical sections are short copies; contenders spin, then yield
//! to the platform between tries.

use core::sync::atomic::{AtomicU32, Ordering};

/// Takes the lock for `slot` if it is free.
pub fn try_lock(word: &AtomicU32, slot: u32) -> bool {
    word.compare_exchange(0, slot, Ordering::Acquire, Ordering::Relaxed).is_ok()
}

/// Gives the lock back; does nothing when the monitor broke it meanwhile.
pub fn unlock(word: &AtomicU32, slot: u32) {
    let _ = word.compare_exchange(slot, 0, Ordering::Release, Ordering::Relaxed);
}

/// Frees the lock if `dead` holds it (monitor only). True when it did.
pub fn break_lock(word: &AtomicU32, dead: u32) -> bool {
    word.compare_exchange(dead, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}
