//! mount(2), umount2(2), and inotify's watches.

use abi::Errno;
use abi::fs::{
    IN_DONT_FOLLOW, IN_ONLYDIR, MNT_DETACH, MNT_EXPIRE, MNT_FORCE, MS_BIND, MS_MGC_MSK, MS_MGC_VAL, MS_MOVE,
    MS_PRIVATE, MS_REMOUNT, MS_SHARED, MS_SLAVE, MS_UNBINDABLE, TMPFS_MAGIC, UMOUNT_NOFOLLOW,
};
use protocol::wire::Reader;
use vfs::server::dentry::Dentry;
use vfs::server::devfs::{self, PtsDir};
use vfs::server::inode::NodeRef;
use vfs::server::walk::Stop;
use vfs::server::{Dir, Vfs, perm, procfs};

use super::{Base, stopped};
use crate::call::{Answer, Call, OpResult};
use crate::descs::Body;
use crate::family::Family;
use crate::fs::{self, Ids};

/// `Op::Mount`.
pub(super) fn mount(fam: &mut Family, call: &Call) -> OpResult {
    let mut r = Reader::new(call.data);
    let (Some(source), Some(target), Some(fstype), Some(data)) = (r.bytes(), r.bytes(), r.bytes(), r.bytes())
    else {
        return Err(Errno::EINVAL);
    };
    let fam = &*fam;
    let result = fs::with(fam, call, Ids::Fs, |cx, vfs| {
        Vfs::may_mount(cx)?;
        if call.arg(0) == 1 {
            let flags = call.arg32(1)?;
            if flags & !(MNT_DETACH | MNT_FORCE | MNT_EXPIRE | UMOUNT_NOFOLLOW) != 0 {
                return Err(Errno::EINVAL.into());
            }
            let at = vfs.find(cx, &Dir::Cwd, target, flags & UMOUNT_NOFOLLOW == 0, false)?.loc;
            return Ok(vfs.umount(at, flags)?);
        }
        let mut flags = call.arg(1);
        if flags & MS_MGC_MSK == MS_MGC_VAL {
            flags &= !MS_MGC_MSK;
        }
        let at = vfs.find(cx, &Dir::Cwd, target, true, false)?.loc;
        if flags & MS_REMOUNT != 0 {
            return Ok(vfs.remount(&at, flags)?);
        }
        if flags & MS_BIND != 0 {
            let from = vfs.find(cx, &Dir::Cwd, source, true, false)?.loc;
            return Ok(vfs.bind(&from, &at)?);
        }
        if flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE) != 0 {
            // There is one mount table: every mount is private to the family already.
            return if flags & MS_SHARED != 0 { Err(Errno::EINVAL.into()) } else { Ok(()) };
        }
        if flags & MS_MOVE != 0 {
            return Err(Errno::EINVAL.into());
        }
        let root: NodeRef = match fstype {
            b"tmpfs" | b"ramfs" => {
                let (mode, limit) = tmpfs_options(data)?;
                fam.fs.memory(TMPFS_MAGIC, limit).root(mode, cx.now)
            }
            b"proc" => procfs::proc_root(fam.fs.new_dev()),
            b"sysfs" => procfs::sys_root(fam.fs.new_dev()),
            b"devpts" => PtsDir::new(fam.fs.new_dev()),
            b"devtmpfs" => devfs::root(cx, &fam.fs.memory(TMPFS_MAGIC, u64::MAX))?,
            _ => return Err(Errno::ENODEV.into()),
        };
        vfs.mount_on(&at, Dentry::root(root, b""), flags, fstype, source)?;
        Ok::<_, Stop>(())
    });
    match result {
        Ok(()) => Answer::ok(),
        Err(stop) => stopped(stop, 0),
    }
}

/// `size=` and `mode=` of tmpfs(5); the other options are accepted where they change nothing here.
fn tmpfs_options(data: &[u8]) -> Result<(u32, u64), Errno> {
    let text = std::str::from_utf8(data).map_err(|_| Errno::EINVAL)?;
    let (mut mode, mut limit) = (0o1777, u64::MAX);
    for option in text.split(',').filter(|o| !o.is_empty()) {
        match option.split_once('=') {
            Some(("mode", v)) => mode = u32::from_str_radix(v, 8).map_err(|_| Errno::EINVAL)? & 0o7777,
            Some(("size", v)) => {
                let digits = v.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                let shift = match &v[digits.len()..] {
                    "" => 0,
                    "k" | "K" => 10,
                    "m" | "M" => 20,
                    "g" | "G" => 30,
                    _ => return Err(Errno::EINVAL),
                };
                let n: u64 = digits.parse().map_err(|_| Errno::EINVAL)?;
                limit = n.checked_shl(shift).filter(|l| *l != 0).unwrap_or(u64::MAX);
            }
            Some(("nr_inodes" | "uid" | "gid" | "huge", _)) | None => {}
            Some(_) => return Err(Errno::EINVAL),
        }
    }
    Ok((mode, limit))
}

/// `Op::INotify`.
pub(super) fn inotify(fam: &mut Family, call: &Call) -> OpResult {
    let id = match &fam.descs.get(call.arg32(0)?, call.pid)?.body {
        Body::INotify(id) => id.0,
        _ => return Err(Errno::EINVAL),
    };
    if call.arg(3) == 1 {
        fam.fs.vfs.notify.borrow_mut().remove(id, call.arg(2) as i32)?;
        return Answer::ok();
    }
    let mask = call.arg32(1)?;
    let base = Base::Cwd;
    let result = fs::with(fam, call, Ids::Fs, |cx, vfs| {
        let loc = vfs.find(cx, &base.dir()?, call.data, mask & IN_DONT_FOLLOW == 0, false)?.loc;
        if mask & IN_ONLYDIR != 0 && !loc.is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        perm::check(&loc.dentry.node.attr(cx)?, cx.creds, perm::READ)?;
        Ok::<_, Stop>(vfs.notify.borrow_mut().add(id, loc.dentry.key(), mask)?)
    });
    match result {
        Ok(wd) => Ok(Answer::value(wd)),
        Err(stop) => stopped(stop, 0),
    }
}
