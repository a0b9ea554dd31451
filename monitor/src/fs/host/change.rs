//! Changes that writable binds carry to the host.

use std::os::fd::AsFd;

use abi::Errno;
use abi::fs::{S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK};
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, Uid, XattrFlags, chmod, chownat,
    getxattr, linkat, listxattr, mkdirat, mknodat, openat, removexattr, renameat_with, setxattr, statat,
    symlinkat, utimensat,
};
use vfs::server::attr::{SetAttr, Time};
use vfs::server::cx::Cx;
use vfs::server::inode::{Create, Inode, NodeRef};

use super::errno;
use super::node::{HostNode, Name};

/// Extended attributes in the guest's reach; the host's own (`security.`, `trusted.`) are not.
const XATTR_PREFIX: &[u8] = b"user.";

/// A file's owner may read and write it.
const OWNER_RW: u32 = 0o600;

impl HostNode {
    fn host_of(node: &NodeRef, like: &HostNode) -> Result<std::rc::Rc<HostNode>, Errno> {
        let node = node.as_any().downcast_ref::<HostNode>().ok_or(Errno::EXDEV)?;
        if std::rc::Rc::ptr_eq(&node.fs, &like.fs) { Ok(node.rc()) } else { Err(Errno::EXDEV) }
    }

    pub(super) fn make(&self, cx: &Cx, name: &[u8], new: &Create) -> Result<NodeRef, Errno> {
        let dir = self.path_fd()?;
        let perm = Mode::from_raw_mode(new.mode & 0o7777);
        let mut file = None;
        match new.mode & S_IFMT {
            S_IFREG => {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                openat(&*dir, name, flags, perm).map(|fd| file = Some(fd))
            }
            S_IFDIR => mkdirat(&*dir, name, perm),
            S_IFLNK => symlinkat(new.target, &*dir, name),
            S_IFIFO => mknodat(&*dir, name, FileType::Fifo, perm, 0),
            S_IFSOCK => mknodat(&*dir, name, FileType::Socket, perm, 0),
            // A device on the host would be a way out of the family.
            S_IFCHR | S_IFBLK => return Err(Errno::EPERM),
            _ => return Err(Errno::EINVAL),
        }
        .map_err(errno)?;
        let node = self.lookup(cx, name)?;
        let made = Self::host_of(&node, self)?;
        made.fit(cx, new)?;
        // Its maker may use it whatever its mode allows, which the host would hold against a second opening.
        if let Some(fd) = file.filter(|_| new.mode & OWNER_RW != OWNER_RW) {
            made.opened(fd)?;
        }
        Ok(node)
    }

    /// Makes a file without a name, O_TMPFILE; the host's file system may not know that (EOPNOTSUPP).
    pub(super) fn make_unnamed(&self, cx: &Cx, new: &Create) -> Result<NodeRef, Errno> {
        let perm = Mode::from_raw_mode(new.mode & 0o7777);
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let node = HostNode::nameless(&self.fs, openat(&*self.path_fd()?, ".", flags, perm).map_err(errno)?)?;
        node.fit(cx, new)?;
        Ok(node)
    }

    /// Gives a node that was just made the mode and owner that it should have.
    fn fit(&self, cx: &Cx, new: &Create) -> Result<(), Errno> {
        let attr = self.attr(cx)?;
        let mut change = SetAttr::default();
        // The monitor's umask has no say, and the owner is the guest's.
        if new.mode & S_IFMT != S_IFLNK && attr.mode & 0o7777 != new.mode & 0o7777 {
            change.mode = Some(new.mode & 0o7777);
        }
        change.uid = (attr.uid != new.uid).then_some(new.uid);
        change.gid = (attr.gid != new.gid).then_some(new.gid);
        if change != SetAttr::default() {
            self.change(cx, &change)?;
        }
        Ok(())
    }

    pub(super) fn link_here(&self, name: &[u8], node: &NodeRef) -> Result<(), Errno> {
        let node = Self::host_of(node, self)?;
        let unnamed = node.unnamed.borrow().clone();
        if let Some(fd) = unnamed {
            let dir = self.path_fd()?;
            linkat(rustix::fs::CWD, Self::proc_path(&fd), &*dir, name, AtFlags::SYMLINK_FOLLOW)
                .map_err(errno)?;
            node.named(&self.rc(), name);
            return Ok(());
        }
        let at = node.at.borrow();
        let Some(Name { parent, name: old }) = &*at else { return Err(Errno::EXDEV) };
        linkat(&*parent.path_fd()?, old.as_slice(), &*self.path_fd()?, name, AtFlags::empty()).map_err(errno)
    }

    pub(super) fn rename_to(
        &self,
        name: &[u8],
        to: &NodeRef,
        to_name: &[u8],
        flags: u32,
    ) -> Result<(), Errno> {
        let to = Self::host_of(to, self)?;
        let (from_fd, to_fd) = (self.path_fd()?, to.path_fd()?);
        let find = |fd: &std::os::fd::OwnedFd, name: &[u8]| {
            let stat = statat(fd, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
            self.fs.nodes.borrow().get(&(stat.st_dev, stat.st_ino))?.upgrade()
        };
        let moved = find(&from_fd, name);
        let exchanged = if flags & abi::fs::RENAME_EXCHANGE != 0 { find(&to_fd, to_name) } else { None };
        renameat_with(&*from_fd, name, &*to_fd, to_name, RenameFlags::from_bits_retain(flags))
            .map_err(errno)?;
        if let Some(node) = moved {
            *node.at.borrow_mut() = Some(Name { parent: to.clone(), name: to_name.to_vec() });
        }
        if let Some(node) = exchanged {
            *node.at.borrow_mut() = Some(Name { parent: self.rc(), name: name.to_vec() });
        }
        Ok(())
    }

    pub(super) fn change(&self, cx: &Cx, change: &SetAttr) -> Result<(), Errno> {
        let fd = self.path_fd()?;
        if change.uid.is_some() || change.gid.is_some() {
            self.give(cx, change)?;
        }
        if let Some(mode) = change.mode {
            chmod(Self::proc_path(&fd), Mode::from_raw_mode(mode & 0o7777)).map_err(errno)?;
        }
        if change.atime.is_some() || change.mtime.is_some() {
            let spec = |t: Option<Time>| match t {
                Some(t) => Timespec { tv_sec: t.sec, tv_nsec: t.nsec as _ },
                None => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT as _ },
            };
            let times = Timestamps { last_access: spec(change.atime), last_modification: spec(change.mtime) };
            match &*self.at.borrow() {
                Some(Name { parent, name }) => {
                    utimensat(&*parent.path_fd()?, name.as_slice(), &times, AtFlags::SYMLINK_NOFOLLOW)
                }
                None => utimensat(rustix::fs::CWD, Self::proc_path(&fd), &times, AtFlags::empty()),
            }
            .map_err(errno)?;
        }
        Ok(())
    }

    /// Gives the node away: on the host where we may, otherwise for the family's life.
    fn give(&self, cx: &Cx, change: &SetAttr) -> Result<(), Errno> {
        if self.fs.owners.can_chown() {
            let fd = self.path_fd()?;
            let (uid, gid) = (change.uid.map(Uid::from_raw), change.gid.map(Gid::from_raw));
            return chownat(fd.as_fd(), "", uid, gid, AtFlags::EMPTY_PATH).map_err(errno);
        }
        let now = self.attr(cx)?;
        let ids = (change.uid.unwrap_or(now.uid), change.gid.unwrap_or(now.gid));
        self.fs.given.borrow_mut().insert(self.key, ids);
        Ok(())
    }

    fn xattr_path(&self, name: &[u8]) -> Result<String, Errno> {
        if !name.starts_with(XATTR_PREFIX) {
            return Err(Errno::EOPNOTSUPP);
        }
        Ok(Self::proc_path(&*self.path_fd()?))
    }

    pub(super) fn xattr_get(&self, name: &[u8]) -> Result<Vec<u8>, Errno> {
        let path = self.xattr_path(name).map_err(|_| Errno::ENODATA)?;
        let mut buf = vec![0u8; abi::fs::XATTR_SIZE_MAX];
        let n = getxattr(path, name, &mut buf[..]).map_err(errno)?;
        buf.truncate(n);
        Ok(buf)
    }

    pub(super) fn xattr_set(&self, name: &[u8], value: &[u8], flags: u32) -> Result<(), Errno> {
        let flags = XattrFlags::from_bits_retain(flags);
        setxattr(self.xattr_path(name)?, name, value, flags).map_err(errno)
    }

    pub(super) fn xattr_remove(&self, name: &[u8]) -> Result<(), Errno> {
        removexattr(self.xattr_path(name)?, name).map_err(errno)
    }

    pub(super) fn xattr_names(&self) -> Result<Vec<Box<[u8]>>, Errno> {
        if !matches!(self.file_type(), S_IFREG | S_IFDIR) {
            return Ok(Vec::new());
        }
        let mut buf = vec![0u8; abi::fs::XATTR_LIST_MAX];
        let n = match listxattr(Self::proc_path(&*self.path_fd()?), &mut buf[..]) {
            Ok(n) => n,
            Err(rustix::io::Errno::OPNOTSUPP) => 0,
            Err(e) => return Err(errno(e)),
        };
        let names = buf[..n].split(|b| *b == 0);
        Ok(names.filter(|n| n.starts_with(XATTR_PREFIX)).map(Into::into).collect())
    }
}
