//! What the monitor tells a member of an open file description, and of a node's attributes.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What a description refers to: how a member reads, writes, polls and maps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// Regular file (host, overlay, memfs, memfd): PRead/PWrite or Read/Write; mappable; always ready.
    File = 1,
    /// Directory: GetDents; offset in the monitor. `rdev` is the process of a /proc/PID, otherwise 0.
    Dir = 2,
    /// /dev/null, /dev/zero, /dev/full, /dev/random and urandom: served by the member alone.
    Null = 3,
    Zero = 4,
    Full = 5,
    Random = 6,
    /// Read-only generated file (procfs, sysfs): PRead; always ready; not mappable.
    Generated = 7,
    /// End(s) of a pipe or FIFO: one ring; the description's access mode says which ends.
    Pipe = 8,
    /// Connected stream (or seqpacket) socket, or one not yet connected: `flags_ex` says; two rings.
    Socket = 9,
    /// eventfd: a region as [`EVENTFD_REGION`] says.
    EventFd = 10,
    /// Terminal or host stream (stdin, stdout): Read/Write requests that may answer EAGAIN; the object tells changes,
    /// `PollDesc` asks for readiness.
    Stream = 11,
    /// O_PATH.
    Path = 12,
    /// Kinds whose state lives in the member and is only registered at the monitor so that it has a number and
    /// survives passing: not used on the wire; a signalfd, and an epoll instance of one process, have no description.
    Local = 13,
    /// A process, pidfd_open(2): `rdev` is its pid; `PollDesc` asks whether it has ended, and the object tells.
    PidFd = 14,
    /// timerfd: a region as an eventfd's, with a timer ([`TIMERFD_NEXT`] and so on) in the counter's place.
    TimerFd = 15,
    /// A POSIX message queue: `Op::MQueue` requests; `PollDesc` asks for readiness, and the object tells changes.
    MQueue = 16,
    /// An epoll instance that several processes may hold: `Op::Epoll` requests; the object tells changes of its list.
    Epoll = 17,
}

impl Kind {
    /// From the number on the wire.
    pub fn from_u32(n: u32) -> Option<Self> {
        const ALL: [Kind; 17] = [
            Kind::File,
            Kind::Dir,
            Kind::Null,
            Kind::Zero,
            Kind::Full,
            Kind::Random,
            Kind::Generated,
            Kind::Pipe,
            Kind::Socket,
            Kind::EventFd,
            Kind::Stream,
            Kind::Path,
            Kind::Local,
            Kind::PidFd,
            Kind::TimerFd,
            Kind::MQueue,
            Kind::Epoll,
        ];
        ALL.into_iter().find(|k| *k as u32 == n)
    }
}

/// Layout of an eventfd's region: counter (u64 at 0), lock word (u32 at 64), semaphore flag (u32 at 68), and from
/// 4096 a [`crate::ring::Ring`] of capacity 4096 that carries no data but both waiter bitmaps.
pub const EVENTFD_REGION: usize = 4096 + crate::ring::size_of_ring(4096);
/// Offset of the waiters' ring in an eventfd's region.
pub const EVENTFD_RING: usize = 4096;

/// A timerfd's next expiration on its clock in ns (u64; 0: disarmed).
pub const TIMERFD_NEXT: usize = 0;
/// … its interval in ns (u64),
pub const TIMERFD_INTERVAL: usize = 8;
/// … how many expirations and settings there were (u64),
pub const TIMERFD_ARMINGS: usize = 16;
/// … the expirations that nobody has read (u64),
pub const TIMERFD_TICKS: usize = 24;
/// … the lock that guards these, by slot (u32),
pub const TIMERFD_LOCK: usize = 64;
/// … and whether its clock is CLOCK_REALTIME (u32).
pub const TIMERFD_WALL: usize = 68;

/// A description as a reply carries it. For sockets the region holds two rings: the one this end reads at
/// `in_off`, the one it writes at `out_off`, each of `ring_cap` bytes. A pipe has its ring at 0 (both offsets 0).
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct DescInfo {
    pub desc: u32,
    /// [`Kind`] as a number.
    pub kind: u32,
    /// Status flags at this moment (the family region has the current ones).
    pub flags: u32,
    /// Object number of the thing's readiness; 0: none.
    pub object: u32,
    /// Region of its rings; 0: none yet. Attach with `AttachRegion(desc)` unless the reply delivered it.
    pub region: u64,
    pub region_size: u64,
    pub in_off: u32,
    pub out_off: u32,
    pub ring_cap: u32,
    /// File type and permission bits.
    pub mode: u32,
    pub ino: u64,
    pub dev: u64,
    pub rdev: u64,
    pub size: u64,
    /// Socket: domain, type and protocol; other kinds 0.
    pub domain: u32,
    pub stype: u32,
    pub protocol: u32,
    /// [`ST_LISTENING`] and so on.
    pub state: u32,
}

/// Socket state bits in [`DescInfo::state`].
pub const ST_LISTENING: u32 = 1;
/// The socket is connected; its rings exist.
pub const ST_CONNECTED: u32 = 2;
/// A nonblocking connect is under way; the object tells when it ends.
pub const ST_CONNECTING: u32 = 4;
/// The ring carries records (datagram, seqpacket), see [`RecordHeader`].
pub const ST_RECORDS: u32 = 8;
/// A connect(2) that did not wait has failed, and no other connect(2) has told so yet: reads see the end.
pub const ST_REFUSED: u32 = 64;
/// The stream is a terminal (isatty).
pub const ST_TTY: u32 = 16;
/// The file's offset and data live with the monitor alone (append-only logs of devices and the like): never delegate.
pub const ST_NO_DELEGATE: u32 = 32;

/// Before each record in a record ring: lengths of the source address and of the payload that follow it. Records
/// start 8-aligned.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RecordHeader {
    pub payload: u32,
    pub addr: u16,
    /// 1: the record has ancillary data waiting at the monitor.
    pub anc: u16,
}
