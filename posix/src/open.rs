//! open and its relatives, memfd_create.

use abi::errno::{Errno, SysResult};
use abi::fs::*;
use abi::mm::{MFD_ALLOW_SEALING, MFD_CLOEXEC, MFD_EXEC, MFD_HUGETLB, MFD_NOEXEC_SEAL};
use abi::user::UserRef;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use process::wait_on::block_until;
use protocol::desc::DescInfo;
use protocol::{EV_RETRY, Op};
use vfs::file::OpenFile;
use vfs::open::How;

use crate::arg::{Fd, PathArg};
use crate::cx::Cx;
use crate::own;

crate::syscalls! {
    SYS_open open(path: PathArg, flags: u32, mode: u32) Full "" => sys_open;
    SYS_openat openat(dirfd: Fd, path: PathArg, flags: u32, mode: u32) Full "" => sys_openat;
    SYS_openat2 openat2(dirfd: Fd, path: PathArg, how: UserRef<OpenHow>, size: usize) Full "" => sys_openat2;
    SYS_creat creat(path: PathArg, mode: u32) Full "" => sys_creat;
    SYS_memfd_create memfd_create(name: PathArg, flags: u32) Partial "no huge pages" => sys_memfd_create;
}

/// The flags that Linux knows (`VALID_OPEN_FLAGS`); open(2) ignores others, openat2(2) refuses them.
const KNOWN: u32 = O_ACCMODE
    | O_CREAT
    | O_EXCL
    | O_NOCTTY
    | O_TRUNC
    | O_APPEND
    | O_NONBLOCK
    | O_SYNC
    | FASYNC
    | O_DIRECT
    | O_LARGEFILE
    | O_DIRECTORY
    | O_NOFOLLOW
    | O_NOATIME
    | O_CLOEXEC
    | O_PATH
    | O_TMPFILE;
/// What O_PATH leaves of the other flags.
const WITH_PATH: u32 = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;

fn at(cx: &Cx<'_>, dirfd: Fd, path: PathArg, flags: u32, mode: u64, resolve: u64) -> SysResult<usize> {
    let creates = flags & O_CREAT != 0 || flags & O_TMPFILE == O_TMPFILE;
    // __O_TMPFILE is never alone, and needs write access.
    if flags & (O_TMPFILE & !O_DIRECTORY) != 0
        && (flags & O_DIRECTORY == 0 || matches!(flags & O_ACCMODE, O_RDONLY | 3) && flags & O_PATH == 0)
    {
        return Err(Errno::EINVAL);
    }
    let flags = if flags & O_PATH != 0 { flags & WITH_PATH } else { flags | O_LARGEFILE };
    let mode =
        if creates { mode as u32 & S_IALLUGO & !cx.process().umask.load(Ordering::Relaxed) } else { 0 };
    let path = cx.path(path)?;
    let dir = cx.dir(dirfd, &path)?;
    cx.process().fds.room(1, cx.fd_limit())?;
    let file = open(cx, dir, &path, How { flags: flags & !O_CLOEXEC, mode, resolve })?;
    cx.install(file, flags & O_CLOEXEC != 0)
}

/// Opens a path, waiting for a FIFO's other end.
pub fn open(cx: &Cx<'_>, dir: u64, path: &[u8], how: How) -> SysResult<Arc<OpenFile>> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    let fds = &cx.process().fds;
    let attempt = || vfs::open::open(cx.host(), fds, own::maker, dir, path, how);
    match attempt() {
        Err(Errno::EAGAIN) if how.flags & O_NONBLOCK == 0 => block_until(&[EV_RETRY], None, attempt),
        done => done,
    }
}

/// open(2).
fn sys_open(cx: &mut Cx<'_>, path: PathArg, flags: u32, mode: u32) -> SysResult<usize> {
    at(cx, Fd(AT_FDCWD), path, flags & KNOWN, mode.into(), 0)
}

/// openat(2).
fn sys_openat(cx: &mut Cx<'_>, dirfd: Fd, path: PathArg, flags: u32, mode: u32) -> SysResult<usize> {
    at(cx, dirfd, path, flags & KNOWN, mode.into(), 0)
}

/// creat(2).
fn sys_creat(cx: &mut Cx<'_>, path: PathArg, mode: u32) -> SysResult<usize> {
    at(cx, Fd(AT_FDCWD), path, O_CREAT | O_WRONLY | O_TRUNC, mode.into(), 0)
}

/// openat2(2).
fn sys_openat2(
    cx: &mut Cx<'_>,
    dirfd: Fd,
    path: PathArg,
    how: UserRef<OpenHow>,
    size: usize,
) -> SysResult<usize> {
    const RESOLVE: u64 = RESOLVE_NO_XDEV
        | RESOLVE_NO_MAGICLINKS
        | RESOLVE_NO_SYMLINKS
        | RESOLVE_BENEATH
        | RESOLVE_IN_ROOT
        | RESOLVE_CACHED;
    if size < OPEN_HOW_SIZE_VER0 {
        return Err(Errno::EINVAL);
    }
    // A longer structure from a later version is fine as long as the rest is zero.
    for extra in (OPEN_HOW_SIZE_VER0..size.min(4096)).step_by(8) {
        let mut word = [0u8; 8];
        let n = word.len().min(size - extra);
        let at = (how.addr() as usize).checked_add(extra).ok_or(Errno::EFAULT)?;
        cx.read_bytes(at, &mut word[..n])?;
        if word != [0; 8] {
            return Err(Errno::E2BIG);
        }
    }
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    let how = cx.get(how)?;
    let flags = u32::try_from(how.flags).ok().filter(|f| f & !KNOWN == 0).ok_or(Errno::EINVAL)?;
    let creates = flags & O_CREAT != 0 || flags & O_TMPFILE == O_TMPFILE;
    let bad_mode = if creates { how.mode & !u64::from(S_IALLUGO) != 0 } else { how.mode != 0 };
    let both = RESOLVE_BENEATH | RESOLVE_IN_ROOT;
    if bad_mode || how.resolve & !RESOLVE != 0 || how.resolve & both == both {
        return Err(Errno::EINVAL);
    }
    if flags & O_PATH != 0 && flags & !WITH_PATH != 0 {
        return Err(Errno::EINVAL);
    }
    if how.resolve & RESOLVE_CACHED != 0 {
        // Nothing is known without asking the monitor; the caller is to repeat the call without the flag.
        return Err(Errno::EAGAIN);
    }
    at(cx, dirfd, path, flags, how.mode, how.resolve)
}

/// memfd_create(2).
fn sys_memfd_create(cx: &mut Cx<'_>, name: PathArg, flags: u32) -> SysResult<usize> {
    const NAME_LIMIT: usize = NAME_MAX - "memfd:".len();
    if flags & !(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC | MFD_NOEXEC_SEAL) != 0 {
        let huge = flags & MFD_HUGETLB != 0;
        return Err(if huge { Errno::ENOSYS } else { Errno::EINVAL });
    }
    let name = cx.string(name.0, NAME_LIMIT)?.ok_or(Errno::EINVAL)?;
    cx.process().fds.room(1, cx.fd_limit())?;
    let answer = cx.host().call_with(Op::MemFd, &[u64::from(flags & !MFD_CLOEXEC)], &name)?;
    let file = OpenFile::new(cx.host(), answer.get::<DescInfo>(0)?, Some(&answer), true);
    drop(answer);
    cx.install(file, flags & MFD_CLOEXEC != 0)
}
