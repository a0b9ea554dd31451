//! What a member needs before it exists: its control region and its control socket.

use std::os::fd::OwnedFd;
use std::rc::Rc;

use protocol::control::REGION_SIZE;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::mapping::Mapped;

/// A fresh control region and a pair of control sockets.
pub struct Prepared {
    pub file: OwnedFd,
    pub control: Rc<Mapped>,
    /// The monitor's end.
    pub ours: OwnedFd,
    /// The member's end.
    pub theirs: OwnedFd,
}

impl Prepared {
    /// Makes one.
    pub fn new() -> Result<Self, Errno> {
        let (file, map) = Mapped::create("offshoot-control", REGION_SIZE)?;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok(Self { file, control: Rc::new(map), ours, theirs })
    }
}
