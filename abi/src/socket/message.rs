//! Messages and what travels with them: send(2), recv(2), cmsg(3).

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub const MSG_OOB: u32 = 0x1;
pub const MSG_PEEK: u32 = 0x2;
pub const MSG_DONTROUTE: u32 = 0x4;
pub const MSG_CTRUNC: u32 = 0x8;
pub const MSG_PROBE: u32 = 0x10;
pub const MSG_TRUNC: u32 = 0x20;
pub const MSG_DONTWAIT: u32 = 0x40;
pub const MSG_EOR: u32 = 0x80;
pub const MSG_WAITALL: u32 = 0x100;
pub const MSG_FIN: u32 = 0x200;
pub const MSG_SYN: u32 = 0x400;
pub const MSG_CONFIRM: u32 = 0x800;
pub const MSG_RST: u32 = 0x1000;
pub const MSG_ERRQUEUE: u32 = 0x2000;
pub const MSG_NOSIGNAL: u32 = 0x4000;
pub const MSG_MORE: u32 = 0x8000;
pub const MSG_WAITFORONE: u32 = 0x1_0000;
pub const MSG_BATCH: u32 = 0x4_0000;
pub const MSG_ZEROCOPY: u32 = 0x400_0000;
pub const MSG_FASTOPEN: u32 = 0x2000_0000;
pub const MSG_CMSG_CLOEXEC: u32 = 0x4000_0000;

bitflags::bitflags! {
    /// The flags of send(2) and recv(2) and of `msg_flags`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct MsgFlags: u32 {
        const MSG_OOB = MSG_OOB;
        const MSG_PEEK = MSG_PEEK;
        const MSG_DONTROUTE = MSG_DONTROUTE;
        const MSG_CTRUNC = MSG_CTRUNC;
        const MSG_PROBE = MSG_PROBE;
        const MSG_TRUNC = MSG_TRUNC;
        const MSG_DONTWAIT = MSG_DONTWAIT;
        const MSG_EOR = MSG_EOR;
        const MSG_WAITALL = MSG_WAITALL;
        const MSG_FIN = MSG_FIN;
        const MSG_SYN = MSG_SYN;
        const MSG_CONFIRM = MSG_CONFIRM;
        const MSG_RST = MSG_RST;
        const MSG_ERRQUEUE = MSG_ERRQUEUE;
        const MSG_NOSIGNAL = MSG_NOSIGNAL;
        const MSG_MORE = MSG_MORE;
        const MSG_WAITFORONE = MSG_WAITFORONE;
        const MSG_BATCH = MSG_BATCH;
        const MSG_ZEROCOPY = MSG_ZEROCOPY;
        const MSG_FASTOPEN = MSG_FASTOPEN;
        const MSG_CMSG_CLOEXEC = MSG_CMSG_CLOEXEC;
    }
}

// Types of ancillary data, cmsg(3).
pub const SCM_RIGHTS: i32 = 1;
pub const SCM_CREDENTIALS: i32 = 2;
pub const SCM_SECURITY: i32 = 3;
pub const SCM_PIDFD: i32 = 4;
pub const SCM_TIMESTAMP: i32 = 29;
pub const SCM_TIMESTAMPNS: i32 = 35;
/// The most descriptors in one message.
pub const SCM_MAX_FD: usize = 253;

/// `struct user_msghdr`; sendmsg(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MsgHdr {
    pub msg_name: u64,
    pub msg_namelen: i32,
    pub pad0: u32,
    pub msg_iov: u64,
    pub msg_iovlen: u64,
    pub msg_control: u64,
    pub msg_controllen: u64,
    pub msg_flags: u32,
    pub pad1: u32,
}
const_assert_eq!(size_of::<MsgHdr>(), 56);

/// `struct mmsghdr`; sendmmsg(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MMsgHdr {
    pub msg_hdr: MsgHdr,
    pub msg_len: u32,
    pub pad: u32,
}
const_assert_eq!(size_of::<MMsgHdr>(), 64);

/// `struct cmsghdr`; cmsg(3). The data follows.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct CmsgHdr {
    pub cmsg_len: u64,
    pub cmsg_level: i32,
    pub cmsg_type: i32,
}
const_assert_eq!(size_of::<CmsgHdr>(), 16);

/// Rounds up to the alignment of ancillary data (`CMSG_ALIGN`).
pub const fn cmsg_align(len: usize) -> usize {
    len.next_multiple_of(8)
}

/// The `cmsg_len` of an element with `len` bytes of data (`CMSG_LEN`).
pub const fn cmsg_len(len: usize) -> usize {
    size_of::<CmsgHdr>() + len
}

/// The room that such an element takes (`CMSG_SPACE`).
pub const fn cmsg_space(len: usize) -> usize {
    size_of::<CmsgHdr>() + cmsg_align(len)
}

/// `struct ucred`: who is at the other end.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct UCred {
    pub pid: i32,
    pub uid: u32,
    pub gid: u32,
}
const_assert_eq!(size_of::<UCred>(), 12);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancillary_sizes() {
        assert_eq!((cmsg_len(4), cmsg_space(4)), (20, 24));
        assert_eq!((cmsg_len(12), cmsg_space(12)), (28, 32));
    }
}
