//! Changes to attributes: mode, owner, times, size, extended attributes.

use abi::errno::{Errno, SysResult};
use abi::fs::*;
use abi::process::RLIMIT_FSIZE;
use abi::time::{Timespec, Timeval, Utimbuf};
use abi::user::UserRef;
use protocol::Op;
use protocol::desc::Kind;
use protocol::op::DIR_CWD;
use protocol::wire::Writer;

use crate::arg::{Addr, Fd, PathArg};
use crate::block::too_long;
use crate::cx::Cx;
use crate::path_call::{Whole, path_call};

crate::syscalls! {
    SYS_chmod chmod(path: PathArg, mode: u32) Full "" => sys_chmod;
    SYS_fchmod fchmod(fd: Fd, mode: u32) Full "" => sys_fchmod;
    SYS_fchmodat fchmodat(dirfd: Fd, path: PathArg, mode: u32) Full "" => sys_fchmodat;
    SYS_fchmodat2 fchmodat2(dirfd: Fd, path: PathArg, mode: u32, flags: u32) Full "" => sys_fchmodat2;
    SYS_chown chown(path: PathArg, uid: u32, gid: u32) Full "" => sys_chown;
    SYS_lchown lchown(path: PathArg, uid: u32, gid: u32) Full "" => sys_lchown;
    SYS_fchown fchown(fd: Fd, uid: u32, gid: u32) Full "" => sys_fchown;
    SYS_fchownat fchownat(dirfd: Fd, path: PathArg, uid: u32, gid: u32, flags: u32) Full "" => sys_fchownat;
    SYS_utime utime(path: PathArg, times: UserRef<Utimbuf>) Full "" => sys_utime;
    SYS_utimes utimes(path: PathArg, times: UserRef<[Timeval; 2]>) Full "" => sys_utimes;
    SYS_futimesat futimesat(dirfd: Fd, path: PathArg, times: UserRef<[Timeval; 2]>) Full "" => sys_futimesat;
    SYS_utimensat utimensat(dirfd: Fd, path: PathArg, times: UserRef<[Timespec; 2]>, flags: u32) Full "" => sys_utimensat;
    SYS_truncate truncate(path: PathArg, length: i64) Full "" => sys_truncate;
    SYS_ftruncate ftruncate(fd: Fd, length: i64) Full "" => sys_ftruncate;
    SYS_fallocate fallocate(fd: Fd, mode: u32, offset: i64, length: i64) Full "" => sys_fallocate;
    SYS_setxattr setxattr(path: PathArg, name: PathArg, value: Addr, size: usize, flags: u32) Full "" => sys_setxattr;
    SYS_lsetxattr lsetxattr(path: PathArg, name: PathArg, value: Addr, size: usize, flags: u32) Full "" => sys_lsetxattr;
    SYS_fsetxattr fsetxattr(fd: Fd, name: PathArg, value: Addr, size: usize, flags: u32) Full "" => sys_fsetxattr;
    SYS_getxattr getxattr(path: PathArg, name: PathArg, value: Addr, size: usize) Full "" => sys_getxattr;
    SYS_lgetxattr lgetxattr(path: PathArg, name: PathArg, value: Addr, size: usize) Full "" => sys_lgetxattr;
    SYS_fgetxattr fgetxattr(fd: Fd, name: PathArg, value: Addr, size: usize) Full "" => sys_fgetxattr;
    SYS_listxattr listxattr(path: PathArg, list: Addr, size: usize) Full "" => sys_listxattr;
    SYS_llistxattr llistxattr(path: PathArg, list: Addr, size: usize) Full "" => sys_llistxattr;
    SYS_flistxattr flistxattr(fd: Fd, list: Addr, size: usize) Full "" => sys_flistxattr;
    SYS_removexattr removexattr(path: PathArg, name: PathArg) Full "" => sys_removexattr;
    SYS_lremovexattr lremovexattr(path: PathArg, name: PathArg) Full "" => sys_lremovexattr;
    SYS_fremovexattr fremovexattr(fd: Fd, name: PathArg) Full "" => sys_fremovexattr;
}

const CWD: Fd = Fd(AT_FDCWD);

/// The description behind a descriptor: for the f-calls, as an empty path there. O_PATH descriptors are EBADF.
fn itself(cx: &Cx<'_>, fd: Fd) -> SysResult<u64> {
    let file = cx.file(fd)?;
    match (file.kind(), file.desc()) {
        (Kind::Path, _) => Err(Errno::EBADF),
        // Anonymous files have nothing to change.
        (_, 0) => Err(Errno::EPERM),
        (_, desc) => Ok(desc.into()),
    }
}

/// chmod(2).
fn sys_chmod(cx: &mut Cx<'_>, path: PathArg, mode: u32) -> SysResult<usize> {
    sys_fchmodat2(cx, CWD, path, mode, 0)
}

/// fchmod(2).
fn sys_fchmod(cx: &mut Cx<'_>, fd: Fd, mode: u32) -> SysResult<usize> {
    let desc = itself(cx, fd)?;
    let args = [desc, u64::from(mode & S_IALLUGO), AT_EMPTY_PATH.into()];
    cx.host().call(Op::ChMod, &args).map(|_| 0)
}

/// fchmodat(2), which has no flags in the kernel.
fn sys_fchmodat(cx: &mut Cx<'_>, dirfd: Fd, path: PathArg, mode: u32) -> SysResult<usize> {
    sys_fchmodat2(cx, dirfd, path, mode, 0)
}

/// fchmodat2(2).
fn sys_fchmodat2(cx: &mut Cx<'_>, dirfd: Fd, path: PathArg, mode: u32, flags: u32) -> SysResult<usize> {
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = cx.path(path)?;
    let dir = cx.named(dirfd, &path, flags)?;
    path_call(cx, Op::ChMod, &mut [dir, u64::from(mode & S_IALLUGO), flags.into()], Whole::Flag(2), &path)
        .map(|_| 0)
}

/// chown(2).
fn sys_chown(cx: &mut Cx<'_>, path: PathArg, uid: u32, gid: u32) -> SysResult<usize> {
    sys_fchownat(cx, CWD, path, uid, gid, 0)
}

/// lchown(2).
fn sys_lchown(cx: &mut Cx<'_>, path: PathArg, uid: u32, gid: u32) -> SysResult<usize> {
    sys_fchownat(cx, CWD, path, uid, gid, AT_SYMLINK_NOFOLLOW)
}

/// fchown(2).
fn sys_fchown(cx: &mut Cx<'_>, fd: Fd, uid: u32, gid: u32) -> SysResult<usize> {
    let desc = itself(cx, fd)?;
    cx.host().call(Op::ChOwn, &[desc, uid.into(), gid.into(), AT_EMPTY_PATH.into()]).map(|_| 0)
}

/// fchownat(2).
fn sys_fchownat(
    cx: &mut Cx<'_>,
    dirfd: Fd,
    path: PathArg,
    uid: u32,
    gid: u32,
    flags: u32,
) -> SysResult<usize> {
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = cx.path(path)?;
    let dir = cx.named(dirfd, &path, flags)?;
    path_call(cx, Op::ChOwn, &mut [dir, uid.into(), gid.into(), flags.into()], Whole::Flag(3), &path)
        .map(|_| 0)
}

const NOW: [Timespec; 2] = [Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }; 2];

fn set_times(cx: &Cx<'_>, dir: u64, path: &[u8], times: [Timespec; 2], flags: u32) -> SysResult<usize> {
    let [a, m] = times;
    let mut args = [dir, flags.into(), a.tv_sec as u64, a.tv_nsec as u64, m.tv_sec as u64, m.tv_nsec as u64];
    path_call(cx, Op::UTimens, &mut args, Whole::Flag(1), path).map(|_| 0)
}

/// utime(2).
fn sys_utime(cx: &mut Cx<'_>, path: PathArg, times: UserRef<Utimbuf>) -> SysResult<usize> {
    let whole = |sec| Timespec { tv_sec: sec, tv_nsec: 0 };
    let times = cx.get_opt(times)?.map_or(NOW, |t| [whole(t.actime), whole(t.modtime)]);
    let path = cx.path(path)?;
    let dir = cx.named(CWD, &path, 0)?;
    set_times(cx, dir, &path, times, 0)
}

/// utimes(2).
fn sys_utimes(cx: &mut Cx<'_>, path: PathArg, times: UserRef<[Timeval; 2]>) -> SysResult<usize> {
    sys_futimesat(cx, CWD, path, times)
}

/// futimesat(2): a null path means the descriptor itself.
fn sys_futimesat(
    cx: &mut Cx<'_>,
    dirfd: Fd,
    path: PathArg,
    times: UserRef<[Timeval; 2]>,
) -> SysResult<usize> {
    let times = match cx.get_opt(times)? {
        None => NOW,
        Some(t) => {
            if t.iter().any(|t| !(0..1_000_000).contains(&t.tv_usec)) {
                return Err(Errno::EINVAL);
            }
            t.map(|t| Timespec { tv_sec: t.tv_sec, tv_nsec: t.tv_usec * 1000 })
        }
    };
    if path.0 == 0 {
        let desc = itself(cx, dirfd)?;
        return set_times(cx, desc, &[], times, AT_EMPTY_PATH);
    }
    let path = cx.path(path)?;
    let dir = cx.named(dirfd, &path, 0)?;
    set_times(cx, dir, &path, times, 0)
}

/// utimensat(2): a null path means the descriptor itself (futimens(3)).
fn sys_utimensat(
    cx: &mut Cx<'_>,
    dirfd: Fd,
    path: PathArg,
    times: UserRef<[Timespec; 2]>,
    flags: u32,
) -> SysResult<usize> {
    let times = cx.get_opt(times)?.unwrap_or(NOW);
    let special = |ns| ns == UTIME_NOW || ns == UTIME_OMIT;
    if times.iter().all(|t| t.tv_nsec == UTIME_OMIT) {
        return Ok(0);
    }
    if times.iter().any(|t| !special(t.tv_nsec) && !(0..1_000_000_000).contains(&t.tv_nsec)) {
        return Err(Errno::EINVAL);
    }
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    if path.0 == 0 && dirfd.0 != AT_FDCWD {
        if flags != 0 {
            return Err(Errno::EINVAL);
        }
        let desc = itself(cx, dirfd)?;
        return set_times(cx, desc, &[], times, AT_EMPTY_PATH);
    }
    let path = cx.path(path)?;
    let dir = cx.named(dirfd, &path, flags)?;
    set_times(cx, dir, &path, times, flags)
}

/// EFBIG with SIGXFSZ when a file would be made longer than the process may. One that is that long already may stay so
/// (Linux's inode_newsize_ok); `size` tells how long it is.
fn check_size(cx: &Cx<'_>, length: u64, size: impl FnOnce() -> SysResult<i64>) -> SysResult<()> {
    let limit = cx.process().rlimits.lock()[RLIMIT_FSIZE as usize].0;
    if length > limit && length > size()? as u64 { Err(too_long(cx)) } else { Ok(()) }
}

/// truncate(2).
fn sys_truncate(cx: &mut Cx<'_>, path: PathArg, length: i64) -> SysResult<usize> {
    let length = u64::try_from(length).map_err(|_| Errno::EINVAL)?;
    let path = cx.path(path)?;
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    let limit = cx.process().rlimits.lock()[RLIMIT_FSIZE as usize].0;
    match path_call(cx, Op::Truncate, &mut [length, 0, 0, limit], Whole::Instead(1, 2), &path) {
        // Which EFBIG it is: the monitor knows the file and its permissions.
        Err(Errno::EFBIG) if length > limit => Err(too_long(cx)),
        done => done.map(|_| 0),
    }
}

/// ftruncate(2).
fn sys_ftruncate(cx: &mut Cx<'_>, fd: Fd, length: i64) -> SysResult<usize> {
    let length = u64::try_from(length).map_err(|_| Errno::EINVAL)?;
    let file = cx.file(fd)?;
    match file.kind() {
        Kind::Path => return Err(Errno::EBADF),
        Kind::File if file.open_flags().writable() => {}
        _ => return Err(Errno::EINVAL),
    }
    check_size(cx, length, || file.stat().map(|s| s.st_size))?;
    cx.host().call(Op::Truncate, &[length, 1, u64::from(file.desc())]).map(|_| 0)
}

/// fallocate(2).
fn sys_fallocate(cx: &mut Cx<'_>, fd: Fd, mode: u32, offset: i64, length: i64) -> SysResult<usize> {
    let file = cx.file(fd)?;
    if file.kind() == Kind::Path {
        return Err(Errno::EBADF);
    }
    if offset < 0 || length <= 0 {
        return Err(Errno::EINVAL);
    }
    let punch = mode & FALLOC_FL_PUNCH_HOLE != 0;
    let known = FALLOC_FL_KEEP_SIZE
        | FALLOC_FL_PUNCH_HOLE
        | FALLOC_FL_COLLAPSE_RANGE
        | FALLOC_FL_ZERO_RANGE
        | FALLOC_FL_INSERT_RANGE
        | FALLOC_FL_UNSHARE_RANGE;
    if mode & !known != 0 || (punch && mode & FALLOC_FL_KEEP_SIZE == 0) {
        return Err(Errno::EOPNOTSUPP);
    }
    if !file.open_flags().writable() {
        return Err(Errno::EBADF);
    }
    match file.kind() {
        Kind::File => {}
        Kind::Pipe => return Err(Errno::ESPIPE),
        Kind::Dir => return Err(Errno::EISDIR),
        _ => return Err(Errno::ENODEV),
    }
    let end = offset.checked_add(length).ok_or(Errno::EFBIG)?;
    if mode & FALLOC_FL_KEEP_SIZE == 0 {
        check_size(cx, end as u64, || file.stat().map(|s| s.st_size))?;
    }
    let args = [u64::from(file.desc()), u64::from(mode), offset as u64, length as u64];
    cx.host().call(Op::FAllocate, &args).map(|_| 0)
}

/// What an extended attribute call does.
#[derive(Clone, Copy)]
enum Attr {
    Get = 0,
    Set = 1,
    List = 2,
    Remove = 3,
}

/// Where it does it: a path, or a descriptor.
#[derive(Clone, Copy)]
enum On {
    Path(PathArg, u32),
    Fd(Fd),
}

/// The one way of all extended attribute calls; xattr(7). `buf` is the value to set, or where the answer goes.
fn xattr(
    cx: &Cx<'_>,
    on: On,
    what: Attr,
    name: Option<PathArg>,
    buf: (Addr, usize),
    flags: u32,
) -> SysResult<usize> {
    if flags & !(XATTR_CREATE | XATTR_REPLACE) != 0 {
        return Err(Errno::EINVAL);
    }
    let name = match name {
        Some(at) => cx.string(at.0, XATTR_NAME_MAX)?.filter(|n| !n.is_empty()).ok_or(Errno::ERANGE)?,
        None => alloc::vec::Vec::new(),
    };
    let mut value = alloc::vec::Vec::new();
    if matches!(what, Attr::Set) {
        if buf.1 > XATTR_SIZE_MAX {
            return Err(Errno::E2BIG);
        }
        value.resize(buf.1, 0);
        cx.read_bytes(buf.0.0, &mut value)?;
    }
    let (dir, path, at) = match on {
        On::Path(path, at) => {
            let path = cx.path(path)?;
            if path.is_empty() {
                return Err(Errno::ENOENT);
            }
            (DIR_CWD, path, at)
        }
        On::Fd(fd) => (itself(cx, fd)?, alloc::vec::Vec::new(), AT_EMPTY_PATH),
    };
    let mut w = Writer::new();
    w.bytes(&path).bytes(&name).bytes(&value);
    let args = [dir, what as u64, flags.into(), at.into()];
    let answer = cx.host().call_with(Op::XAttr, &args, &w.finish())?;
    if matches!(what, Attr::Set | Attr::Remove) {
        return Ok(0);
    }
    let n = answer.ret() as usize;
    if buf.1 == 0 {
        return Ok(n);
    }
    if n > buf.1 {
        return Err(Errno::ERANGE);
    }
    answer.copy_out(0, buf.0.0, n).map(|()| n)
}

const NOTHING: (Addr, usize) = (Addr(0), 0);

/// setxattr(2).
fn sys_setxattr(
    cx: &mut Cx<'_>,
    path: PathArg,
    name: PathArg,
    value: Addr,
    size: usize,
    flags: u32,
) -> SysResult<usize> {
    xattr(cx, On::Path(path, 0), Attr::Set, Some(name), (value, size), flags)
}

/// lsetxattr(2).
fn sys_lsetxattr(
    cx: &mut Cx<'_>,
    path: PathArg,
    name: PathArg,
    value: Addr,
    size: usize,
    flags: u32,
) -> SysResult<usize> {
    xattr(cx, On::Path(path, AT_SYMLINK_NOFOLLOW), Attr::Set, Some(name), (value, size), flags)
}

/// fsetxattr(2).
fn sys_fsetxattr(
    cx: &mut Cx<'_>,
    fd: Fd,
    name: PathArg,
    value: Addr,
    size: usize,
    flags: u32,
) -> SysResult<usize> {
    xattr(cx, On::Fd(fd), Attr::Set, Some(name), (value, size), flags)
}

/// getxattr(2).
fn sys_getxattr(cx: &mut Cx<'_>, path: PathArg, name: PathArg, value: Addr, size: usize) -> SysResult<usize> {
    xattr(cx, On::Path(path, 0), Attr::Get, Some(name), (value, size), 0)
}

/// lgetxattr(2).
fn sys_lgetxattr(
    cx: &mut Cx<'_>,
    path: PathArg,
    name: PathArg,
    value: Addr,
    size: usize,
) -> SysResult<usize> {
    xattr(cx, On::Path(path, AT_SYMLINK_NOFOLLOW), Attr::Get, Some(name), (value, size), 0)
}

/// fgetxattr(2).
fn sys_fgetxattr(cx: &mut Cx<'_>, fd: Fd, name: PathArg, value: Addr, size: usize) -> SysResult<usize> {
    xattr(cx, On::Fd(fd), Attr::Get, Some(name), (value, size), 0)
}

/// listxattr(2).
fn sys_listxattr(cx: &mut Cx<'_>, path: PathArg, list: Addr, size: usize) -> SysResult<usize> {
    xattr(cx, On::Path(path, 0), Attr::List, None, (list, size), 0)
}

/// llistxattr(2).
fn sys_llistxattr(cx: &mut Cx<'_>, path: PathArg, list: Addr, size: usize) -> SysResult<usize> {
    xattr(cx, On::Path(path, AT_SYMLINK_NOFOLLOW), Attr::List, None, (list, size), 0)
}

/// flistxattr(2).
fn sys_flistxattr(cx: &mut Cx<'_>, fd: Fd, list: Addr, size: usize) -> SysResult<usize> {
    xattr(cx, On::Fd(fd), Attr::List, None, (list, size), 0)
}

/// removexattr(2).
fn sys_removexattr(cx: &mut Cx<'_>, path: PathArg, name: PathArg) -> SysResult<usize> {
    xattr(cx, On::Path(path, 0), Attr::Remove, Some(name), NOTHING, 0)
}

/// lremovexattr(2).
fn sys_lremovexattr(cx: &mut Cx<'_>, path: PathArg, name: PathArg) -> SysResult<usize> {
    xattr(cx, On::Path(path, AT_SYMLINK_NOFOLLOW), Attr::Remove, Some(name), NOTHING, 0)
}

/// fremovexattr(2).
fn sys_fremovexattr(cx: &mut Cx<'_>, fd: Fd, name: PathArg) -> SysResult<usize> {
    xattr(cx, On::Fd(fd), Attr::Remove, Some(name), NOTHING, 0)
}
