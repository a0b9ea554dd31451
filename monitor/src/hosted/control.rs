//! What a hosted member needs before it exists, beside its control region: a pair of control sockets.

use std::os::fd::OwnedFd;
use std::rc::Rc;

use abi::Errno;
use protocol::control::REGION_SIZE;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::mapping::Mapped;
use crate::regions::{Backing, Memory};

/// A fresh control region and a pair of control sockets.
pub struct Prepared {
    pub backing: Backing,
    pub control: Rc<Mapped>,
    /// The monitor's end.
    pub ours: OwnedFd,
    /// The member's end.
    pub theirs: OwnedFd,
}

impl Prepared {
    /// Makes one.
    pub fn new() -> Result<Self, Errno> {
        let (backing, map) = Memory::Host.create_mapped("offshoot-control", REGION_SIZE as u64)?;
        let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let (ours, theirs) = pair.map_err(|e| Errno(e.raw_os_error()))?;
        Ok(Self { backing, control: Rc::new(map), ours, theirs })
    }
}
