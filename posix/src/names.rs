//! Changes to names: mkdir, unlink, rename, link, symlink, mknod; the working directory and the root.

use abi::errno::{Errno, SysResult};
use abi::fs::*;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use protocol::Op;

use crate::arg::{Addr, Fd, PathArg};
use crate::cx::Cx;
use crate::path_call::{Whole, path_call, two_path_call};

crate::syscalls! {
    SYS_mkdir mkdir(path: PathArg, mode: u32) Full "" => sys_mkdir;
    SYS_mkdirat mkdirat(dirfd: Fd, path: PathArg, mode: u32) Full "" => sys_mkdirat;
    SYS_mknod mknod(path: PathArg, mode: u32, dev: u32) Full "" => sys_mknod;
    SYS_mknodat mknodat(dirfd: Fd, path: PathArg, mode: u32, dev: u32) Full "" => sys_mknodat;
    SYS_rmdir rmdir(path: PathArg) Full "" => sys_rmdir;
    SYS_unlink unlink(path: PathArg) Full "" => sys_unlink;
    SYS_unlinkat unlinkat(dirfd: Fd, path: PathArg, flags: u32) Full "" => sys_unlinkat;
    SYS_rename rename(old: PathArg, new: PathArg) Full "" => sys_rename;
    SYS_renameat renameat(olddir: Fd, old: PathArg, newdir: Fd, new: PathArg) Full "" => sys_renameat;
    SYS_renameat2 renameat2(olddir: Fd, old: PathArg, newdir: Fd, new: PathArg, flags: u32) Full "" => sys_renameat2;
    SYS_link link(old: PathArg, new: PathArg) Full "" => sys_link;
    SYS_linkat linkat(olddir: Fd, old: PathArg, newdir: Fd, new: PathArg, flags: u32) Full "" => sys_linkat;
    SYS_symlink symlink(target: PathArg, path: PathArg) Full "" => sys_symlink;
    SYS_symlinkat symlinkat(target: PathArg, dirfd: Fd, path: PathArg) Full "" => sys_symlinkat;
    SYS_getcwd getcwd(buf: Addr, size: usize) Full "" => sys_getcwd;
    SYS_chdir chdir(path: PathArg) Full "" => sys_chdir;
    SYS_fchdir fchdir(fd: Fd) Full "" => sys_fchdir;
    SYS_chroot chroot(path: PathArg) Full "" => sys_chroot;
    SYS_umask umask(mask: u32) Full "" => sys_umask;
}

/// The working directory, where paths of the calls without a descriptor start.
const CWD: Fd = Fd(AT_FDCWD);

fn not_empty(path: Vec<u8>) -> SysResult<Vec<u8>> {
    if path.is_empty() { Err(Errno::ENOENT) } else { Ok(path) }
}

/// A name that must not be empty, and where it starts.
fn place(cx: &Cx<'_>, dirfd: Fd, path: PathArg) -> SysResult<(u64, Vec<u8>)> {
    let path = not_empty(cx.path(path)?)?;
    Ok((cx.dir(dirfd, &path)?, path))
}

fn masked(cx: &Cx<'_>, mode: u32) -> u64 {
    u64::from(mode & !(cx.process().umask.load(Ordering::Relaxed) & S_IRWXUGO))
}

/// mkdir(2).
fn sys_mkdir(cx: &mut Cx<'_>, path: PathArg, mode: u32) -> SysResult<usize> {
    sys_mkdirat(cx, CWD, path, mode)
}

/// mkdirat(2).
fn sys_mkdirat(cx: &mut Cx<'_>, dirfd: Fd, path: PathArg, mode: u32) -> SysResult<usize> {
    let (dir, path) = place(cx, dirfd, path)?;
    let mode = masked(cx, mode & (S_IRWXUGO | S_ISVTX));
    path_call(cx, Op::MkDir, &mut [dir, mode], Whole::Never, &path).map(|_| 0)
}

/// mknod(2).
fn sys_mknod(cx: &mut Cx<'_>, path: PathArg, mode: u32, dev: u32) -> SysResult<usize> {
    sys_mknodat(cx, CWD, path, mode, dev)
}

/// mknodat(2).
fn sys_mknodat(cx: &mut Cx<'_>, dirfd: Fd, path: PathArg, mode: u32, dev: u32) -> SysResult<usize> {
    match mode & S_IFMT {
        0 | S_IFREG | S_IFCHR | S_IFBLK | S_IFIFO | S_IFSOCK => {}
        S_IFDIR => return Err(Errno::EPERM),
        _ => return Err(Errno::EINVAL),
    }
    let (dir, path) = place(cx, dirfd, path)?;
    let kind = if mode & S_IFMT == 0 { S_IFREG } else { mode & S_IFMT };
    let mode = masked(cx, mode & S_IALLUGO) | u64::from(kind);
    path_call(cx, Op::MkNod, &mut [dir, mode, dev.into()], Whole::Never, &path).map(|_| 0)
}

/// rmdir(2).
fn sys_rmdir(cx: &mut Cx<'_>, path: PathArg) -> SysResult<usize> {
    sys_unlinkat(cx, CWD, path, AT_REMOVEDIR)
}

/// unlink(2).
fn sys_unlink(cx: &mut Cx<'_>, path: PathArg) -> SysResult<usize> {
    sys_unlinkat(cx, CWD, path, 0)
}

/// unlinkat(2).
fn sys_unlinkat(cx: &mut Cx<'_>, dirfd: Fd, path: PathArg, flags: u32) -> SysResult<usize> {
    if flags & !AT_REMOVEDIR != 0 {
        return Err(Errno::EINVAL);
    }
    let (dir, path) = place(cx, dirfd, path)?;
    path_call(cx, Op::Unlink, &mut [dir, flags.into()], Whole::Never, &path).map(|_| 0)
}

/// rename(2).
fn sys_rename(cx: &mut Cx<'_>, old: PathArg, new: PathArg) -> SysResult<usize> {
    sys_renameat2(cx, CWD, old, CWD, new, 0)
}

/// renameat(2).
fn sys_renameat(cx: &mut Cx<'_>, olddir: Fd, old: PathArg, newdir: Fd, new: PathArg) -> SysResult<usize> {
    sys_renameat2(cx, olddir, old, newdir, new, 0)
}

/// renameat2(2).
fn sys_renameat2(
    cx: &mut Cx<'_>,
    olddir: Fd,
    old: PathArg,
    newdir: Fd,
    new: PathArg,
    flags: u32,
) -> SysResult<usize> {
    let keep = RENAME_NOREPLACE | RENAME_WHITEOUT;
    if flags & !(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT) != 0
        || (flags & RENAME_EXCHANGE != 0 && flags & keep != 0)
    {
        return Err(Errno::EINVAL);
    }
    let (old, new) = (cx.path(old)?, cx.path(new)?);
    let (from, to) = (cx.dir(olddir, &old)?, cx.dir(newdir, &new)?);
    two_path_call(cx, Op::Rename, &mut [from, to, flags.into()], [0, 1], [old, new], None).map(|()| 0)
}

/// link(2).
fn sys_link(cx: &mut Cx<'_>, old: PathArg, new: PathArg) -> SysResult<usize> {
    sys_linkat(cx, CWD, old, CWD, new, 0)
}

/// linkat(2).
fn sys_linkat(
    cx: &mut Cx<'_>,
    olddir: Fd,
    old: PathArg,
    newdir: Fd,
    new: PathArg,
    flags: u32,
) -> SysResult<usize> {
    if flags & !(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let old = cx.path(old)?;
    let from = cx.named(olddir, &old, flags)?;
    // An empty new name is found out behind what is wrong with the old one.
    let new = cx.path(new)?;
    let to = cx.dir(newdir, &new)?;
    two_path_call(cx, Op::Link, &mut [from, to, flags.into()], [0, 1], [old, new], Some(2)).map(|()| 0)
}

/// symlink(2).
fn sys_symlink(cx: &mut Cx<'_>, target: PathArg, path: PathArg) -> SysResult<usize> {
    sys_symlinkat(cx, target, CWD, path)
}

/// symlinkat(2).
fn sys_symlinkat(cx: &mut Cx<'_>, target: PathArg, dirfd: Fd, path: PathArg) -> SysResult<usize> {
    let target = not_empty(cx.path(target)?)?;
    let (dir, path) = place(cx, dirfd, path)?;
    two_path_call(cx, Op::Symlink, &mut [dir], [0, 0], [target, path], None).map(|()| 0)
}

/// getcwd(2): the length with the NUL; ERANGE when the buffer is too short.
fn sys_getcwd(cx: &mut Cx<'_>, buf: Addr, size: usize) -> SysResult<usize> {
    let mut path = cx.host().call(Op::GetCwd, &[])?.to_vec();
    path.push(0);
    if path.len() > size {
        return Err(Errno::ERANGE);
    }
    cx.write_bytes(buf.0, &path).map(|()| path.len())
}

/// chdir(2).
fn sys_chdir(cx: &mut Cx<'_>, path: PathArg) -> SysResult<usize> {
    let path = not_empty(cx.path(path)?)?;
    path_call(cx, Op::ChDir, &mut [0, 0, 0], Whole::Instead(1, 2), &path).map(|_| 0)
}

/// fchdir(2).
fn sys_fchdir(cx: &mut Cx<'_>, fd: Fd) -> SysResult<usize> {
    let file = cx.file(fd)?;
    if file.desc() == 0 {
        return Err(Errno::ENOTDIR);
    }
    cx.host().call(Op::ChDir, &[0, 1, u64::from(file.desc())]).map(|_| 0)
}

/// chroot(2).
fn sys_chroot(cx: &mut Cx<'_>, path: PathArg) -> SysResult<usize> {
    let path = not_empty(cx.path(path)?)?;
    cx.host().call_with(Op::ChRoot, &[], &path).map(|_| 0)
}

/// umask(2).
fn sys_umask(cx: &mut Cx<'_>, mask: u32) -> SysResult<usize> {
    Ok(cx.process().umask.swap(mask & S_IRWXUGO, Ordering::Relaxed) as usize)
}
