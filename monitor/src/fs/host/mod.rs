//! Directories of the host as file systems of the guest: the read-only tree below the family's overlay, and binds.
//!
//! Confinement: a node is reached from the tree's root descriptor one component at a time, by openat2(2) with
//! RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS; symbolic links are the guest's walk's work, so that
//! the host never follows one. Nothing that is not a regular file or a directory is ever opened.

mod cache;
mod change;
mod dir;
mod node;
mod owner;

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::{Rc, Weak};

use abi::Errno;
use abi::fs::S_IFMT;
use rustix::fs::{Mode, OFlags, fstat, open};
use vfs::server::attr::{Attr, Time};
use vfs::server::inode::NodeKey;

use super::backing::Spent;
use cache::Cache;
pub use node::HostNode;
pub use owner::Owners;

/// A host error as the guest sees it; the numbers are the same.
pub fn errno(e: rustix::io::Errno) -> Errno {
    Errno(e.raw_os_error())
}

/// One directory (or file) of the host.
pub struct HostFs {
    /// As the guest sees it in st_dev; `None` for a lower tree, whose devices the overlay hides.
    dev: Option<u64>,
    writable: bool,
    owners: Owners,
    cache: RefCell<Cache>,
    nodes: RefCell<HashMap<NodeKey, Weak<HostNode>>>,
    /// Ownership that guests gave where the host does not let us.
    given: RefCell<HashMap<NodeKey, (u32, u32)>>,
    spent: Rc<RefCell<Spent>>,
}

impl HostFs {
    /// Opens `path`. The error's text tells the path.
    pub fn open(
        path: &Path,
        dev: Option<u64>,
        writable: bool,
        spent: Rc<RefCell<Spent>>,
    ) -> Result<Rc<HostNode>, Errno> {
        let fd: OwnedFd = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(errno)?;
        let stat = fstat(&fd).map_err(errno)?;
        let fs = Rc::new(Self {
            dev,
            writable,
            owners: Owners::current(),
            cache: RefCell::default(),
            nodes: RefCell::default(),
            given: RefCell::default(),
            spent,
        });
        Ok(HostNode::root(&fs, fd, stat.st_mode & S_IFMT, (stat.st_dev, stat.st_ino)))
    }

    /// Attributes as the guest sees them.
    fn attr(&self, s: &rustix::fs::Stat) -> Attr {
        let time = |sec: i64, nsec: i64| Time { sec, nsec };
        let key = (s.st_dev, s.st_ino);
        let (mut uid, mut gid) = self.owners.to_guest(s.st_uid, s.st_gid);
        if let Some(given) = self.given.borrow().get(&key) {
            (uid, gid) = *given;
        }
        let ctime = time(s.st_ctime, s.st_ctime_nsec as i64);
        Attr {
            dev: self.dev.unwrap_or(s.st_dev),
            ino: s.st_ino,
            mode: s.st_mode,
            nlink: s.st_nlink,
            uid,
            gid,
            rdev: s.st_rdev,
            size: s.st_size as u64,
            blksize: s.st_blksize as u32,
            blocks: s.st_blocks as u64,
            atime: time(s.st_atime, s.st_atime_nsec as i64),
            mtime: time(s.st_mtime, s.st_mtime_nsec as i64),
            ctime,
            btime: ctime,
        }
    }
}
