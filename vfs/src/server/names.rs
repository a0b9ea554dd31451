//! Operations on names: mkdir, mknod, symlink, link, unlink, rmdir, rename.

use alloc::rc::Rc;
use alloc::vec::Vec;

use abi::Errno;
use abi::fs::{
    IN_ATTRIB, IN_CREATE, IN_DELETE, IN_DELETE_SELF, IN_ISDIR, IN_MOVE_SELF, IN_MOVED_FROM, IN_MOVED_TO,
    NAME_MAX, RENAME_EXCHANGE, RENAME_NOREPLACE, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT,
    S_IFREG, S_IFSOCK, S_ISGID, S_IXGRP,
};

use crate::server::attr::Attr;
use crate::server::cx::Cx;
use crate::server::dentry::Dentry;
use crate::server::inode::{Create, NodeRef};
use crate::server::walk::{Last, Loc, Stop};
use crate::server::{Dir, Vfs, perm};

/// What a path ends in.
pub enum End {
    Name(Slot),
    /// `.`, `..` or nothing but slashes.
    Odd(Last),
}

/// A name in a directory, found or to be made.
pub struct Slot {
    pub dir: Loc,
    pub name: Vec<u8>,
    pub slash: bool,
}

impl Vfs {
    /// The directory and last component of `path`.
    fn end(&self, cx: &Cx, dir: &Dir, path: &[u8]) -> Result<End, Stop> {
        let mut w = self.walker(cx, dir, path, 0)?;
        let last = w.parent()?;
        w.search()?;
        Ok(match last {
            Last::Name { at, slash } => End::Name(Slot { name: w.name(&at).to_vec(), slash, dir: w.cur }),
            last => End::Odd(last),
        })
    }

    /// The same; `odd` is the error for a path that ends in `.`, `..` or `/`.
    pub fn slot(&self, cx: &Cx, dir: &Dir, path: &[u8], odd: fn(&Last) -> Errno) -> Result<Slot, Stop> {
        match self.end(cx, dir, path)? {
            End::Name(slot) => Ok(slot),
            End::Odd(last) => Err(odd(&last).into()),
        }
    }

    /// The name's dentry, if it exists.
    pub(super) fn child(&self, cx: &Cx, slot: &Slot) -> Result<Option<Rc<Dentry>>, Errno> {
        if slot.name.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let dir = &slot.dir.dentry;
        match dir.cached(&slot.name) {
            Some(d) if dir.node.stable() || d.mounts.get() > 0 => return Ok(Some(d)),
            _ => {}
        }
        match dir.node.lookup(cx, &slot.name) {
            Ok(node) => Ok(Some(dir.child(&slot.name, node))),
            Err(Errno::ENOENT) => {
                dir.forget(&slot.name);
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    /// The attributes of the directory, if entries of it may be changed.
    fn may_change(&self, cx: &Cx, dir: &Loc) -> Result<Attr, Errno> {
        dir.mount.writable()?;
        let attr = dir.dentry.node.attr(cx)?;
        perm::check(&attr, cx.creds, perm::WRITE | perm::EXEC)?;
        Ok(attr)
    }

    /// Owner, group and mode of a new node in `dir`: a set-group-ID directory hands its group down (inode(7)).
    fn newborn<'a>(cx: &Cx, dir: &Attr, mode: u32, rdev: u64, target: &'a [u8]) -> Create<'a> {
        let mut new = Create { mode, uid: cx.creds.uid, gid: cx.creds.gid, rdev, target };
        if dir.mode & S_ISGID != 0 {
            new.gid = dir.gid;
            if mode & S_IFMT == S_IFDIR {
                new.mode |= S_ISGID;
            } else if mode & (S_ISGID | S_IXGRP) == S_ISGID | S_IXGRP
                && !cx.creds.is_root()
                && !cx.creds.in_group(dir.gid)
            {
                new.mode &= !S_ISGID;
            }
        }
        new
    }

    /// Makes a node at a free slot: the common part of everything that creates.
    pub(super) fn make(
        &self,
        cx: &Cx,
        slot: &Slot,
        mode: u32,
        rdev: u64,
        target: &[u8],
    ) -> Result<Rc<Dentry>, Errno> {
        let dir = self.may_change(cx, &slot.dir)?;
        let new = Self::newborn(cx, &dir, mode, rdev, target);
        let node = slot.dir.dentry.node.create(cx, &slot.name, &new)?;
        let dentry = slot.dir.dentry.child(&slot.name, node);
        self.names_changed();
        let isdir = if mode & S_IFMT == S_IFDIR { IN_ISDIR } else { 0 };
        self.event(slot.dir.dentry.key(), IN_CREATE | isdir, 0, &slot.name);
        Ok(dentry)
    }

    /// An unnamed file in `dir` (O_TMPFILE).
    pub(super) fn make_tmpfile(&self, cx: &Cx, dir: &Loc, mode: u32) -> Result<NodeRef, Errno> {
        let attr = self.may_change(cx, dir)?;
        let new = Self::newborn(cx, &attr, S_IFREG | mode, 0, &[]);
        dir.dentry.node.tmpfile(cx, &new)
    }

    /// A slot for something that must not exist yet.
    fn free_slot(&self, cx: &Cx, dir: &Dir, path: &[u8], for_dir: bool) -> Result<Slot, Stop> {
        let slot = self.slot(cx, dir, path, |_| Errno::EEXIST)?;
        if self.child(cx, &slot)?.is_some() {
            return Err(Errno::EEXIST.into());
        }
        if slot.slash && !for_dir {
            return Err(Errno::ENOENT.into());
        }
        Ok(slot)
    }

    /// mkdir(2).
    pub fn mkdir(&self, cx: &Cx, dir: &Dir, path: &[u8], mode: u32) -> Result<(), Stop> {
        let slot = self.free_slot(cx, dir, path, true)?;
        self.make(cx, &slot, S_IFDIR | (mode & 0o1777), 0, &[])?;
        Ok(())
    }

    /// mknod(2). Devices are made by root only.
    pub fn mknod(&self, cx: &Cx, dir: &Dir, path: &[u8], mode: u32, rdev: u64) -> Result<Loc, Stop> {
        let kind = if mode & S_IFMT == 0 { S_IFREG } else { mode & S_IFMT };
        match kind {
            S_IFREG | S_IFIFO | S_IFSOCK | S_IFCHR | S_IFBLK => {}
            S_IFDIR => return Err(Errno::EPERM.into()),
            _ => return Err(Errno::EINVAL.into()),
        }
        let slot = self.free_slot(cx, dir, path, false)?;
        let device = matches!(kind, S_IFCHR | S_IFBLK);
        self.may_change(cx, &slot.dir)?;
        if device && !cx.creds.is_root() {
            return Err(Errno::EPERM.into());
        }
        let rdev = if device { rdev } else { 0 };
        let dentry = self.make(cx, &slot, kind | (mode & 0o7777), rdev, &[])?;
        Ok(Loc { mount: slot.dir.mount, dentry })
    }

    /// symlink(2).
    pub fn symlink(&self, cx: &Cx, target: &[u8], dir: &Dir, path: &[u8]) -> Result<(), Stop> {
        if target.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        if target.len() >= abi::fs::PATH_MAX {
            return Err(Errno::ENAMETOOLONG.into());
        }
        let slot = self.free_slot(cx, dir, path, false)?;
        self.make(cx, &slot, S_IFLNK | 0o777, 0, target)?;
        Ok(())
    }

    /// link(2): another name for `node`.
    pub fn link(&self, cx: &Cx, from: &Loc, dir: &Dir, path: &[u8]) -> Result<(), Stop> {
        let slot = self.free_slot(cx, dir, path, false)?;
        if !Rc::ptr_eq(&slot.dir.mount, &from.mount) {
            return Err(Errno::EXDEV.into());
        }
        let dir_attr = self.may_change(cx, &slot.dir)?;
        debug_assert!(dir_attr.is_dir());
        let node = &from.dentry.node;
        if node.file_type() == S_IFDIR {
            return Err(Errno::EPERM.into());
        }
        // Removed; only a file that never had a name (O_TMPFILE without O_EXCL) may get one, and only once.
        if node.attr(cx)?.nlink == 0 && !from.dentry.linkable.get() {
            return Err(Errno::ENOENT.into());
        }
        slot.dir.dentry.node.link(cx, &slot.name, node)?;
        from.dentry.linkable.set(false);
        slot.dir.dentry.child(&slot.name, node.clone());
        self.names_changed();
        self.event(node.key(), IN_ATTRIB, 0, &[]);
        self.event(slot.dir.dentry.key(), IN_CREATE, 0, &slot.name);
        Ok(())
    }

    /// unlink(2) and rmdir(2) (`rmdir`).
    pub fn unlink(&self, cx: &Cx, dir: &Dir, path: &[u8], rmdir: bool) -> Result<(), Stop> {
        fn odd_rmdir(last: &Last) -> Errno {
            match last {
                Last::Dot => Errno::EINVAL,
                Last::DotDot => Errno::ENOTEMPTY,
                _ => Errno::EBUSY,
            }
        }
        let slot = self.slot(cx, dir, path, if rmdir { odd_rmdir } else { |_| Errno::EISDIR })?;
        let Some(child) = self.child(cx, &slot)? else { return Err(Errno::ENOENT.into()) };
        let is_dir = child.node.file_type() == S_IFDIR;
        if slot.slash && !rmdir {
            return Err(if is_dir { Errno::EISDIR } else { Errno::ENOTDIR }.into());
        }
        let dir_attr = self.may_change(cx, &slot.dir)?;
        perm::sticky(&dir_attr, &child.node.attr(cx)?, cx.creds)?;
        match (rmdir, is_dir) {
            (true, false) => return Err(Errno::ENOTDIR.into()),
            (false, true) => return Err(Errno::EISDIR.into()),
            _ => {}
        }
        if child.mounts.get() > 0 {
            return Err(Errno::EBUSY.into());
        }
        slot.dir.dentry.node.unlink(cx, &slot.name, rmdir)?;
        slot.dir.dentry.forget(&slot.name);
        child.set_deleted();
        self.names_changed();
        self.event(slot.dir.dentry.key(), IN_DELETE | if is_dir { IN_ISDIR } else { 0 }, 0, &slot.name);
        self.name_lost(cx, &child, is_dir);
        Ok(())
    }

    /// Events of a node that lost a name.
    fn name_lost(&self, cx: &Cx, child: &Rc<Dentry>, is_dir: bool) {
        if !self.notify.borrow().is_watched(child.key()) {
            return;
        }
        if !is_dir {
            self.event(child.key(), IN_ATTRIB, 0, &[]);
        }
        if is_dir || child.node.attr(cx).is_ok_and(|a| a.nlink == 0) {
            self.event(child.key(), IN_DELETE_SELF, 0, &[]);
            self.notify.borrow_mut().node_gone(child.key());
        }
    }

    /// True if the way to a name's folder leads through a descriptor of the caller's own.
    pub fn stops_at_fd(&self, cx: &Cx, dir: &Dir, path: &[u8]) -> bool {
        matches!(self.end(cx, dir, path), Err(Stop::OwnFd { .. }))
    }

    /// renameat2(2).
    pub fn rename(&self, cx: &Cx, old: (&Dir, &[u8]), new: (&Dir, &[u8]), flags: u32) -> Result<(), Stop> {
        if flags & !(RENAME_NOREPLACE | RENAME_EXCHANGE) != 0
            || flags & RENAME_NOREPLACE != 0 && flags & RENAME_EXCHANGE != 0
        {
            return Err(Errno::EINVAL.into());
        }
        let (from, to) = (self.end(cx, old.0, old.1)?, self.end(cx, new.0, new.1)?);
        let End::Name(from) = from else { return Err(Errno::EBUSY.into()) };
        let End::Name(to) = to else {
            let exists = flags & RENAME_NOREPLACE != 0;
            return Err(if exists { Errno::EEXIST } else { Errno::EBUSY }.into());
        };
        if !Rc::ptr_eq(&from.dir.mount, &to.dir.mount) {
            return Err(Errno::EXDEV.into());
        }
        let Some(child) = self.child(cx, &from)? else { return Err(Errno::ENOENT.into()) };
        let target = self.child(cx, &to)?;
        if target.is_some() && flags & RENAME_NOREPLACE != 0 {
            return Err(Errno::EEXIST.into());
        }
        if target.is_none() && flags & RENAME_EXCHANGE != 0 {
            return Err(Errno::ENOENT.into());
        }
        let is_dir = child.node.file_type() == S_IFDIR;
        if !is_dir && (from.slash || to.slash && flags & RENAME_EXCHANGE == 0) {
            return Err(Errno::ENOTDIR.into());
        }
        if let Some(t) = &target
            && flags & RENAME_EXCHANGE != 0
            && to.slash
            && t.node.file_type() != S_IFDIR
        {
            return Err(Errno::ENOTDIR.into());
        }
        // A directory cannot move below itself, nor take the place of one above it.
        if is_dir && to.dir.dentry.is_within(&child) {
            return Err(Errno::EINVAL.into());
        }
        if let Some(t) = &target
            && t.node.file_type() == S_IFDIR
            && from.dir.dentry.is_within(t)
        {
            let exchange = flags & RENAME_EXCHANGE != 0;
            return Err(if exchange { Errno::EINVAL } else { Errno::ENOTEMPTY }.into());
        }
        if target.as_ref().is_some_and(|t| t.key() == child.key()) {
            return Ok(());
        }
        self.may_rename(cx, &from, &to, &child, target.as_ref(), flags)?;
        from.dir.dentry.node.rename(cx, &from.name, &to.dir.dentry.node, &to.name, flags)?;
        if flags & RENAME_EXCHANGE != 0 {
            from.dir.dentry.exchanged(&from.name, &to.dir.dentry, &to.name);
        } else {
            from.dir.dentry.moved(&from.name, &to.dir.dentry, &to.name);
        }
        self.names_changed();
        self.renamed(cx, &from, &to, &child, target.as_ref(), flags);
        Ok(())
    }

    fn may_rename(
        &self,
        cx: &Cx,
        from: &Slot,
        to: &Slot,
        child: &Rc<Dentry>,
        target: Option<&Rc<Dentry>>,
        flags: u32,
    ) -> Result<(), Errno> {
        let from_attr = self.may_change(cx, &from.dir)?;
        let child_attr = child.node.attr(cx)?;
        perm::sticky(&from_attr, &child_attr, cx.creds)?;
        let to_attr = self.may_change(cx, &to.dir)?;
        let other_dir = !Rc::ptr_eq(&from.dir.dentry, &to.dir.dentry);
        if child_attr.is_dir() && other_dir {
            // Its `..` changes: that is a write to it.
            perm::check(&child_attr, cx.creds, perm::WRITE)?;
        }
        if let Some(t) = target {
            let t_attr = t.node.attr(cx)?;
            perm::sticky(&to_attr, &t_attr, cx.creds)?;
            if flags & RENAME_EXCHANGE == 0 {
                match (child_attr.is_dir(), t_attr.is_dir()) {
                    (true, false) => return Err(Errno::ENOTDIR),
                    (false, true) => return Err(Errno::EISDIR),
                    _ => {}
                }
            } else if t_attr.is_dir() && other_dir {
                perm::check(&t_attr, cx.creds, perm::WRITE)?;
            }
            if t.mounts.get() > 0 {
                return Err(Errno::EBUSY);
            }
        }
        if child.mounts.get() > 0 { Err(Errno::EBUSY) } else { Ok(()) }
    }

    fn renamed(
        &self,
        cx: &Cx,
        from: &Slot,
        to: &Slot,
        child: &Rc<Dentry>,
        target: Option<&Rc<Dentry>>,
        flags: u32,
    ) {
        if self.notify.borrow().is_empty() {
            return;
        }
        let pair = |from: &Slot, to: &Slot, moved: &Rc<Dentry>| {
            let isdir = if moved.node.file_type() == S_IFDIR { IN_ISDIR } else { 0 };
            let cookie = self.notify.borrow_mut().next_cookie();
            self.event(from.dir.dentry.key(), IN_MOVED_FROM | isdir, cookie, &from.name);
            self.event(to.dir.dentry.key(), IN_MOVED_TO | isdir, cookie, &to.name);
            self.event(moved.key(), IN_MOVE_SELF, 0, &[]);
        };
        pair(from, to, child);
        if let Some(t) = target {
            if flags & RENAME_EXCHANGE != 0 {
                pair(to, from, t);
            } else {
                self.name_lost(cx, t, t.node.file_type() == S_IFDIR);
            }
        }
    }
}
