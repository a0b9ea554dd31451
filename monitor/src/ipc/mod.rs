//! System V shared memory, semaphores and message queues.

use crate::family::Family;

/// All System V objects of a family.
#[derive(Default)]
pub struct Server;

/// A process was forked: attachments are inherited.
pub fn process_forked(_fam: &mut Family, _parent: u32, _child: u32) {}

/// A process ended: semaphore adjustments are undone, shared memory is detached.
pub fn process_ended(_fam: &mut Family, _pid: u32) {}
