//! Counts of unknown system calls, told to the monitor at the process's end.

/// Tells the counts.
pub fn at_exit() {}
