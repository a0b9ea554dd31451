//! The file system in memory, which is at the same time the writable layer over a read-only lower tree.
//!
//! A node that came from below keeps a reference to its lower node and changes in place: the first write copies the
//! data up, a change of attributes only the attributes. So descriptions that were opened before see later changes
//! (overlayfs opens two different files there), hard links of the lower tree stay links, and renaming a lower
//! directory moves one reference, however large it is. A plain memory file system is one without a lower tree.

mod dir;
mod file;
mod node;
mod xattr;

#[cfg(test)]
mod tests;

use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use abi::fs::{S_IFDIR, Statfs};
use hashbrown::HashMap;

use crate::server::attr::{Attr, Time};
use crate::server::bytes::Storage;
use crate::server::cx::Cx;
use crate::server::inode::{NodeKey, NodeRef};

pub use node::MemNode;

/// Block size that stat(2) reports.
const BLOCK: u64 = 4096;

/// One file system in memory.
pub struct MemFs {
    dev: u64,
    magic: i64,
    next_ino: Cell<u64>,
    storage: Rc<dyn Storage>,
    /// Largest total of file bytes; u64::MAX without a limit.
    limit: u64,
    used: Cell<u64>,
    nodes: Cell<u64>,
    /// Devices of the lower tree, in order of appearance: the index distinguishes equal inode numbers.
    lower_devs: RefCell<Vec<u64>>,
    /// Nodes in use that came from below, so that hard links meet in one node.
    known: RefCell<HashMap<NodeKey, Weak<MemNode>>>,
    /// Those of them that were changed: they must not be forgotten while they have a name.
    changed: RefCell<HashMap<NodeKey, Rc<MemNode>>>,
    /// The lower tree's root.
    base: RefCell<Option<NodeRef>>,
}

/// Numbers of nodes made here start above all inode numbers that host file systems use in practice.
const FIRST_OWN_INO: u64 = 1 << 40;

impl MemFs {
    /// An empty file system. `magic` is what statfs(2) says.
    pub fn new(dev: u64, magic: i64, storage: Rc<dyn Storage>, limit: u64) -> Rc<Self> {
        Rc::new(Self {
            dev,
            magic,
            next_ino: Cell::new(0),
            storage,
            limit,
            used: Cell::new(0),
            nodes: Cell::new(0),
            lower_devs: RefCell::default(),
            known: RefCell::default(),
            changed: RefCell::default(),
            base: RefCell::default(),
        })
    }

    /// Makes the root directory of a plain memory file system.
    pub fn root(self: &Rc<Self>, mode: u32, now: Time) -> Rc<MemNode> {
        let attr = Attr { mode: S_IFDIR | mode, nlink: 2, ..Attr::default() };
        MemNode::new(self, attr, now, &[])
    }

    /// Makes the root of a writable layer over `lower`.
    pub fn over(self: &Rc<Self>, cx: &Cx, lower: NodeRef) -> Result<Rc<MemNode>, abi::Errno> {
        *self.base.borrow_mut() = Some(lower.clone());
        self.adopt(cx, lower)
    }

    /// The node for a lower node: the known one, or a new one.
    fn adopt(self: &Rc<Self>, cx: &Cx, lower: NodeRef) -> Result<Rc<MemNode>, abi::Errno> {
        let key = lower.key();
        if let Some(node) = self.known.borrow().get(&key).and_then(Weak::upgrade) {
            return Ok(node);
        }
        let mut attr = lower.attr(cx)?;
        attr.dev = self.dev;
        attr.ino = self.lower_ino(key);
        let node = MemNode::from_lower(self, attr, lower);
        let mut known = self.known.borrow_mut();
        if known.len() > 4096 && known.len() == known.capacity() {
            known.retain(|_, n| n.strong_count() > 0);
        }
        known.insert(key, Rc::downgrade(&node));
        Ok(node)
    }

    /// A lower node's number as it is seen through this file system: its own on the first device.
    fn lower_ino(&self, (dev, ino): NodeKey) -> u64 {
        let mut devs = self.lower_devs.borrow_mut();
        let index = devs.iter().position(|d| *d == dev).unwrap_or_else(|| {
            devs.push(dev);
            devs.len() - 1
        });
        ino ^ ((index as u64) << 48)
    }

    fn new_ino(&self) -> u64 {
        let n = self.next_ino.get() + 1;
        self.next_ino.set(n);
        // A layer over a lower tree must not repeat the lower numbers.
        if self.lower_devs.borrow().is_empty() { n } else { FIRST_OWN_INO + n }
    }

    /// Accounts for a change of memory in use; false when it goes over the limit.
    fn charge(&self, from: u64, to: u64) -> bool {
        let used = self.used.get().saturating_sub(from).saturating_add(to);
        if to > from && used > self.limit {
            return false;
        }
        self.used.set(used);
        true
    }

    fn statfs(&self) -> Statfs {
        if let Some(base) = &*self.base.borrow()
            && let Ok(below) = base.statfs()
        {
            // The numbers of the tree below, as overlayfs shows those of one layer.
            let fsid = [self.dev as i32, 0];
            let f_namelen = abi::fs::NAME_MAX as i64;
            return Statfs { f_type: self.magic, f_fsid: fsid, f_namelen, ..below };
        }
        let blocks = if self.limit == u64::MAX { 1 << 24 } else { self.limit / BLOCK };
        let free = blocks.saturating_sub(self.used.get().div_ceil(BLOCK));
        Statfs {
            f_type: self.magic,
            f_bsize: BLOCK as i64,
            f_frsize: BLOCK as i64,
            f_blocks: blocks,
            f_bfree: free,
            f_bavail: free,
            f_files: 1 << 24,
            f_ffree: (1 << 24) - self.nodes.get().min(1 << 24),
            f_fsid: [self.dev as i32, 0],
            f_namelen: abi::fs::NAME_MAX as i64,
            ..Statfs::default()
        }
    }
}
