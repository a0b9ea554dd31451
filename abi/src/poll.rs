//! Readiness: poll(2), select(2), epoll(7), eventfd(2).

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub const POLLIN: u16 = 0x1;
pub const POLLPRI: u16 = 0x2;
pub const POLLOUT: u16 = 0x4;
pub const POLLERR: u16 = 0x8;
pub const POLLHUP: u16 = 0x10;
pub const POLLNVAL: u16 = 0x20;
pub const POLLRDNORM: u16 = 0x40;
pub const POLLRDBAND: u16 = 0x80;
pub const POLLWRNORM: u16 = 0x100;
pub const POLLWRBAND: u16 = 0x200;
pub const POLLMSG: u16 = 0x400;
pub const POLLREMOVE: u16 = 0x1000;
pub const POLLRDHUP: u16 = 0x2000;

bitflags::bitflags! {
    /// The `events` and `revents` of poll(2).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct PollEvents: u16 {
        const POLLIN = POLLIN;
        const POLLPRI = POLLPRI;
        const POLLOUT = POLLOUT;
        const POLLERR = POLLERR;
        const POLLHUP = POLLHUP;
        const POLLNVAL = POLLNVAL;
        const POLLRDNORM = POLLRDNORM;
        const POLLRDBAND = POLLRDBAND;
        const POLLWRNORM = POLLWRNORM;
        const POLLWRBAND = POLLWRBAND;
        const POLLMSG = POLLMSG;
        const POLLREMOVE = POLLREMOVE;
        const POLLRDHUP = POLLRDHUP;
    }
}

impl PollEvents {
    /// What is reported whether or not it was asked for.
    pub const ALWAYS: Self = Self::from_bits_retain(POLLERR | POLLHUP | POLLNVAL);

    // What each of select(2)'s sets asks for, as Linux maps them.
    pub const SELECT_READ: Self =
        Self::from_bits_retain(POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR | POLLNVAL);
    pub const SELECT_WRITE: Self =
        Self::from_bits_retain(POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR | POLLNVAL);
    pub const SELECT_EXCEPT: Self = Self::from_bits_retain(POLLPRI | POLLNVAL);
}

/// `struct pollfd`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PollFd {
    pub fd: i32,
    pub events: u16,
    pub revents: u16,
}
const_assert_eq!(size_of::<PollFd>(), 8);

pub const EPOLLIN: u32 = 0x1;
pub const EPOLLPRI: u32 = 0x2;
pub const EPOLLOUT: u32 = 0x4;
pub const EPOLLERR: u32 = 0x8;
pub const EPOLLHUP: u32 = 0x10;
pub const EPOLLNVAL: u32 = 0x20;
pub const EPOLLRDNORM: u32 = 0x40;
pub const EPOLLRDBAND: u32 = 0x80;
pub const EPOLLWRNORM: u32 = 0x100;
pub const EPOLLWRBAND: u32 = 0x200;
pub const EPOLLMSG: u32 = 0x400;
pub const EPOLLRDHUP: u32 = 0x2000;
pub const EPOLLEXCLUSIVE: u32 = 0x1000_0000;
pub const EPOLLWAKEUP: u32 = 0x2000_0000;
pub const EPOLLONESHOT: u32 = 0x4000_0000;
pub const EPOLLET: u32 = 0x8000_0000;

bitflags::bitflags! {
    /// The `events` of `struct epoll_event`; the low bits equal [`PollEvents`].
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct EpollEvents: u32 {
        const EPOLLIN = EPOLLIN;
        const EPOLLPRI = EPOLLPRI;
        const EPOLLOUT = EPOLLOUT;
        const EPOLLERR = EPOLLERR;
        const EPOLLHUP = EPOLLHUP;
        const EPOLLNVAL = EPOLLNVAL;
        const EPOLLRDNORM = EPOLLRDNORM;
        const EPOLLRDBAND = EPOLLRDBAND;
        const EPOLLWRNORM = EPOLLWRNORM;
        const EPOLLWRBAND = EPOLLWRBAND;
        const EPOLLMSG = EPOLLMSG;
        const EPOLLRDHUP = EPOLLRDHUP;
        const EPOLLEXCLUSIVE = EPOLLEXCLUSIVE;
        const EPOLLWAKEUP = EPOLLWAKEUP;
        const EPOLLONESHOT = EPOLLONESHOT;
        const EPOLLET = EPOLLET;
    }
}

impl From<PollEvents> for EpollEvents {
    fn from(events: PollEvents) -> Self {
        Self::from_bits_retain(events.bits() as u32)
    }
}

impl EpollEvents {
    /// The conditions, without the options in the high bits.
    pub const fn poll_events(self) -> PollEvents {
        PollEvents::from_bits_retain(self.bits() as u16)
    }

    /// What may accompany EPOLLEXCLUSIVE; epoll_ctl(2).
    pub const EXCLUSIVE_OK: Self = Self::from_bits_retain(
        EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE,
    );
}

/// `struct epoll_event`, packed on x86-64.
#[repr(C, packed)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct EpollEvent {
    pub events: u32,
    pub data: u64,
}
const_assert_eq!(size_of::<EpollEvent>(), 12);

// epoll_ctl(2) and epoll_create1(2).
pub const EPOLL_CTL_ADD: i32 = 1;
pub const EPOLL_CTL_DEL: i32 = 2;
pub const EPOLL_CTL_MOD: i32 = 3;
pub const EPOLL_CLOEXEC: u32 = 0x8_0000;
/// The most events that one epoll_wait may ask for: `INT_MAX` bytes' worth.
pub const EPOLL_MAX_EVENTS: i32 = i32::MAX / size_of::<EpollEvent>() as i32;
/// How deeply epoll instances may watch each other.
pub const EPOLL_MAX_NESTS: usize = 4;

// eventfd(2).
pub const EFD_SEMAPHORE: u32 = 0x1;
pub const EFD_CLOEXEC: u32 = 0x8_0000;
pub const EFD_NONBLOCK: u32 = 0x800;

/// The descriptors that an `fd_set` of the C library holds; the system call itself takes any number.
pub const FD_SETSIZE: usize = 1024;

/// The bytes that select(2) reads and writes of each set for `nfds` descriptors: whole 64-bit words.
pub const fn fd_set_bytes(nfds: usize) -> usize {
    nfds.div_ceil(64) * 8
}

/// pselect6's last argument: a signal set and its size.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SigSetArgPack {
    pub mask: u64,
    pub size: u64,
}
const_assert_eq!(size_of::<SigSetArgPack>(), 16);
