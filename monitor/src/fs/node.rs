//! An open file, directory, device or O_PATH description.

use std::rc::Rc;

use abi::Errno;
use abi::fs::{IN_CLOSE_NOWRITE, IN_CLOSE_WRITE};
use vfs::server::cx::Cx;
use vfs::server::inode::Backing;
use vfs::server::offset::Offset;
use vfs::server::texts::Claim;
use vfs::server::walk::Loc;

use crate::family::Family;

/// What a description of the VFS server refers to.
pub struct OpenNode {
    pub loc: Loc,
    pub offset: Offset,
    /// Where a directory's listing goes on.
    pub cookie: u64,
    /// Text of a generated file, made when it was read from its start.
    pub text: Option<Rc<[u8]>>,
    /// Opened for writing: its close is IN_CLOSE_WRITE.
    pub wrote: bool,
    /// O_PATH: nothing but a name.
    pub path_only: bool,
    /// Identity of the description for locks.
    pub owner: u64,
    /// Keeps the host's file open.
    _pin: Option<Backing>,
    /// For a file that was opened for writing or execution.
    pub claim: Option<Claim>,
}

impl OpenNode {
    /// A description of `loc` just opened by the process that asks.
    pub fn new(fam: &Family, cx: &Cx, loc: Loc, write: bool, path_only: bool) -> Result<Self, Errno> {
        let pin = if path_only { None } else { loc.dentry.node.pin(cx, write)? };
        Ok(Self {
            offset: Offset::delegated(cx.pid),
            loc,
            cookie: 0,
            text: None,
            wrote: write,
            path_only,
            owner: fam.fs.locks.new_owner(),
            _pin: pin,
            claim: None,
        })
    }
}

/// The last reference to an open file is gone: its locks go, and the watchers hear it.
pub fn release_node(fam: &mut Family, node: OpenNode) {
    if node.path_only {
        return;
    }
    let key = node.loc.dentry.key();
    if fam.fs.locks.description_closed(key, node.owner) {
        super::unlocked(fam, key);
    }
    fam.fs.vfs.tell(&node.loc.dentry, if node.wrote { IN_CLOSE_WRITE } else { IN_CLOSE_NOWRITE });
    drop(node);
    super::settle(fam);
}
