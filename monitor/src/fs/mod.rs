//! Names and files.

use protocol::desc::DescInfo;

use crate::config::Config;
use crate::family::Family;

/// An open file, directory, device or O_PATH description.
pub struct OpenNode;

/// An inotify object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct INotifyId(pub u32);

/// The VFS server.
pub struct Server;

impl Server {
    /// Mounts what the configuration says.
    pub fn new(_config: &Config) -> anyhow::Result<Self> {
        Ok(Self)
    }
}

/// The last reference to an open file is gone.
pub fn release_node(_fam: &mut Family, _node: OpenNode) {}

/// The last reference to an inotify object is gone.
pub fn release_inotify(_fam: &mut Family, _id: INotifyId) {}

/// What members are told of an open file (`desc` and `flags` are filled in by the caller).
pub fn node_info(_fam: &mut Family, _desc: u32) -> DescInfo {
    DescInfo::default()
}

/// The first program starts: root, working directory and umask as the configuration says.
pub fn first_process(_fam: &mut Family, _pid: u32) -> anyhow::Result<()> {
    Ok(())
}

/// A process was forked: it gets a copy of its parent's root, working directory and umask, or shares them.
pub fn process_forked(_fam: &mut Family, _parent: u32, _child: u32, _share: bool) {}

/// A process executes a program: it no longer shares its root and working directory, and so on.
pub fn process_execed(_fam: &mut Family, _pid: u32) {}

/// A process ended: its locks are freed. Its descriptions are closed by the caller.
pub fn process_ended(_fam: &mut Family, _pid: u32) {}
