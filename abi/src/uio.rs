//! Scatter/gather vectors, readv(2).

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The most elements that one vectored call takes (`IOV_MAX`).
pub const UIO_MAXIOV: usize = 1024;
/// The most bytes that one read or write transfers: `INT_MAX` rounded down to a page.
pub const MAX_RW_COUNT: usize = 0x7fff_f000;

pub const RWF_HIPRI: u32 = 0x01;
pub const RWF_DSYNC: u32 = 0x02;
pub const RWF_SYNC: u32 = 0x04;
pub const RWF_NOWAIT: u32 = 0x08;
pub const RWF_APPEND: u32 = 0x10;
pub const RWF_NOAPPEND: u32 = 0x20;
pub const RWF_ATOMIC: u32 = 0x40;
pub const RWF_DONTCACHE: u32 = 0x80;

/// `struct iovec`: one buffer of a vector.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoVec {
    pub iov_base: u64,
    pub iov_len: u64,
}
const_assert_eq!(size_of::<IoVec>(), 16);
