//! Timers of the member: a queue by deadline.

/// Deadline of the first timer.
pub fn next_deadline() -> Option<u64> {
    None
}

/// Deadline of the first timer while user code runs: also those that count CPU time.
pub fn next_deadline_running() -> Option<u64> {
    next_deadline()
}

/// Runs what is due.
pub fn run_due() {}

/// exec: POSIX timers go, interval timers stay.
pub fn reset_for_exec(_p: &crate::Process) {}

/// In a clone: no timers.
pub fn child() {}

/// A signal was taken: if a timer sent it, its overruns are known now.
pub fn signal_taken(_p: &crate::Process, _info: &mut abi::signal::SigInfo) {}
