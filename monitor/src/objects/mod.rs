//! Pipes, FIFOs and eventfds.

use protocol::desc::DescInfo;

use crate::family::Family;

/// One end (or both, for a FIFO opened O_RDWR) of a pipe.
pub struct PipeEnd;

/// An eventfd.
pub struct EventFd;

/// The last reference to a pipe's end is gone.
pub fn release_pipe(_fam: &mut Family, _end: PipeEnd) {}

/// The last reference to an eventfd is gone.
pub fn release_eventfd(_fam: &mut Family, _e: EventFd) {}

/// What members are told of a pipe or eventfd (`desc` and `flags` are filled in by the caller).
pub fn info(_fam: &mut Family, _desc: u32) -> DescInfo {
    DescInfo::default()
}

/// A member died: the locks that it held in rings are broken.
pub fn member_lost(_fam: &mut Family, _slot: u32) {}
