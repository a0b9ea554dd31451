//! Sockets, and the relay to the host's network.

use protocol::desc::DescInfo;
use rustix::event::epoll::EventFlags;

use crate::config::Config;
use crate::family::Family;

/// A socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SocketId(pub u32);

/// All sockets of a family.
pub struct Server;

impl Server {
    /// Opens the published ports; an error names the port in use.
    pub fn new(_config: &Config) -> anyhow::Result<Self> {
        Ok(Self)
    }
}

/// The last reference to a socket is gone.
pub fn release(_fam: &mut Family, _id: SocketId) {}

/// What members are told of a socket (`desc` and `flags` are filled in by the caller).
pub fn info(_fam: &mut Family, _desc: u32) -> DescInfo {
    DescInfo::default()
}

/// A member changed a ring that the monitor waits on (event `object` in the monitor's bitmap).
pub fn object_event(_fam: &mut Family, _object: u32) {}

/// A host socket added with `Token::Net(id)` is ready.
pub fn host_ready(_fam: &mut Family, _id: u64, _ready: EventFlags) {}

/// Armed timers: the monitor calls [`on_timer`] no later than this monotonic time in nanoseconds.
pub fn next_deadline(fam: &Family) -> Option<u64> {
    crate::streams::next_deadline(fam)
}

/// The deadline has passed.
pub fn on_timer(fam: &mut Family, now: u64) {
    crate::streams::on_timer(fam, now);
}

/// A member died: the locks that it held in rings are broken.
pub fn member_lost(_fam: &mut Family, _slot: u32) {}
