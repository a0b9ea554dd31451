//! open(2), as far as names and permissions go; what is behind the node is the caller's.

use alloc::rc::Rc;

use abi::Errno;
use abi::fs::{
    MS_NODEV, MS_NOEXEC, O_ACCMODE, O_CREAT, O_DIRECTORY, O_EXCL, O_NOATIME, O_NOFOLLOW, O_PATH, O_RDONLY,
    O_RDWR, O_TMPFILE, O_TRUNC, O_WRONLY, RESOLVE_BENEATH, RESOLVE_CACHED, RESOLVE_IN_ROOT,
    RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK,
    S_IFREG, S_IFSOCK,
};

use crate::server::cx::Cx;
use crate::server::dentry::Dentry;
use crate::server::names::Slot;
use crate::server::walk::{Last, Loc, Stop};
use crate::server::{Dir, Vfs, perm};

/// A node that may be opened as asked.
pub struct Opened {
    pub loc: Loc,
    /// It did not exist before.
    pub created: bool,
}

/// Among open flags: for execution (Linux's `__FMODE_EXEC`). Never taken from a program.
pub const FOR_EXEC: u32 = 0x20;

/// Does the access mode let one read?
pub fn reads(flags: u32) -> bool {
    flags & O_PATH == 0 && matches!(flags & O_ACCMODE, O_RDONLY | O_RDWR)
}

/// Does the access mode let one write?
pub fn writes(flags: u32) -> bool {
    flags & O_PATH == 0 && matches!(flags & O_ACCMODE, O_WRONLY | O_RDWR)
}

const RESOLVE_ALL: u64 = RESOLVE_BENEATH
    | RESOLVE_CACHED
    | RESOLVE_IN_ROOT
    | RESOLVE_NO_MAGICLINKS
    | RESOLVE_NO_SYMLINKS
    | RESOLVE_NO_XDEV;

impl Vfs {
    /// Opens (and makes, with O_CREAT) the node at `path`. `mode` has the umask taken away.
    pub fn open(
        &self,
        cx: &Cx,
        dir: &Dir,
        path: &[u8],
        mut flags: u32,
        mode: u32,
        resolve: u64,
    ) -> Result<Opened, Stop> {
        let both = RESOLVE_BENEATH | RESOLVE_IN_ROOT;
        if resolve & !RESOLVE_ALL != 0 || resolve & both == both {
            return Err(Errno::EINVAL.into());
        }
        if flags & O_PATH != 0 {
            flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
        }
        if flags & O_TMPFILE == O_TMPFILE {
            return self.open_tmpfile(cx, dir, path, flags, mode, resolve);
        }
        if flags & (O_CREAT | O_DIRECTORY) == O_CREAT | O_DIRECTORY {
            return Err(Errno::EINVAL.into());
        }
        let mut w = self.walker(cx, dir, path, resolve)?;
        let nofollow = flags & O_NOFOLLOW != 0 || flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL;
        if flags & O_CREAT == 0 {
            let loc = w.finish(!nofollow)?;
            self.may_open(cx, &loc, flags, false)?;
            return Ok(Opened { loc, created: false });
        }
        loop {
            let (at, slash) = match w.parent()? {
                Last::Name { at, slash } => (at, slash),
                // Reached through a magic link: an existing node that need not be a directory.
                Last::Here if !w.cur.is_dir() => {
                    let loc = w.cur.clone();
                    self.may_open(cx, &loc, flags, false)?;
                    return Ok(Opened { loc, created: false });
                }
                _ => {
                    w.search()?;
                    let exclusive = flags & O_EXCL != 0;
                    return Err(if exclusive { Errno::EEXIST } else { Errno::EISDIR }.into());
                }
            };
            if slash {
                w.search()?;
                return Err(Errno::EISDIR.into());
            }
            match w.lookup(&at) {
                Ok(child) => {
                    if flags & O_EXCL != 0 {
                        return Err(Errno::EEXIST.into());
                    }
                    if child.dentry.node.file_type() == S_IFLNK && !nofollow {
                        w.follow(&child)?;
                        continue;
                    }
                    if child.is_dir() {
                        return Err(Errno::EISDIR.into());
                    }
                    self.may_open(cx, &child, flags, false)?;
                    return Ok(Opened { loc: child, created: false });
                }
                Err(Errno::ENOENT) => {
                    let slot = Slot { name: w.name(&at).to_vec(), slash, dir: w.cur.clone() };
                    let dentry = self.make(cx, &slot, S_IFREG | (mode & 0o7777), 0, &[])?;
                    let loc = Loc { mount: slot.dir.mount, dentry };
                    self.may_open(cx, &loc, flags & !O_TRUNC, true)?;
                    return Ok(Opened { loc, created: true });
                }
                Err(e) => return Err(e.into()),
            }
        }
    }

    fn open_tmpfile(
        &self,
        cx: &Cx,
        dir: &Dir,
        path: &[u8],
        flags: u32,
        mode: u32,
        resolve: u64,
    ) -> Result<Opened, Stop> {
        if !writes(flags) || flags & O_CREAT != 0 {
            return Err(Errno::EINVAL.into());
        }
        let at = self.walker(cx, dir, path, resolve)?.finish(flags & O_NOFOLLOW == 0)?;
        if !at.is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        let node = self.make_tmpfile(cx, &at, mode & 0o7777)?;
        let name = alloc::format!("/#{}", node.key().1).into_bytes();
        let dentry: Rc<Dentry> = Dentry::root(node, &name);
        dentry.set_deleted();
        dentry.linkable.set(flags & O_EXCL == 0);
        Ok(Opened { loc: Loc { mount: at.mount, dentry }, created: true })
    }

    /// The checks on an existing node (Linux's may_open), and O_TRUNC. `created`: it was made by this very call, so
    /// its mode does not matter.
    pub fn may_open(&self, cx: &Cx, loc: &Loc, flags: u32, created: bool) -> Result<(), Errno> {
        let node = &loc.dentry.node;
        let ftype = node.file_type();
        if flags & O_DIRECTORY != 0 && ftype != S_IFDIR {
            return Err(Errno::ENOTDIR);
        }
        if flags & O_PATH != 0 {
            return Ok(());
        }
        let mode3 = flags & O_ACCMODE == O_ACCMODE;
        let read = reads(flags) || mode3;
        let write = writes(flags) || mode3 || flags & O_TRUNC != 0;
        match ftype {
            S_IFLNK => return Err(Errno::ELOOP),
            _ if flags & FOR_EXEC != 0 => return self.may_exec(cx, loc),
            S_IFDIR if write => return Err(Errno::EISDIR),
            S_IFCHR | S_IFBLK if loc.mount.flags.get() & MS_NODEV != 0 => return Err(Errno::EACCES),
            S_IFSOCK => return Err(Errno::ENXIO),
            _ => {}
        }
        let attr = node.attr(cx)?;
        if !created {
            let want = if read { perm::READ } else { 0 } | if write { perm::WRITE } else { 0 };
            perm::check(&attr, cx.creds, want)?;
        }
        if write && !matches!(ftype, S_IFCHR | S_IFBLK | S_IFIFO) {
            loc.mount.writable()?;
        }
        if flags & O_NOATIME != 0 {
            perm::owner(&attr, cx.creds)?;
        }
        node.open_check(cx, read, write)?;
        if write && ftype == S_IFREG {
            self.texts.may_write(node.key())?;
        }
        if flags & O_TRUNC != 0 && ftype == S_IFREG && !node.is_generated() {
            self.set_size(cx, loc, 0)?;
        }
        Ok(())
    }

    /// The checks of execve(2) on the program's file. It need not be readable.
    fn may_exec(&self, cx: &Cx, loc: &Loc) -> Result<(), Errno> {
        if loc.dentry.node.file_type() != S_IFREG || loc.mount.flags.get() & MS_NOEXEC != 0 {
            return Err(Errno::EACCES);
        }
        let node = &loc.dentry.node;
        perm::check(&node.attr(cx)?, cx.creds, perm::EXEC)?;
        node.open_check(cx, true, false)?;
        self.texts.may_run(node.key())
    }
}
