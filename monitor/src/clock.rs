//! The host's clocks.

use rustix::time::{ClockId, clock_gettime};

/// Monotonic time in nanoseconds.
pub fn monotonic_ns() -> u64 {
    let t = clock_gettime(ClockId::Monotonic);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// Nanoseconds since the host started, its sleep included.
pub fn boot_ns() -> u64 {
    let t = clock_gettime(ClockId::Boottime);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// Seconds since the epoch.
pub fn wall_seconds() -> i64 {
    clock_gettime(ClockId::Realtime).tv_sec
}
