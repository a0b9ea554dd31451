//! What an epoll instance watches, as members and the monitor tell each other; epoll(7).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A watched file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Entry {
    /// The number that epoll_ctl(2) was given …
    pub fd: i32,
    /// … and the description behind it.
    pub desc: u32,
    /// EPOLLIN and so on, EPOLLET, EPOLLONESHOT.
    pub events: u32,
    /// [`DISABLED`] | [`MARKED`].
    pub state: u32,
    pub data: u64,
    /// The file's edge mark when it was reported last.
    pub mark: u64,
}

/// Reported once and not armed anew (EPOLLONESHOT).
pub const DISABLED: u32 = 1;
/// It has a mark.
pub const MARKED: u32 = 2;

/// The first entries of a list that is told.
pub const FIRST: u64 = 1;
/// The last ones.
pub const LAST: u64 = 2;

/// Entries of an instance at most.
pub const MAX_ENTRIES: usize = 65_536;

/// `Op::Epoll`: what is asked for.
pub mod ask {
    pub const MAKE: u64 = 0;
    pub const TELL: u64 = 1;
    pub const LIST: u64 = 2;
    pub const ADD: u64 = 3;
    pub const CHANGE: u64 = 4;
    pub const REMOVE: u64 = 5;
    pub const TAKE: u64 = 6;
}
