//! What the user asked for: the whole configuration of a family.

use std::path::PathBuf;
use std::time::Duration;

/// A directory or file of the host, visible to the guest (`-v`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    pub host: PathBuf,
    /// Absolute path in the guest.
    pub guest: Vec<u8>,
    pub read_only: bool,
}

/// A published port (`-p`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    pub address: std::net::IpAddr,
    pub host: u16,
    pub guest: u16,
    pub udp: bool,
}

/// How the family reaches the network (`--net`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Net {
    /// A loopback of the family's own, published ports, and connections that go out through the host's sockets.
    #[default]
    Bridge,
    /// As `Bridge`, and the ports that the guest binds are bound on the host.
    Host,
    /// Only the family's own loopback.
    None,
}

/// What members are (`--platform`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Platform {
    /// Sandboxed processes of this host.
    #[default]
    Hosted,
    /// Xen domains; this is their dom0.
    Xen,
}

/// Where a trace goes (`--trace`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceTo {
    Stderr,
    File(PathBuf),
}

/// A family's configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Name in `ps` and `tree`.
    pub name: String,
    /// Root directory; none: the host's own root, read-only under a scratch overlay.
    pub root: Option<PathBuf>,
    /// Changes below `root` reach the host directory; otherwise they go to a scratch overlay.
    pub writable_root: bool,
    pub volumes: Vec<Volume>,
    /// Arguments; the first is the program.
    pub argv: Vec<Vec<u8>>,
    pub env: Vec<Vec<u8>>,
    /// Absolute path in the guest.
    pub workdir: Vec<u8>,
    pub hostname: String,
    /// Memory limit of each member in bytes; 0: none.
    pub memory: u64,
    pub publish: Vec<Publish>,
    pub net: Net,
    /// Most processes at one time; 0: as many as there are slots.
    pub pids: u32,
    pub timeout: Option<Duration>,
    /// Real uid and gid of the first program, and its supplementary groups.
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    /// Standard input is passed on (`-i`).
    pub interactive: bool,
    /// Trace from the start.
    pub trace: Option<TraceTo>,
    pub platform: Platform,
    /// The member's kernel.
    pub kernel: PathBuf,
}
