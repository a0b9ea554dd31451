//! Requests on the attributes behind a path.

use std::rc::Rc;

use abi::Errno;
use abi::fs::{
    ANON_INODE_FS_MAGIC, AT_EACCESS, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, PIPEFS_MAGIC, SOCKFS_MAGIC,
    STATX_ATTR_MOUNT_ROOT, Stat, Statfs,
};
use protocol::Op;
use protocol::wire::Reader;
use vfs::server::Vfs;
use vfs::server::attr::Attr;
use vfs::server::attrs::NewTime;
use vfs::server::walk::{Loc, Stop};
use zerocopy::FromBytes;

use super::{Base, on_path, stopped};
use crate::call::{Answer, Call, OpResult};
use crate::descs::Body;
use crate::family::Family;
use crate::fs::{self, Ids};
use crate::ops;

/// An answer with `struct stat` and what statx(2) tells beyond it.
pub fn stat_answer(vfs: &Vfs, attr: &Attr, loc: &Loc, volatile: bool) -> Answer {
    let mapped = vfs.is_content_mapped((attr.dev, attr.ino));
    let root = Rc::ptr_eq(&loc.dentry, &loc.mount.root);
    Answer::default()
        .with_struct(&attr.to_stat())
        .with_ret(0, attr.btime.sec as u64)
        .with_ret(1, attr.btime.nsec as u64)
        .with_ret(2, if root { STATX_ATTR_MOUNT_ROOT } else { 0 })
        .with_ret(3, loc.mount.id.into())
        .with_ret(4, u64::from(volatile) | u64::from(mapped) << 1)
}

/// `Op::Stat`.
pub(super) fn stat(fam: &mut Family, call: &Call) -> OpResult {
    let flags = call.arg(1);
    let empty = flags & u64::from(AT_EMPTY_PATH) != 0;
    let base = Base::of(fam, call, call.arg(0), call.data)?;
    if call.data.is_empty() && empty && matches!(base, Base::Nameless) {
        return ops::by_body(fam, Op::FStat, call);
    }
    let follow = flags & u64::from(AT_SYMLINK_NOFOLLOW) == 0;
    fs::with(fam, call, Ids::Fs, |cx, vfs| match vfs.find(cx, &base.dir()?, call.data, follow, empty) {
        Ok(found) => Ok(stat_answer(vfs, &vfs.stat(cx, &found.loc)?, &found.loc, found.volatile)),
        Err(Stop::OwnFd { fd, rest }) if rest.is_empty() => {
            Ok(Answer::default().with_ret(0, u64::MAX).with_ret(1, fd.into()))
        }
        Err(stop) => stopped(stop, 0),
    })
}

/// `Op::Access`.
pub(super) fn access(fam: &mut Family, call: &Call) -> OpResult {
    let want = call.arg32(1)?;
    if want & !7 != 0 {
        return Err(Errno::EINVAL);
    }
    let effective = call.arg(2) & u64::from(AT_EACCESS) != 0;
    let whole = call.data.is_empty() && call.arg(2) & u64::from(AT_EMPTY_PATH) != 0;
    if whole && matches!(Base::of(fam, call, call.arg(0), call.data)?, Base::Nameless) {
        return access_nameless(fam, call, want, effective);
    }
    let ids = if effective { Ids::Fs } else { Ids::Real };
    on_path(fam, call, call.arg(2), ids, |cx, vfs, found| {
        vfs.access(cx, &found.loc, want)?;
        Answer::ok()
    })
}

/// access(2) of a pipe, socket or stream, by the mode that fstat(2) shows.
fn access_nameless(fam: &mut Family, call: &Call, want: u32, effective: bool) -> OpResult {
    let answer = ops::by_body(fam, Op::FStat, call)?;
    let stat = Stat::read_from_prefix(&answer.data).map_err(|_| Errno::EIO)?.0;
    let creds = &fam.procs.get(call.pid)?.creds;
    let (uid, gid) = if effective { (creds.fsuid, creds.fsgid) } else { (creds.ruid, creds.rgid) };
    let shift = match () {
        () if uid == stat.st_uid => 6,
        () if gid == stat.st_gid || creds.groups.contains(&stat.st_gid) => 3,
        () => 0,
    };
    let may = if uid == 0 { 6 | (stat.st_mode & 0o111).min(1) } else { stat.st_mode >> shift & 7 };
    if want & !may == 0 { Answer::ok() } else { Err(Errno::EACCES) }
}

/// `Op::ChMod`.
pub(super) fn chmod(fam: &mut Family, call: &Call) -> OpResult {
    let mode = call.arg(1) as u32;
    on_path(fam, call, call.arg(2), Ids::Fs, |cx, vfs, found| {
        vfs.chmod(cx, &found.loc, mode)?;
        Answer::ok()
    })
}

/// `Op::ChOwn`.
pub(super) fn chown(fam: &mut Family, call: &Call) -> OpResult {
    let id = |v: u64| Some(v as u32).filter(|v| *v != u32::MAX);
    on_path(fam, call, call.arg(3), Ids::Fs, |cx, vfs, found| {
        vfs.chown(cx, &found.loc, id(call.arg(1)), id(call.arg(2)))?;
        Answer::ok()
    })
}

/// `Op::UTimens`.
pub(super) fn utimens(fam: &mut Family, call: &Call) -> OpResult {
    let time = |i: usize| NewTime::new(call.arg(i) as i64, call.arg(i + 1) as i64);
    let (atime, mtime) = (time(2)?, time(4)?);
    on_path(fam, call, call.arg(1), Ids::Fs, |cx, vfs, found| {
        vfs.utimens(cx, &found.loc, atime, mtime)?;
        Answer::ok()
    })
}

/// `Op::Truncate`: by path or by description.
pub(super) fn truncate(fam: &mut Family, call: &Call) -> OpResult {
    let size = call.arg(0) as i64;
    if size < 0 {
        return Err(Errno::EINVAL);
    }
    if call.arg(1) == 1 {
        return ops::files::ftruncate(fam, call, call.arg32(2)?, size as u64);
    }
    let found = fs::with(fam, call, Ids::Fs, |cx, vfs| {
        let dir = vfs::server::Dir::Cwd;
        let loc = vfs.find(cx, &dir, call.data, true, false)?.loc;
        vfs.truncate(cx, &loc, size, call.arg(3))?;
        Ok::<_, Stop>(())
    });
    match found {
        Ok(()) => Answer::ok(),
        Err(stop) => stopped(stop, 0),
    }
}

/// `Op::StatFs`.
pub(super) fn statfs(fam: &mut Family, call: &Call) -> OpResult {
    let empty = call.arg(1) == 1;
    if empty {
        let f_type = match &fam.descs.get(call.arg32(0)?, call.pid)?.body {
            Body::Node(_) => 0,
            Body::Pipe(_) => PIPEFS_MAGIC,
            Body::Socket(_) => SOCKFS_MAGIC,
            _ => ANON_INODE_FS_MAGIC,
        };
        let named = matches!(Base::of(fam, call, call.arg(0), &[])?, Base::At(_));
        if f_type != 0 && !named {
            let s = Statfs { f_type, f_bsize: 4096, f_frsize: 4096, f_namelen: 255, ..Statfs::default() };
            return Ok(Answer::default().with_struct(&s));
        }
    }
    let flags = if empty { u64::from(AT_EMPTY_PATH) } else { 0 };
    on_path(fam, call, flags, Ids::Fs, |_, _, found| {
        let mut s = found.loc.dentry.node.statfs()?;
        s.f_flags = found.loc.mount.statfs_flags() as i64;
        Ok(Answer::default().with_struct(&s))
    })
}

/// `Op::XAttr`.
pub(super) fn xattr(fam: &mut Family, call: &Call) -> OpResult {
    let mut r = Reader::new(call.data);
    let (Some(path), Some(name), Some(value)) = (r.bytes(), r.bytes(), r.bytes()) else {
        return Err(Errno::EINVAL);
    };
    let call = &Call { data: path, ..*call };
    on_path(fam, call, call.arg(3), Ids::Fs, |cx, vfs, found| {
        let loc = &found.loc;
        let data = match call.arg(1) {
            0 => vfs.get_xattr(cx, loc, name)?,
            1 => {
                vfs.set_xattr(cx, loc, name, value, call.arg32(2)?)?;
                Vec::new()
            }
            2 => vfs.list_xattr(cx, loc)?,
            3 => {
                vfs.remove_xattr(cx, loc, name)?;
                Vec::new()
            }
            _ => return Err(Errno::EINVAL),
        };
        Ok(Answer::value(data.len() as i64).with_data(data))
    })
}
