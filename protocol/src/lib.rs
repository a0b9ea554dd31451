//! What a member and its monitor say to each other, and the memory layouts that they (and members among
//! themselves) share. Everything here is a passive state machine over [`SharedMem`]: no blocking, no platform.
//!
//! Both sides treat what they read as hostile: indices and lengths are validated at every read.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod anc;
pub mod boot;
pub mod caps;
pub mod control;
pub mod desc;
pub mod epoll;
pub mod events;
pub mod family;
pub mod hosted;
pub mod inbox;
pub mod lock;
pub mod mem;
pub mod op;
pub mod ring;
pub mod wire;
pub mod xen;

pub use control::{MemberSide, MonitorSide};
pub use mem::{HeapMem, SharedMem};
pub use op::Op;

/// Version of everything in this crate; a member and a monitor that differ do not talk.
pub const PROTOCOL_VERSION: u32 = 6;
/// Member slots of a family, the monitor's (0) included.
pub const MAX_MEMBERS: u32 = 1024;
/// Object numbers are `FIRST_OBJECT..MAX_OBJECTS`; smaller numbers are events with a fixed meaning.
pub const FIRST_OBJECT: u32 = 1024;
/// One more than the largest event or object number.
pub const MAX_OBJECTS: u32 = 65_536;
/// Open file descriptions of a family.
pub const MAX_DESCS: u32 = 65_536;
/// The monitor's own slot.
pub const MONITOR_SLOT: u32 = 0;

/// In a member's bitmap: the inbox has messages.
pub const EV_INBOX: u32 = 0;
/// In a member's bitmap: a request slot is done.
pub const EV_REPLY: u32 = 1;
/// In a member's bitmap: a request that was answered EAGAIN may now succeed (lock, FIFO open, wait).
pub const EV_RETRY: u32 = 2;

/// The kernel release that uname(2) and procfs show: the newest whose system calls the table is measured against.
pub const OS_RELEASE: &str = "6.12.0-offshoot";
/// The kernel version that uname(2) and procfs show.
pub const OS_VERSION: &str = "#1 SMP";
