//! A node of some file system: what all of them (memory, overlay, host directories, generated trees) can be asked.
//!
//! Permissions, mounts and name rules are the callers' work (`ops`); a node only knows its file system's own limits.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;

use abi::Errno;
use abi::fs::{S_IFDIR, Statfs};

use crate::server::attr::{Attr, SetAttr};
use crate::server::cx::Cx;
use crate::server::walk::Loc;

/// A node, shared.
pub type NodeRef = Rc<dyn Inode>;

/// (device, inode number): a node's identity in the family.
pub type NodeKey = (u64, u64);

/// What a magic link of procfs leads to.
pub enum Magic {
    /// The caller's own descriptor, known to its member only.
    OwnFd(u32),
    /// A place, whatever its name is.
    Place(Loc),
}

/// A node to be made.
pub struct Create<'a> {
    /// Type and permission bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u64,
    /// Target of a symbolic link.
    pub target: &'a [u8],
}

/// One directory entry as getdents64(2) gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    pub ino: u64,
    pub dtype: u8,
    /// Where to go on after this entry.
    pub next: u64,
    pub name: Vec<u8>,
}

/// Takes entries; false when it has no room for this one.
pub type DirSink<'a> = &'a mut dyn FnMut(DirEntry) -> bool;

/// A capability for a file's pages, which only the platform's side understands (hosted: a host file).
pub type Backing = Rc<dyn Any>;

/// A node.
pub trait Inode {
    /// For a file system to find its own nodes again.
    fn as_any(&self) -> &dyn Any;
    /// Identity.
    fn key(&self) -> NodeKey;
    /// S_IFMT bits; they never change.
    fn file_type(&self) -> u32;
    /// All attributes.
    fn attr(&self, cx: &Cx) -> Result<Attr, Errno>;
    /// Changes attributes.
    fn set_attr(&self, cx: &Cx, change: &SetAttr) -> Result<(), Errno> {
        let _ = (cx, change);
        Err(Errno::EPERM)
    }

    /// True when entries of this directory change only through this server, so that looked-up names stay valid.
    fn stable(&self) -> bool {
        false
    }
    /// Finds a name (never empty, `.` or `..`).
    fn lookup(&self, cx: &Cx, name: &[u8]) -> Result<NodeRef, Errno> {
        let _ = (cx, name);
        Err(self.not_here(Errno::ENOENT))
    }
    /// Makes a node.
    fn create(&self, cx: &Cx, name: &[u8], new: &Create) -> Result<NodeRef, Errno> {
        let _ = (cx, name, new);
        Err(self.not_here(Errno::EPERM))
    }
    /// Makes a file without a name (O_TMPFILE).
    fn tmpfile(&self, cx: &Cx, new: &Create) -> Result<NodeRef, Errno> {
        let _ = (cx, new);
        Err(Errno::EOPNOTSUPP)
    }
    /// Another name for a node of the same file system.
    fn link(&self, cx: &Cx, name: &[u8], node: &NodeRef) -> Result<(), Errno> {
        let _ = (cx, name, node);
        Err(self.not_here(Errno::EPERM))
    }
    /// Removes a name; `dir` tells rmdir from unlink (the caller has checked the type).
    fn unlink(&self, cx: &Cx, name: &[u8], dir: bool) -> Result<(), Errno> {
        let _ = (cx, name, dir);
        Err(self.not_here(Errno::EPERM))
    }
    /// Renames; the caller has checked types and that no directory moves into itself. `flags`: RENAME_*.
    fn rename(&self, cx: &Cx, name: &[u8], to: &NodeRef, to_name: &[u8], flags: u32) -> Result<(), Errno> {
        let _ = (cx, name, to, to_name, flags);
        Err(self.not_here(Errno::EPERM))
    }
    /// Lists entries from cookie `from` (2 is the first behind `.` and `..`, which the caller makes up).
    fn read_dir(&self, cx: &Cx, from: u64, sink: DirSink) -> Result<(), Errno> {
        let _ = (cx, from, sink);
        Err(self.not_here(Errno::EPERM))
    }

    /// Target of a symbolic link.
    fn read_link(&self, cx: &Cx) -> Result<Vec<u8>, Errno> {
        let _ = cx;
        Err(Errno::EINVAL)
    }
    /// Where a magic link leads; `None` for all other nodes.
    fn magic(&self, cx: &Cx) -> Option<Magic> {
        let _ = cx;
        None
    }

    /// The process whose directory in procfs this is.
    fn process(&self) -> Option<u32> {
        None
    }

    /// May the node be opened for these accesses, apart from its permission bits?
    fn open_check(&self, cx: &Cx, read: bool, write: bool) -> Result<(), Errno> {
        let _ = (cx, read, write);
        Ok(())
    }
    /// True for a file whose text is made when it is read.
    fn is_generated(&self) -> bool {
        false
    }
    /// For a generated file: its whole text at this moment.
    fn generate(&self, cx: &Cx) -> Option<Result<Vec<u8>, Errno>> {
        let _ = cx;
        None
    }
    /// For a file of procfs that only the caller's own kernel can fill: a `protocol::op` OWN_* number and its argument.
    fn own_kind(&self, cx: &Cx) -> Option<(u64, u64)> {
        let _ = cx;
        None
    }
    /// Reads bytes; fewer at the end.
    fn read_at(&self, cx: &Cx, off: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        let _ = (cx, off, buf);
        Err(self.not_file())
    }
    /// Writes bytes, extending the file.
    fn write_at(&self, cx: &Cx, off: u64, buf: &[u8]) -> Result<usize, Errno> {
        let _ = (cx, off, buf);
        Err(self.not_file())
    }
    /// Size in bytes, when it is cheaper than all attributes.
    fn size(&self, cx: &Cx) -> Result<u64, Errno> {
        Ok(self.attr(cx)?.size)
    }
    /// Sets the size.
    fn truncate(&self, cx: &Cx, size: u64) -> Result<(), Errno> {
        let _ = (cx, size);
        Err(if self.file_type() == S_IFDIR { Errno::EISDIR } else { Errno::EINVAL })
    }
    /// fallocate(2).
    fn allocate(&self, cx: &Cx, mode: u32, off: u64, len: u64) -> Result<(), Errno> {
        let _ = (cx, mode, off, len);
        Err(Errno::EOPNOTSUPP)
    }
    /// Next data (or hole) at or after `off`, for SEEK_DATA and SEEK_HOLE; ENXIO past the end.
    fn seek(&self, cx: &Cx, off: u64, hole: bool) -> Result<u64, Errno> {
        let size = self.size(cx)?;
        if off >= size { Err(Errno::ENXIO) } else { Ok(if hole { size } else { off }) }
    }
    /// Writes cached changes to stable storage.
    fn sync(&self, data_only: bool) -> Result<(), Errno> {
        let _ = data_only;
        Ok(())
    }
    /// The file's pages, for mapping; `write` when a shared mapping will write them.
    fn backing(&self, cx: &Cx, write: bool) -> Result<Backing, Errno> {
        let _ = (cx, write);
        Err(Errno::ENODEV)
    }
    /// What a description keeps so that the file stays usable even when its name goes away; `None`: nothing needed.
    fn pin(&self, cx: &Cx, write: bool) -> Result<Option<Backing>, Errno> {
        let _ = (cx, write);
        Ok(None)
    }
    /// The file was read: access time. True when it changed.
    fn accessed(&self, cx: &Cx) -> bool {
        let _ = cx;
        false
    }
    /// memfd seals; `None` when the node has none.
    fn seals(&self) -> Option<u32> {
        None
    }
    /// Adds seals.
    fn add_seals(&self, seals: u32) -> Result<(), Errno> {
        let _ = seals;
        Err(Errno::EINVAL)
    }

    /// Value of an extended attribute (ENODATA when absent).
    fn get_xattr(&self, cx: &Cx, name: &[u8]) -> Result<Vec<u8>, Errno> {
        let _ = (cx, name);
        Err(Errno::EOPNOTSUPP)
    }
    /// Sets one; `flags` as setxattr(2).
    fn set_xattr(&self, cx: &Cx, name: &[u8], value: &[u8], flags: u32) -> Result<(), Errno> {
        let _ = (cx, name, value, flags);
        Err(Errno::EOPNOTSUPP)
    }
    /// Their names.
    fn list_xattr(&self, cx: &Cx) -> Result<Vec<Box<[u8]>>, Errno> {
        let _ = cx;
        Ok(Vec::new())
    }
    /// Removes one.
    fn remove_xattr(&self, cx: &Cx, name: &[u8]) -> Result<(), Errno> {
        let _ = (cx, name);
        Err(Errno::EOPNOTSUPP)
    }

    /// statfs(2) of the node's file system.
    fn statfs(&self) -> Result<Statfs, Errno>;

    /// The error of an operation on entries: ENOTDIR unless this is a directory.
    fn not_here(&self, dir: Errno) -> Errno {
        if self.file_type() == S_IFDIR { dir } else { Errno::ENOTDIR }
    }
    /// The error of reading or writing what is not a file.
    fn not_file(&self) -> Errno {
        if self.file_type() == S_IFDIR { Errno::EISDIR } else { Errno::EINVAL }
    }
}
