//! Timers of the member: a queue by deadline.

/// Deadline of the first timer.
pub fn next_deadline() -> Option<u64> {
    None
}

/// Runs what is due.
pub fn run_due() {}
