//! Attributes: stat and its relatives, access, readlink, statfs.

use abi::errno::{Errno, SysResult};
use abi::fs::*;
use abi::user::UserRef;
use alloc::vec::Vec;
use protocol::Op;
use vfs::stats::{Stats, Told};

use crate::arg::{Addr, Fd, PathArg};
use crate::cx::Cx;
use crate::path_call::{Whole, path_call};

crate::syscalls! {
    SYS_stat stat(path: PathArg, buf: UserRef<Stat>) Full "" => sys_stat;
    SYS_lstat lstat(path: PathArg, buf: UserRef<Stat>) Full "" => sys_lstat;
    SYS_fstat fstat(fd: Fd, buf: UserRef<Stat>) Full "" => sys_fstat;
    SYS_newfstatat newfstatat(dirfd: Fd, path: PathArg, buf: UserRef<Stat>, flags: u32) Full "" => sys_newfstatat;
    SYS_statx statx(dirfd: Fd, path: PathArg, flags: u32, mask: u32, buf: UserRef<Statx>) Full "" => sys_statx;
    SYS_access access(path: PathArg, mode: u32) Full "" => sys_access;
    SYS_faccessat faccessat(dirfd: Fd, path: PathArg, mode: u32) Full "" => sys_faccessat;
    SYS_faccessat2 faccessat2(dirfd: Fd, path: PathArg, mode: u32, flags: u32) Full "" => sys_faccessat2;
    SYS_readlink readlink(path: PathArg, buf: Addr, size: i32) Full "" => sys_readlink;
    SYS_readlinkat readlinkat(dirfd: Fd, path: PathArg, buf: Addr, size: i32) Full "" => sys_readlinkat;
    SYS_statfs statfs(path: PathArg, buf: UserRef<Statfs>) Full "" => sys_statfs;
    SYS_fstatfs fstatfs(fd: Fd, buf: UserRef<Statfs>) Full "" => sys_fstatfs;
}

/// Attributes with what only statx(2) shows.
struct Attributes {
    stat: Stat,
    birth: (i64, u32),
    attributes: u64,
    mount: u64,
}

impl Attributes {
    fn plain(stat: Stat) -> Self {
        Self { stat, birth: (0, 0), attributes: 0, mount: 0 }
    }

    fn told(told: Told) -> Self {
        let [seconds, ns, attributes, mount] = told.more;
        Self { stat: told.stat, birth: (seconds as i64, ns as u32), attributes, mount }
    }

    fn of(answer: &vfs::host::Answer<'_>) -> SysResult<Self> {
        Ok(Self {
            stat: answer.get(0)?,
            birth: (answer.value(0) as i64, answer.value(1) as u32),
            attributes: answer.value(2),
            mount: answer.value(3),
        })
    }
}

/// Looks up the attributes of a path, or of the descriptor itself (AT_EMPTY_PATH).
fn look(cx: &Cx<'_>, dirfd: Fd, path: &[u8], flags: u32) -> SysResult<Attributes> {
    if path.is_empty() {
        if flags & AT_EMPTY_PATH == 0 {
            return Err(Errno::ENOENT);
        }
        if dirfd.0 != AT_FDCWD {
            let file = cx.file(dirfd)?;
            return match file.known_desc() {
                0 => file.stat().map(Attributes::plain),
                desc => Attributes::of(&cx.host().call(Op::FStat, &[u64::from(desc)])?),
            };
        }
    }
    let (host, follow) = (cx.host(), flags & AT_SYMLINK_NOFOLLOW == 0);
    if let Some(told) = host.stats.get(host, path, follow) {
        return Ok(Attributes::told(told));
    }
    let before = Stats::generation(host);
    let dir = cx.dir(dirfd, path)?;
    let asked = [dir, u64::from(flags)];
    let mut args = asked;
    let answer = path_call(cx, Op::Stat, &mut args, Whole::Flag(1), path)?;
    if answer.value(0) == u64::MAX {
        let fd = answer.value(1) as i32;
        drop(answer);
        return cx.file(Fd(fd)).map_err(|_| Errno::ENOENT)?.stat().map(Attributes::plain);
    }
    let told = Told { stat: answer.get(0)?, more: [0, 1, 2, 3].map(|i| answer.value(i)) };
    // A way through one of our descriptors leads elsewhere when that is closed.
    if args == asked {
        host.stats.note(host, path, follow, before, told, answer.value(4));
    }
    Ok(Attributes::told(told))
}

/// stat(2).
fn sys_stat(cx: &mut Cx<'_>, path: PathArg, buf: UserRef<Stat>) -> SysResult<usize> {
    sys_newfstatat(cx, Fd(AT_FDCWD), path, buf, 0)
}

/// lstat(2).
fn sys_lstat(cx: &mut Cx<'_>, path: PathArg, buf: UserRef<Stat>) -> SysResult<usize> {
    sys_newfstatat(cx, Fd(AT_FDCWD), path, buf, AT_SYMLINK_NOFOLLOW)
}

/// fstat(2).
fn sys_fstat(cx: &mut Cx<'_>, fd: Fd, buf: UserRef<Stat>) -> SysResult<usize> {
    let stat = cx.file(fd)?.stat()?;
    cx.put(buf, &stat).map(|()| 0)
}

/// fstatat(2).
fn sys_newfstatat(
    cx: &mut Cx<'_>,
    dirfd: Fd,
    path: PathArg,
    buf: UserRef<Stat>,
    flags: u32,
) -> SysResult<usize> {
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = cx.path(path)?;
    let found = look(cx, dirfd, &path, flags)?;
    cx.put(buf, &found.stat).map(|()| 0)
}

/// statx(2).
fn sys_statx(
    cx: &mut Cx<'_>,
    dirfd: Fd,
    path: PathArg,
    flags: u32,
    mask: u32,
    buf: UserRef<Statx>,
) -> SysResult<usize> {
    let known = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE;
    if flags & !known != 0 || mask & STATX__RESERVED != 0 || flags & AT_STATX_SYNC_TYPE == AT_STATX_SYNC_TYPE
    {
        return Err(Errno::EINVAL);
    }
    let path = cx.path(path)?;
    let found = look(cx, dirfd, &path, flags & !AT_STATX_SYNC_TYPE)?;
    cx.put(buf, &statx_of(&found)).map(|()| 0)
}

fn statx_of(found: &Attributes) -> Statx {
    let s = &found.stat;
    let stamp = |sec: i64, ns: i64| StatxTimestamp { tv_sec: sec, tv_nsec: ns as u32, reserved: 0 };
    let birth = found.birth != (0, 0);
    Statx {
        stx_mask: STATX_BASIC_STATS | if birth { STATX_BTIME } else { 0 } | STATX_MNT_ID,
        stx_blksize: s.st_blksize as u32,
        stx_attributes: found.attributes,
        stx_nlink: s.st_nlink as u32,
        stx_uid: s.st_uid,
        stx_gid: s.st_gid,
        stx_mode: s.st_mode as u16,
        stx_ino: s.st_ino,
        stx_size: s.st_size as u64,
        stx_blocks: s.st_blocks as u64,
        stx_attributes_mask: STATX_ATTR_AUTOMOUNT | STATX_ATTR_MOUNT_ROOT,
        stx_atime: stamp(s.st_atime, s.st_atime_nsec),
        stx_btime: stamp(found.birth.0, found.birth.1.into()),
        stx_ctime: stamp(s.st_ctime, s.st_ctime_nsec),
        stx_mtime: stamp(s.st_mtime, s.st_mtime_nsec),
        stx_rdev_major: major(s.st_rdev),
        stx_rdev_minor: minor(s.st_rdev),
        stx_dev_major: major(s.st_dev),
        stx_dev_minor: minor(s.st_dev),
        stx_mnt_id: found.mount,
        ..Statx::default()
    }
}

/// access(2).
fn sys_access(cx: &mut Cx<'_>, path: PathArg, mode: u32) -> SysResult<usize> {
    sys_faccessat2(cx, Fd(AT_FDCWD), path, mode, 0)
}

/// faccessat(2) without flags.
fn sys_faccessat(cx: &mut Cx<'_>, dirfd: Fd, path: PathArg, mode: u32) -> SysResult<usize> {
    sys_faccessat2(cx, dirfd, path, mode, 0)
}

/// faccessat2(2).
fn sys_faccessat2(cx: &mut Cx<'_>, dirfd: Fd, path: PathArg, mode: u32, flags: u32) -> SysResult<usize> {
    if mode & !(R_OK | W_OK | X_OK) != 0 || flags & !(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = cx.path(path)?;
    let dir = cx.named(dirfd, &path, flags)?;
    path_call(cx, Op::Access, &mut [dir, u64::from(mode), u64::from(flags)], Whole::Flag(2), &path).map(|_| 0)
}

/// readlink(2).
fn sys_readlink(cx: &mut Cx<'_>, path: PathArg, buf: Addr, size: i32) -> SysResult<usize> {
    sys_readlinkat(cx, Fd(AT_FDCWD), path, buf, size)
}

/// readlinkat(2): an empty path means the link that the descriptor itself is (O_PATH | O_NOFOLLOW).
fn sys_readlinkat(cx: &mut Cx<'_>, dirfd: Fd, path: PathArg, buf: Addr, size: i32) -> SysResult<usize> {
    let size = usize::try_from(size).ok().filter(|s| *s > 0).ok_or(Errno::EINVAL)?;
    let path = cx.path(path)?;
    if path.is_empty() && dirfd.0 == AT_FDCWD {
        return Err(Errno::ENOENT);
    }
    let dir = cx.dir(dirfd, &path)?;
    let answer = cx.host().call_with(Op::ReadLink, &[dir], &path)?;
    if answer.value(0) == u64::MAX {
        let fd = Fd(answer.value(1) as i32);
        drop(answer);
        let name = name_of(cx, fd)?;
        let n = name.len().min(size);
        return cx.write_bytes(buf.0, &name[..n]).map(|()| n);
    }
    let n = answer.len().min(size);
    answer.copy_out(0, buf.0, n).map(|()| n)
}

/// What /proc/self/fd/N points to.
pub fn name_of(cx: &Cx<'_>, fd: Fd) -> SysResult<Vec<u8>> {
    let file = cx.file(fd).map_err(|_| Errno::ENOENT)?;
    match file.as_local() {
        Some(local) => Ok(alloc::format!("anon_inode:{}", local.name()).into_bytes()),
        None => Ok(cx.host().call(Op::ReadLink, &[u64::from(file.desc()), 1])?.to_vec()),
    }
}

/// statfs(2).
fn sys_statfs(cx: &mut Cx<'_>, path: PathArg, buf: UserRef<Statfs>) -> SysResult<usize> {
    let path = cx.path(path)?;
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    let found: Statfs =
        path_call(cx, Op::StatFs, &mut [protocol::op::DIR_CWD, 0], Whole::Instead(1, 0), &path)?.get(0)?;
    cx.put(buf, &found).map(|()| 0)
}

/// fstatfs(2).
fn sys_fstatfs(cx: &mut Cx<'_>, fd: Fd, buf: UserRef<Statfs>) -> SysResult<usize> {
    let file = cx.file(fd)?;
    let found: Statfs = if file.desc() == 0 {
        let block = 4096;
        Statfs {
            f_type: ANON_INODE_FS_MAGIC,
            f_bsize: block,
            f_frsize: block,
            f_namelen: 255,
            ..Statfs::default()
        }
    } else {
        cx.host().call(Op::StatFs, &[u64::from(file.desc()), 1])?.get(0)?
    };
    cx.put(buf, &found).map(|()| 0)
}
