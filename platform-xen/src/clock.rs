//! The timer, CPU time.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::{hypercall, shared_info};

/// The time that the timer is set to; 0: stopped. A clone does not inherit it.
static ARMED: AtomicU64 = AtomicU64::new(0);

/// In a fresh clone: the timer was the parent's.
pub fn forget_timer() {
    ARMED.store(0, Ordering::Relaxed);
}

/// See `Clock::arm`.
pub fn arm(deadline: Option<u64>) {
    let wanted = deadline.map_or(0, |d| d.max(1));
    if ARMED.swap(wanted, Ordering::Relaxed) != wanted {
        hypercall::set_timer(deadline.map(|d| d.max(1)));
    }
}

/// Wakes this CPU at that time although nobody asked for it, unless the timer is in use.
pub fn nudge(at: u64) {
    if ARMED.load(Ordering::Relaxed) == 0 {
        hypercall::set_timer(Some(at));
    }
}

/// See `Clock::monotonic`.
pub fn monotonic() -> u64 {
    shared_info::system_time()
}

/// See `Clock::wall`.
pub fn wall() -> u64 {
    shared_info::wall_base() + shared_info::system_time()
}
