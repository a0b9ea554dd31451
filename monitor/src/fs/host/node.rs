//! A file or directory of the host.

use std::any::Any;
use std::cell::RefCell;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::{Rc, Weak};

use abi::Errno;
use abi::fs::{S_IFDIR, S_IFMT, S_IFREG, Statfs};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, SeekFrom, openat2, readlinkat, seek, statat};
use rustix::io::{pread, pwrite};
use vfs::server::attr::{Attr, SetAttr};
use vfs::server::cx::Cx;
use vfs::server::inode::{Backing, Create, DirSink, Inode, NodeKey, NodeRef};

use super::{HostFs, errno};
use crate::fs::backing::HostFile;
use crate::xen::file_pages;

/// Where a node's name is; changes when it is renamed.
pub(super) struct Name {
    pub parent: Rc<HostNode>,
    pub name: Vec<u8>,
}

/// A node.
pub struct HostNode {
    pub(super) fs: Rc<HostFs>,
    me: Weak<HostNode>,
    /// Device and number on the host.
    pub(super) key: NodeKey,
    ftype: u32,
    pub(super) at: RefCell<Option<Name>>,
    /// The root's own descriptor.
    root: Option<Rc<OwnedFd>>,
    /// The descriptor, open for both, of a file that has no name yet (O_TMPFILE).
    pub(super) unnamed: RefCell<Option<Rc<OwnedFd>>>,
    path_fd: RefCell<Weak<OwnedFd>>,
    io: [RefCell<Weak<HostFile>>; 2],
}

const RESOLVE: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

impl HostNode {
    pub(super) fn root(fs: &Rc<HostFs>, fd: OwnedFd, ftype: u32, key: NodeKey) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            fs: fs.clone(),
            me: me.clone(),
            key,
            ftype,
            at: RefCell::new(None),
            root: Some(Rc::new(fd)),
            unnamed: RefCell::default(),
            path_fd: RefCell::default(),
            io: Default::default(),
        })
    }

    /// The node for a name in `parent`, whose attributes were just read: the known one, or a new one.
    pub(super) fn child(parent: &Rc<HostNode>, name: &[u8], stat: &rustix::fs::Stat) -> Rc<Self> {
        let fs = &parent.fs;
        let key = (stat.st_dev, stat.st_ino);
        let ftype = stat.st_mode & S_IFMT;
        let here = || Some(Name { parent: parent.clone(), name: name.to_vec() });
        let mut nodes = fs.nodes.borrow_mut();
        if let Some(node) = nodes.get(&key).and_then(Weak::upgrade)
            && node.ftype == ftype
        {
            // The name that was seen last is the one that surely exists.
            *node.at.borrow_mut() = here();
            return node;
        }
        let node = Rc::new_cyclic(|me| Self {
            fs: fs.clone(),
            me: me.clone(),
            key,
            ftype,
            at: RefCell::new(here()),
            root: None,
            unnamed: RefCell::default(),
            path_fd: RefCell::default(),
            io: Default::default(),
        });
        if nodes.len() > 1024 && nodes.len() == nodes.capacity() {
            nodes.retain(|_, n| n.strong_count() > 0);
        }
        nodes.insert(key, Rc::downgrade(&node));
        node
    }

    /// The node of a file that was made without a name.
    pub(super) fn nameless(fs: &Rc<HostFs>, fd: OwnedFd) -> Result<Rc<Self>, Errno> {
        let stat = rustix::fs::fstat(&fd).map_err(errno)?;
        let key = (stat.st_dev, stat.st_ino);
        let node = Rc::new_cyclic(|me| Self {
            fs: fs.clone(),
            me: me.clone(),
            key,
            ftype: S_IFREG,
            at: RefCell::new(None),
            root: None,
            unnamed: RefCell::new(Some(Rc::new(fd))),
            path_fd: RefCell::default(),
            io: Default::default(),
        });
        fs.nodes.borrow_mut().insert(key, Rc::downgrade(&node));
        Ok(node)
    }

    /// It got a name: it is found by that from now on.
    pub(super) fn named(&self, parent: &Rc<HostNode>, name: &[u8]) {
        *self.at.borrow_mut() = Some(Name { parent: parent.clone(), name: name.to_vec() });
        if let Some(fd) = self.unnamed.take() {
            *self.path_fd.borrow_mut() = Rc::downgrade(&fd);
            self.fs.cache.borrow_mut().keep(fd);
        }
    }

    /// This descriptor, open for both, is the node's from now on, if it is the node's at all.
    pub(super) fn opened(&self, fd: OwnedFd) -> Result<(), Errno> {
        let stat = rustix::fs::fstat(&fd).map_err(errno)?;
        if (stat.st_dev, stat.st_ino) == self.key {
            let file = self.shared(fd);
            self.fs.cache.borrow_mut().keep(file);
        }
        Ok(())
    }

    /// One descriptor for reading and for writing.
    fn shared(&self, fd: OwnedFd) -> Rc<HostFile> {
        let file = Rc::new(HostFile::host(fd, true, false, self.fs.spent.clone()));
        self.io.iter().for_each(|cell| *cell.borrow_mut() = Rc::downgrade(&file));
        file
    }

    pub(super) fn rc(&self) -> Rc<HostNode> {
        self.me.upgrade().expect("a node that is in use is alive")
    }

    /// Opens the node by its name, and makes sure that it is still the same one.
    fn open(&self, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let at = self.at.borrow();
        let Some(Name { parent, name }) = &*at else {
            let root = self.root.as_ref().ok_or(Errno::ESTALE)?;
            if flags.contains(OFlags::PATH) {
                return root.try_clone().map_err(|_| Errno::EMFILE);
            }
            let path = format!("/proc/self/fd/{}", root.as_raw_fd());
            return rustix::fs::open(path, flags - OFlags::NOFOLLOW, Mode::empty()).map_err(errno);
        };
        let dir = parent.path_fd()?;
        let fd = openat2(&*dir, name.as_slice(), flags, Mode::empty(), RESOLVE).map_err(errno)?;
        let stat = rustix::fs::fstat(&fd).map_err(errno)?;
        if (stat.st_dev, stat.st_ino) == self.key { Ok(fd) } else { Err(Errno::ENOENT) }
    }

    /// A descriptor that only names the node.
    pub(super) fn path_fd(&self) -> Result<Rc<OwnedFd>, Errno> {
        if let Some(fd) = self.root.clone().or_else(|| self.unnamed.borrow().clone()) {
            return Ok(fd);
        }
        if let Some(fd) = self.path_fd.borrow().upgrade() {
            return Ok(fd);
        }
        let fd = Rc::new(self.open(OFlags::PATH)?);
        *self.path_fd.borrow_mut() = Rc::downgrade(&fd);
        self.fs.cache.borrow_mut().keep(fd.clone());
        Ok(fd)
    }

    /// The node's attributes on the host.
    pub(super) fn stat(&self) -> Result<rustix::fs::Stat, Errno> {
        if let Some(fd) = self.path_fd.borrow().upgrade().as_ref().or(self.root.as_ref()) {
            return rustix::fs::fstat(fd.as_fd()).map_err(errno);
        }
        if let Some(file) = self.io.iter().find_map(|f| f.borrow().upgrade()) {
            return rustix::fs::fstat(&file.fd).map_err(errno);
        }
        let fd = self.path_fd()?;
        rustix::fs::fstat(&*fd).map_err(errno)
    }

    /// The file, open for reading or for both.
    pub(super) fn file(&self, write: bool) -> Result<Rc<HostFile>, Errno> {
        if self.ftype != S_IFREG {
            return Err(self.not_file());
        }
        let cell = &self.io[usize::from(write)];
        if let Some(file) = cell.borrow().upgrade() {
            return Ok(file);
        }
        if write && !self.fs.writable {
            return Err(Errno::EROFS);
        }
        if let Some(fd) = &*self.unnamed.borrow() {
            // Its mode may forbid opening it anew.
            let fd = fd.try_clone().map_err(|_| Errno::EMFILE)?;
            return Ok(self.shared(fd));
        }
        let flags = if write { OFlags::RDWR } else { OFlags::RDONLY } | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = HostFile::host(self.open(flags)?, write, !self.fs.writable, self.fs.spent.clone());
        let file = Rc::new(file);
        *cell.borrow_mut() = Rc::downgrade(&file);
        self.fs.cache.borrow_mut().keep(file.clone());
        Ok(file)
    }

    /// An open descriptor of the file, whichever there is.
    fn any_file(&self) -> Result<Rc<HostFile>, Errno> {
        match self.io[1].borrow().upgrade() {
            Some(file) => Ok(file),
            None => self.file(false),
        }
    }

    /// Path by which calls without an AT_EMPTY_PATH reach the node.
    pub(super) fn proc_path(fd: &OwnedFd) -> String {
        format!("/proc/self/fd/{}", fd.as_raw_fd())
    }

    fn writable(&self) -> Result<(), Errno> {
        if self.fs.writable { Ok(()) } else { Err(Errno::EROFS) }
    }
}

impl Inode for HostNode {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn key(&self) -> NodeKey {
        (self.fs.dev.unwrap_or(self.key.0), self.key.1)
    }
    fn file_type(&self) -> u32 {
        self.ftype
    }
    fn attr(&self, _cx: &Cx) -> Result<Attr, Errno> {
        Ok(self.fs.attr(&self.stat()?))
    }
    fn set_attr(&self, cx: &Cx, change: &SetAttr) -> Result<(), Errno> {
        self.writable()?;
        self.change(cx, change)
    }

    fn lookup(&self, _cx: &Cx, name: &[u8]) -> Result<NodeRef, Errno> {
        if self.ftype != S_IFDIR {
            return Err(Errno::ENOTDIR);
        }
        let dir = self.path_fd()?;
        let stat = statat(&*dir, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT).map_err(errno)?;
        Ok(HostNode::child(&self.rc(), name, &stat))
    }
    fn create(&self, cx: &Cx, name: &[u8], new: &Create) -> Result<NodeRef, Errno> {
        self.writable()?;
        self.make(cx, name, new)
    }
    fn tmpfile(&self, cx: &Cx, new: &Create) -> Result<NodeRef, Errno> {
        self.writable()?;
        self.make_unnamed(cx, new)
    }
    fn link(&self, _cx: &Cx, name: &[u8], node: &NodeRef) -> Result<(), Errno> {
        self.writable()?;
        self.link_here(name, node)
    }
    fn unlink(&self, _cx: &Cx, name: &[u8], dir: bool) -> Result<(), Errno> {
        self.writable()?;
        let flags = if dir { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        rustix::fs::unlinkat(&*self.path_fd()?, name, flags).map_err(errno)
    }
    fn rename(&self, _cx: &Cx, name: &[u8], to: &NodeRef, to_name: &[u8], flags: u32) -> Result<(), Errno> {
        self.writable()?;
        self.rename_to(name, to, to_name, flags)
    }
    fn read_dir(&self, _cx: &Cx, from: u64, sink: DirSink) -> Result<(), Errno> {
        if self.ftype != S_IFDIR {
            return Err(Errno::ENOTDIR);
        }
        self.list(self.open(OFlags::RDONLY | OFlags::DIRECTORY)?, from, sink)
    }

    fn read_link(&self, _cx: &Cx) -> Result<Vec<u8>, Errno> {
        let at = self.at.borrow();
        let Some(Name { parent, name }) = &*at else { return Err(Errno::EINVAL) };
        let target = readlinkat(&*parent.path_fd()?, name.as_slice(), Vec::new()).map_err(errno)?;
        Ok(target.into_bytes())
    }

    fn open_check(&self, _cx: &Cx, read: bool, write: bool) -> Result<(), Errno> {
        // What the host denies is found out now, not at the first read.
        match self.ftype {
            S_IFREG if read || write => self.file(write).map(|_| ()),
            S_IFDIR if read => self.open(OFlags::RDONLY | OFlags::DIRECTORY).map(|_| ()),
            _ => Ok(()),
        }
    }
    fn read_at(&self, _cx: &Cx, off: u64, mut buf: &mut [u8]) -> Result<usize, Errno> {
        let file = self.any_file()?;
        file_pages::before_read(&file.fd, off, buf.len());
        let (mut done, mut off) = (0, off);
        while !buf.is_empty() {
            let n = pread(&file.fd, &mut *buf, off).map_err(errno)?;
            if n == 0 {
                break;
            }
            (done, off) = (done + n, off + n as u64);
            buf = &mut buf[n..];
        }
        Ok(done)
    }
    fn write_at(&self, _cx: &Cx, off: u64, buf: &[u8]) -> Result<usize, Errno> {
        let file = self.file(true)?;
        file_pages::before_write(&file.fd, off, buf.len() as u64);
        let n = pwrite(&file.fd, buf, off).map_err(errno)?;
        file_pages::changed(&file.fd, off, n as u64);
        Ok(n)
    }
    fn size(&self, _cx: &Cx) -> Result<u64, Errno> {
        Ok(self.stat()?.st_size as u64)
    }
    fn truncate(&self, _cx: &Cx, size: u64) -> Result<(), Errno> {
        let file = self.file(true)?;
        file_pages::before_write(&file.fd, 0, u64::MAX);
        rustix::fs::ftruncate(&file.fd, size).map_err(errno)?;
        file_pages::changed(&file.fd, size, u64::MAX);
        Ok(())
    }
    fn allocate(&self, _cx: &Cx, mode: u32, off: u64, len: u64) -> Result<(), Errno> {
        let flags = rustix::fs::FallocateFlags::from_bits(mode).ok_or(Errno::EOPNOTSUPP)?;
        let file = self.file(true)?;
        file_pages::before_write(&file.fd, 0, u64::MAX);
        rustix::fs::fallocate(&file.fd, flags, off, len).map_err(errno)?;
        file_pages::changed(&file.fd, 0, u64::MAX);
        Ok(())
    }
    fn seek(&self, _cx: &Cx, off: u64, hole: bool) -> Result<u64, Errno> {
        let to = if hole { SeekFrom::Hole(off) } else { SeekFrom::Data(off) };
        seek(&self.any_file()?.fd, to).map_err(errno)
    }
    fn sync(&self, data_only: bool) -> Result<(), Errno> {
        if !self.fs.writable || self.ftype != S_IFREG {
            return Ok(());
        }
        let file = self.any_file()?;
        file_pages::before_read(&file.fd, 0, usize::MAX);
        if data_only { rustix::fs::fdatasync(&file.fd) } else { rustix::fs::fsync(&file.fd) }.map_err(errno)
    }
    fn backing(&self, _cx: &Cx, write: bool) -> Result<Backing, Errno> {
        Ok(self.file(write)?)
    }
    fn pin(&self, _cx: &Cx, write: bool) -> Result<Option<Backing>, Errno> {
        match self.ftype {
            S_IFREG => Ok(Some(self.file(write)?)),
            S_IFDIR => Ok(Some(self.path_fd()?)),
            _ => Ok(None),
        }
    }

    fn get_xattr(&self, _cx: &Cx, name: &[u8]) -> Result<Vec<u8>, Errno> {
        self.xattr_get(name)
    }
    fn set_xattr(&self, _cx: &Cx, name: &[u8], value: &[u8], flags: u32) -> Result<(), Errno> {
        self.writable()?;
        self.xattr_set(name, value, flags)
    }
    fn list_xattr(&self, _cx: &Cx) -> Result<Vec<Box<[u8]>>, Errno> {
        self.xattr_names()
    }
    fn remove_xattr(&self, _cx: &Cx, name: &[u8]) -> Result<(), Errno> {
        self.writable()?;
        self.xattr_remove(name)
    }

    fn statfs(&self) -> Result<Statfs, Errno> {
        let s = rustix::fs::fstatfs(&*self.path_fd()?).map_err(errno)?;
        Ok(Statfs {
            f_type: s.f_type as i64,
            f_bsize: s.f_bsize as i64,
            f_blocks: s.f_blocks,
            f_bfree: s.f_bfree,
            f_bavail: s.f_bavail,
            f_files: s.f_files,
            f_ffree: s.f_ffree,
            f_namelen: s.f_namelen as i64,
            f_frsize: s.f_frsize as i64,
            ..Statfs::default()
        })
    }
}
