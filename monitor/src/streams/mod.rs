//! Standard streams of the host, terminals.

use abi::Errno;
use protocol::desc::DescInfo;
use rustix::event::epoll::EventFlags;

use crate::config::Config;
use crate::family::Family;

/// A host stream (stdin, stdout, stderr).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// One end of a pty.
pub struct PtyEnd;

/// All streams of a family.
pub struct Server;

impl Server {
    /// Looks at the host's standard streams; nothing is opened yet.
    pub fn new(_config: &Config) -> anyhow::Result<Self> {
        Ok(Self)
    }
}

/// Opens the first program's descriptors 0, 1 and 2, held by `pid`: description numbers.
pub fn open_stdio(_fam: &mut Family, _pid: u32) -> Result<[u32; 3], Errno> {
    Err(Errno::ENOSYS)
}

/// The last reference to a stream is gone.
pub fn release(_fam: &mut Family, _id: StreamId) {}

/// The last reference to a pty's end is gone.
pub fn release_pty(_fam: &mut Family, _end: PtyEnd) {}

/// What members are told of a stream or pty (`desc` and `flags` are filled in by the caller).
pub fn info(_fam: &mut Family, _desc: u32) -> DescInfo {
    DescInfo::default()
}

/// A host stream added with `Token::Stream(id)` is ready.
pub fn host_ready(_fam: &mut Family, _id: u64, _ready: EventFlags) {}

/// The session's leader ended: its controlling terminal is given up, its foreground group gets SIGHUP and SIGCONT.
pub fn session_ended(_fam: &mut Family, _sid: u32) {}

/// The host's SIGWINCH: the terminal has another size.
pub fn window_changed(_fam: &mut Family) {}

/// Puts the host's terminal back as it was; also called when the family ends early.
pub fn restore(_fam: &mut Family) {}

/// The foreground process group and the terminal's device number of a session's controlling terminal.
pub fn controlling(_fam: &Family, _sid: u32) -> Option<(u32, u64)> {
    None
}
