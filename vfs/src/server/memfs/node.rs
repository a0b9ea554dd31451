//! A node in memory.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::cell::{Cell, RefCell};

use abi::Errno;
use abi::fs::{F_SEAL_SEAL, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, Statfs};

use super::MemFs;
use super::dir::Dir;
use crate::server::attr::{Attr, SetAttr, Time};
use crate::server::bytes::Bytes;
use crate::server::cx::Cx;
use crate::server::inode::{Backing, Create, DirSink, Inode, NodeKey, NodeRef};

/// Extended attributes by name.
pub(super) type Xattrs = BTreeMap<Box<[u8]>, Vec<u8>>;

/// Where a regular file's bytes are.
pub(super) enum Data {
    /// Still below.
    Lower,
    /// Here.
    Own(Box<dyn Bytes>),
}

/// What depends on the type.
pub(super) enum Body {
    Dir(RefCell<Dir>),
    File(RefCell<Data>),
    Symlink(Box<[u8]>),
    /// FIFO, socket, device: only attributes here.
    Special,
}

/// A node in memory, or one from below with its changes.
pub struct MemNode {
    me: Weak<MemNode>,
    pub(super) fs: Rc<MemFs>,
    key: NodeKey,
    ftype: u32,
    pub(super) attr: RefCell<Attr>,
    pub(super) body: Body,
    pub(super) lower: Option<NodeRef>,
    /// Own extended attributes; `None`: as below.
    pub(super) xattrs: RefCell<Option<Xattrs>>,
    seals: Cell<Option<u32>>,
    /// Once its pages were mapped for writing: the last time of writing there that the attributes show.
    mapped: Cell<Option<Time>>,
}

impl MemNode {
    /// A node made now.
    pub(super) fn new(fs: &Rc<MemFs>, mut attr: Attr, now: Time, target: &[u8]) -> Rc<Self> {
        attr.dev = fs.dev;
        attr.ino = fs.new_ino();
        attr.blksize = super::BLOCK as u32;
        (attr.atime, attr.mtime, attr.ctime, attr.btime) = (now, now, now, now);
        let body = match attr.file_type() {
            S_IFDIR => Body::Dir(RefCell::default()),
            S_IFREG => Body::File(RefCell::new(Data::Own(fs.storage.create()))),
            S_IFLNK => {
                attr.size = target.len() as u64;
                Body::Symlink(target.into())
            }
            _ => Body::Special,
        };
        Self::build(fs, attr, body, None)
    }

    /// The view of a lower node.
    pub(super) fn from_lower(fs: &Rc<MemFs>, attr: Attr, lower: NodeRef) -> Rc<Self> {
        let body = match attr.file_type() {
            S_IFDIR => Body::Dir(RefCell::default()),
            S_IFREG => Body::File(RefCell::new(Data::Lower)),
            S_IFLNK => Body::Symlink(Box::default()),
            _ => Body::Special,
        };
        Self::build(fs, attr, body, Some(lower))
    }

    fn build(fs: &Rc<MemFs>, attr: Attr, body: Body, lower: Option<NodeRef>) -> Rc<Self> {
        fs.nodes.set(fs.nodes.get() + 1);
        Rc::new_cyclic(|me| Self {
            me: me.clone(),
            fs: fs.clone(),
            key: (attr.dev, attr.ino),
            ftype: attr.mode & S_IFMT,
            attr: RefCell::new(attr),
            body,
            xattrs: RefCell::new(if lower.is_some() { None } else { Some(BTreeMap::new()) }),
            lower,
            seals: Cell::new(None),
            mapped: Cell::new(None),
        })
    }

    /// A file without a name for memfd_create(2); `sealing`: seals may be added.
    pub fn memfd(fs: &Rc<MemFs>, cx: &Cx, mode: u32, sealing: bool) -> Rc<Self> {
        let attr =
            Attr { mode: S_IFREG | mode, uid: cx.creds.uid, gid: cx.creds.gid, nlink: 0, ..Attr::default() };
        let node = Self::new(fs, attr, cx.now, &[]);
        node.seals.set(Some(if sealing { 0 } else { F_SEAL_SEAL }));
        node
    }

    /// Itself, counted.
    pub(super) fn rc(&self) -> Rc<MemNode> {
        self.me.upgrade().expect("a node that is in use is alive")
    }

    /// The node as one of this file system.
    pub(super) fn of(node: &NodeRef, fs: &Rc<MemFs>) -> Result<Rc<MemNode>, Errno> {
        let node = node.as_any().downcast_ref::<MemNode>().ok_or(Errno::EXDEV)?;
        if Rc::ptr_eq(&node.fs, fs) { Ok(node.rc()) } else { Err(Errno::EXDEV) }
    }

    /// Notes that the node differs from what is below.
    pub(super) fn touched(&self) {
        if let Some(lower) = &self.lower {
            self.fs.changed.borrow_mut().entry(lower.key()).or_insert_with(|| self.rc());
        }
    }

    /// Data or entries changed.
    pub(super) fn modified(&self, cx: &Cx) {
        let mut attr = self.attr.borrow_mut();
        attr.mtime = cx.now;
        attr.ctime = cx.now;
        drop(attr);
        if self.mapped.get().is_some() {
            self.mapped.set(self.pages_written());
        }
        self.touched();
    }

    /// Its pages may be written unseen from now on.
    pub(super) fn pages_mapped(&self) {
        if self.mapped.get().is_none() {
            self.mapped.set(self.pages_written());
        }
    }

    fn pages_written(&self) -> Option<Time> {
        match &self.body {
            Body::File(data) => match &*data.borrow() {
                Data::Own(bytes) => bytes.written(),
                Data::Lower => None,
            },
            _ => None,
        }
    }

    /// Writing through a mapping counts as a change of the file, mmap(2): its times follow.
    fn notice_pages(&self) {
        let (Some(known), Some(now)) = (self.mapped.get(), self.pages_written()) else { return };
        if now > known {
            self.mapped.set(Some(now));
            let mut attr = self.attr.borrow_mut();
            (attr.mtime, attr.ctime) = (now, now);
        }
    }

    /// Changes the number of names.
    pub(super) fn add_links(&self, cx: &Cx, n: i64) {
        let mut attr = self.attr.borrow_mut();
        attr.nlink = attr.nlink.saturating_add_signed(n);
        attr.ctime = cx.now;
        let gone = attr.nlink == 0;
        drop(attr);
        if gone {
            if let Some(lower) = &self.lower {
                // Nothing finds it by its lower identity any more.
                self.fs.changed.borrow_mut().remove(&lower.key());
            }
        } else {
            self.touched();
        }
    }

    pub(super) fn sealed(&self, which: u32) -> Result<(), Errno> {
        if self.seals.get().unwrap_or(0) & which != 0 { Err(Errno::EPERM) } else { Ok(()) }
    }
}

impl Drop for MemNode {
    fn drop(&mut self) {
        self.fs.nodes.set(self.fs.nodes.get().saturating_sub(1));
        if let Body::File(data) = &self.body
            && let Data::Own(bytes) = &*data.borrow()
        {
            self.fs.charge(bytes.allocated(), 0);
        }
    }
}

impl Inode for MemNode {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn key(&self) -> NodeKey {
        self.key
    }
    fn file_type(&self) -> u32 {
        self.ftype
    }
    fn stable(&self) -> bool {
        true
    }
    fn attr(&self, _cx: &Cx) -> Result<Attr, Errno> {
        self.notice_pages();
        let mut attr = *self.attr.borrow();
        if let Body::File(data) = &self.body
            && let Data::Own(bytes) = &*data.borrow()
        {
            attr.blocks = bytes.allocated().div_ceil(512);
        }
        Ok(attr)
    }
    fn size(&self, _cx: &Cx) -> Result<u64, Errno> {
        Ok(self.attr.borrow().size)
    }
    fn set_attr(&self, cx: &Cx, change: &SetAttr) -> Result<(), Errno> {
        self.notice_pages();
        self.attr.borrow_mut().apply(change, cx.now);
        self.touched();
        Ok(())
    }
    fn accessed(&self, cx: &Cx) -> bool {
        // As "relatime": at most once a day, or when older than the last change. What is still wholly below keeps
        // its time: reading must not make it a changed node.
        let mut attr = self.attr.borrow_mut();
        let stale = attr.atime <= attr.mtime || attr.atime <= attr.ctime;
        let below = self.lower.is_some()
            && !matches!(&self.body, Body::File(d) if matches!(*d.borrow(), Data::Own(_)));
        let moves = !below && (stale || attr.atime.sec + 86_400 <= cx.now.sec);
        if moves {
            attr.atime = cx.now;
        }
        moves
    }

    fn lookup(&self, cx: &Cx, name: &[u8]) -> Result<NodeRef, Errno> {
        Ok(self.dir_lookup(cx, name)?)
    }
    fn create(&self, cx: &Cx, name: &[u8], new: &Create) -> Result<NodeRef, Errno> {
        Ok(self.dir_create(cx, name, new)?)
    }
    fn tmpfile(&self, cx: &Cx, new: &Create) -> Result<NodeRef, Errno> {
        self.alive()?;
        let attr = Attr { mode: new.mode, uid: new.uid, gid: new.gid, nlink: 0, ..Attr::default() };
        Ok(MemNode::new(&self.fs, attr, cx.now, &[]))
    }
    fn link(&self, cx: &Cx, name: &[u8], node: &NodeRef) -> Result<(), Errno> {
        self.dir_link(cx, name, &MemNode::of(node, &self.fs)?)
    }
    fn unlink(&self, cx: &Cx, name: &[u8], dir: bool) -> Result<(), Errno> {
        self.dir_unlink(cx, name, dir)
    }
    fn rename(&self, cx: &Cx, name: &[u8], to: &NodeRef, to_name: &[u8], flags: u32) -> Result<(), Errno> {
        self.dir_rename(cx, name, &*MemNode::of(to, &self.fs)?, to_name, flags)
    }
    fn read_dir(&self, cx: &Cx, from: u64, sink: DirSink) -> Result<(), Errno> {
        self.dir_read(cx, from, sink)
    }

    fn read_link(&self, cx: &Cx) -> Result<Vec<u8>, Errno> {
        match (&self.body, &self.lower) {
            (Body::Symlink(_), Some(lower)) => lower.read_link(cx),
            (Body::Symlink(target), None) => Ok(target.to_vec()),
            _ => Err(Errno::EINVAL),
        }
    }

    fn open_check(&self, cx: &Cx, read: bool, write: bool) -> Result<(), Errno> {
        // What is still below must be readable there, for copying up as well.
        match (&self.body, &self.lower) {
            (Body::File(data), Some(lower)) if matches!(*data.borrow(), Data::Lower) => {
                lower.open_check(cx, read || write, false)
            }
            (Body::Dir(_), Some(lower)) => lower.open_check(cx, read, false),
            _ => Ok(()),
        }
    }
    fn read_at(&self, cx: &Cx, off: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        self.file_read(cx, off, buf)
    }
    fn write_at(&self, cx: &Cx, off: u64, buf: &[u8]) -> Result<usize, Errno> {
        self.file_write(cx, off, buf)
    }
    fn truncate(&self, cx: &Cx, size: u64) -> Result<(), Errno> {
        self.file_truncate(cx, size)
    }
    fn allocate(&self, cx: &Cx, mode: u32, off: u64, len: u64) -> Result<(), Errno> {
        self.file_allocate(cx, mode, off, len)
    }
    fn seek(&self, cx: &Cx, off: u64, hole: bool) -> Result<u64, Errno> {
        self.file_seek(cx, off, hole)
    }
    fn backing(&self, cx: &Cx, write: bool) -> Result<Backing, Errno> {
        self.file_backing(cx, write)
    }

    fn pin(&self, cx: &Cx, _write: bool) -> Result<Option<Backing>, Errno> {
        match (&self.body, &self.lower) {
            (Body::File(data), Some(lower)) if matches!(*data.borrow(), Data::Lower) => lower.pin(cx, false),
            _ => Ok(None),
        }
    }

    fn seals(&self) -> Option<u32> {
        self.seals.get()
    }
    fn add_seals(&self, seals: u32) -> Result<(), Errno> {
        let Some(old) = self.seals.get() else { return Err(Errno::EINVAL) };
        if old & F_SEAL_SEAL != 0 {
            return Err(Errno::EPERM);
        }
        self.seals.set(Some(old | seals));
        Ok(())
    }

    fn get_xattr(&self, cx: &Cx, name: &[u8]) -> Result<Vec<u8>, Errno> {
        self.xattr_get(cx, name)
    }
    fn set_xattr(&self, cx: &Cx, name: &[u8], value: &[u8], flags: u32) -> Result<(), Errno> {
        self.xattr_set(cx, name, value, flags)
    }
    fn list_xattr(&self, cx: &Cx) -> Result<Vec<Box<[u8]>>, Errno> {
        self.xattr_list(cx)
    }
    fn remove_xattr(&self, cx: &Cx, name: &[u8]) -> Result<(), Errno> {
        self.xattr_remove(cx, name)
    }

    fn statfs(&self) -> Result<Statfs, Errno> {
        Ok(self.fs.statfs())
    }
}
