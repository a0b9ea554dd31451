//! Operations on attributes: chmod, chown, utimensat, truncate, access, extended attributes.

use alloc::boxed::Box;
use alloc::vec::Vec;

use abi::Errno;
use abi::fs::{
    IN_ATTRIB, IN_MODIFY, MAX_OFFSET, MS_NOEXEC, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG,
    S_IFSOCK, S_ISGID, S_ISVTX, UTIME_NOW, UTIME_OMIT, XATTR_NAME_MAX, XATTR_SIZE_MAX,
};

use crate::server::attr::{Attr, SetAttr, Time, without_suid};
use crate::server::cx::Cx;
use crate::server::walk::Loc;
use crate::server::{Vfs, perm};

/// A new file time as utimensat(2) takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTime {
    Now,
    Omit,
    At(Time),
}

impl NewTime {
    /// From seconds and nanoseconds with UTIME_NOW and UTIME_OMIT; EINVAL for others out of range.
    pub fn new(sec: i64, nsec: i64) -> Result<Self, Errno> {
        match nsec {
            UTIME_NOW => Ok(Self::Now),
            UTIME_OMIT => Ok(Self::Omit),
            0..1_000_000_000 => Ok(Self::At(Time { sec, nsec })),
            _ => Err(Errno::EINVAL),
        }
    }

    fn value(self, now: Time) -> Option<Time> {
        match self {
            Self::Now => Some(now),
            Self::Omit => None,
            Self::At(t) => Some(t),
        }
    }
}

impl Vfs {
    /// Applies a permitted change, and tells.
    fn change(&self, cx: &Cx, loc: &Loc, change: &SetAttr) -> Result<(), Errno> {
        loc.dentry.node.set_attr(cx, change)?;
        self.attr_changed(loc.dentry.key());
        self.tell(&loc.dentry, IN_ATTRIB);
        Ok(())
    }

    /// chmod(2).
    pub fn chmod(&self, cx: &Cx, loc: &Loc, mode: u32) -> Result<(), Errno> {
        loc.mount.writable()?;
        let attr = loc.dentry.node.attr(cx)?;
        perm::owner(&attr, cx.creds)?;
        if attr.file_type() == S_IFLNK {
            return Err(Errno::EOPNOTSUPP);
        }
        let mut mode = mode & 0o7777;
        if !cx.creds.is_root() {
            if mode & S_ISGID != 0 && !cx.creds.in_group(attr.gid) {
                mode &= !S_ISGID;
            }
            debug_assert!(mode & !0o7777 == 0 && S_ISVTX & 0o7777 != 0);
        }
        self.change(cx, loc, &SetAttr { mode: Some(mode), ..SetAttr::default() })
    }

    /// chown(2): only root gives files away; an owner may choose among its groups.
    pub fn chown(&self, cx: &Cx, loc: &Loc, uid: Option<u32>, gid: Option<u32>) -> Result<(), Errno> {
        loc.mount.writable()?;
        let attr = loc.dentry.node.attr(cx)?;
        if !cx.creds.is_root() {
            let keeps_uid = uid.is_none_or(|u| u == attr.uid);
            let own = cx.creds.uid == attr.uid;
            let group_ok = gid.is_none_or(|g| g == attr.gid || cx.creds.in_group(g));
            if (uid.is_some() || gid.is_some()) && !(own && keeps_uid && group_ok) {
                return Err(Errno::EPERM);
            }
        }
        let mode = without_suid(attr.mode);
        if mode.is_some() {
            // Also when both ids stay as they are.
            perm::owner(&attr, cx.creds)?;
        }
        self.change(cx, loc, &SetAttr { uid, gid, mode, ..SetAttr::default() })
    }

    /// utimensat(2): owners may set any time; who may only write, the present one.
    pub fn utimens(&self, cx: &Cx, loc: &Loc, atime: NewTime, mtime: NewTime) -> Result<(), Errno> {
        if atime == NewTime::Omit && mtime == NewTime::Omit {
            return Ok(());
        }
        loc.mount.writable()?;
        let attr = loc.dentry.node.attr(cx)?;
        if perm::owner(&attr, cx.creds).is_err() {
            if atime != NewTime::Now || mtime != NewTime::Now {
                return Err(Errno::EPERM);
            }
            perm::check(&attr, cx.creds, perm::WRITE)?;
        }
        let change = SetAttr { atime: atime.value(cx.now), mtime: mtime.value(cx.now), ..SetAttr::default() };
        self.change(cx, loc, &change)
    }

    /// truncate(2) by name. EFBIG for a file that would get longer than `limit`.
    pub fn truncate(&self, cx: &Cx, loc: &Loc, size: i64, limit: u64) -> Result<(), Errno> {
        let size = u64::try_from(size).map_err(|_| Errno::EINVAL)?;
        match loc.dentry.node.file_type() {
            S_IFREG => {}
            S_IFDIR => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        }
        loc.mount.writable()?;
        perm::check(&loc.dentry.node.attr(cx)?, cx.creds, perm::WRITE)?;
        loc.dentry.node.open_check(cx, false, true)?;
        self.texts.may_write(loc.dentry.key())?;
        if size > limit && size > loc.dentry.node.size(cx)? {
            return Err(Errno::EFBIG);
        }
        self.set_size(cx, loc, size)
    }

    /// Sets the size of a file that the caller may write.
    pub fn set_size(&self, cx: &Cx, loc: &Loc, size: u64) -> Result<(), Errno> {
        if size > MAX_OFFSET {
            return Err(Errno::EFBIG);
        }
        loc.dentry.node.truncate(cx, size)?;
        self.written(cx, loc)
    }

    /// After a change of contents: no set-ID bits for whoever is not root, and the news.
    pub fn written(&self, cx: &Cx, loc: &Loc) -> Result<(), Errno> {
        let node = &loc.dentry.node;
        if !cx.creds.is_root()
            && let Some(mode) = without_suid(node.attr(cx)?.mode)
        {
            node.set_attr(cx, &SetAttr { mode: Some(mode), ..SetAttr::default() })?;
        }
        self.attr_changed(node.key());
        self.tell(&loc.dentry, IN_MODIFY);
        Ok(())
    }

    /// access(2) with the credentials in `cx`.
    pub fn access(&self, cx: &Cx, loc: &Loc, want: u32) -> Result<(), Errno> {
        let node = &loc.dentry.node;
        let attr = node.attr(cx)?;
        if want & perm::EXEC != 0 && attr.file_type() == S_IFREG && loc.mount.flags.get() & MS_NOEXEC != 0 {
            return Err(Errno::EACCES);
        }
        perm::check(&attr, cx.creds, want)?;
        let device = matches!(attr.file_type(), S_IFCHR | S_IFBLK | S_IFIFO | S_IFSOCK);
        if want & perm::WRITE != 0 && !device {
            loc.mount.writable()?;
        }
        Ok(())
    }

    /// Attributes for stat(2).
    pub fn stat(&self, cx: &Cx, loc: &Loc) -> Result<Attr, Errno> {
        let attr = loc.dentry.node.attr(cx)?;
        self.observe((attr.dev, attr.ino));
        Ok(attr)
    }

    /// getxattr(2).
    pub fn get_xattr(&self, cx: &Cx, loc: &Loc, name: &[u8]) -> Result<Vec<u8>, Errno> {
        self.xattr_ok(cx, loc, name, false)?;
        loc.dentry.node.get_xattr(cx, name)
    }

    /// setxattr(2).
    pub fn set_xattr(&self, cx: &Cx, loc: &Loc, name: &[u8], value: &[u8], flags: u32) -> Result<(), Errno> {
        if flags & !(abi::fs::XATTR_CREATE | abi::fs::XATTR_REPLACE) != 0 {
            return Err(Errno::EINVAL);
        }
        if value.len() > XATTR_SIZE_MAX {
            return Err(Errno::E2BIG);
        }
        self.xattr_ok(cx, loc, name, true)?;
        loc.dentry.node.set_xattr(cx, name, value, flags)?;
        self.attr_changed(loc.dentry.key());
        self.tell(&loc.dentry, IN_ATTRIB);
        Ok(())
    }

    /// listxattr(2): names ended by NUL. `trusted.` is for root's eyes.
    pub fn list_xattr(&self, cx: &Cx, loc: &Loc) -> Result<Vec<u8>, Errno> {
        let names: Vec<Box<[u8]>> = loc.dentry.node.list_xattr(cx)?;
        let mut out = Vec::new();
        for n in names.iter().filter(|n| cx.creds.is_root() || !n.starts_with(b"trusted.")) {
            out.extend_from_slice(n);
            out.push(0);
        }
        Ok(out)
    }

    /// removexattr(2).
    pub fn remove_xattr(&self, cx: &Cx, loc: &Loc, name: &[u8]) -> Result<(), Errno> {
        self.xattr_ok(cx, loc, name, true)?;
        loc.dentry.node.remove_xattr(cx, name)?;
        self.attr_changed(loc.dentry.key());
        self.tell(&loc.dentry, IN_ATTRIB);
        Ok(())
    }

    /// The rules of the name spaces, xattr(7).
    fn xattr_ok(&self, cx: &Cx, loc: &Loc, name: &[u8], write: bool) -> Result<(), Errno> {
        if name.is_empty() || name.len() > XATTR_NAME_MAX {
            return Err(Errno::ERANGE);
        }
        if write {
            loc.mount.writable()?;
        }
        let attr = loc.dentry.node.attr(cx)?;
        let want = if write { perm::WRITE } else { perm::READ };
        if name.starts_with(b"user.") && name.len() > 5 {
            if !matches!(attr.file_type(), S_IFREG | S_IFDIR) {
                return Err(if write { Errno::EPERM } else { Errno::ENODATA });
            }
            if write && attr.is_dir() && attr.mode & S_ISVTX != 0 {
                perm::owner(&attr, cx.creds)?;
            }
            perm::check(&attr, cx.creds, want)
        } else if name.starts_with(b"trusted.") && name.len() > 8 {
            match (cx.creds.is_root(), write) {
                (true, _) => Ok(()),
                (false, true) => Err(Errno::EPERM),
                (false, false) => Err(Errno::ENODATA),
            }
        } else if name.starts_with(b"security.") && name.len() > 9 {
            if write && !cx.creds.is_root() { Err(Errno::EPERM) } else { Ok(()) }
        } else {
            // POSIX ACLs ("system.") are not kept.
            Err(Errno::EOPNOTSUPP)
        }
    }
}
