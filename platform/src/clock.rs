//! Time.

/// Clocks and the timer; nanoseconds throughout.
pub trait Clock {
    /// CLOCK_MONOTONIC; the same for all members of a family.
    fn monotonic(&self) -> u64;
    /// CLOCK_REALTIME.
    fn wall(&self) -> u64;
    /// CPU time of this member: (user, system). System is the time in its kernel if that is known, else 0.
    fn cpu_time(&self) -> (u64, u64);
    /// A kick at the monotonic time `deadline` if the app runs then; `None` disarms. One timer.
    fn arm(&self, deadline: Option<u64>);
}
