//! Descriptors: close, dup, close_range, fcntl.

use abi::errno::{Errno, SysResult};
use abi::fs::*;
use abi::user::UserRef;
use protocol::Op;
use protocol::desc::Kind;
use vfs::file::{OpenFile, Owner};

use crate::arg::Fd;
use crate::cx::Cx;
use crate::locks;

/// F_NOTIFY: the watch stays after its first event.
const DN_MULTISHOT: u32 = 0x8000_0000;

crate::syscalls! {
    SYS_close close(fd: Fd) Full "" => sys_close;
    SYS_close_range close_range(first: u32, last: u32, flags: u32) Partial "CLOSE_RANGE_UNSHARE is refused if threads share the table" => sys_close_range;
    SYS_dup dup(fd: Fd) Full "" => sys_dup;
    SYS_dup2 dup2(old: Fd, new: Fd) Full "" => sys_dup2;
    SYS_dup3 dup3(old: Fd, new: Fd, flags: u32) Full "" => sys_dup3;
    SYS_fcntl fcntl(fd: Fd, cmd: u32, arg: u64) Partial "leases and watches by F_NOTIFY are refused" => sys_fcntl;
}

/// close(2).
fn sys_close(cx: &mut Cx<'_>, fd: Fd) -> SysResult<usize> {
    cx.process().fds.remove(fd.0).map(|()| 0)
}

/// close_range(2).
fn sys_close_range(cx: &mut Cx<'_>, first: u32, last: u32, flags: u32) -> SysResult<usize> {
    if flags & !(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) != 0 || first > last {
        return Err(Errno::EINVAL);
    }
    if flags & CLOSE_RANGE_UNSHARE != 0 && cx.process().threads.lock().len() > 1 {
        return Err(Errno::ENOMEM);
    }
    cx.process().fds.range(first, last, flags & CLOSE_RANGE_CLOEXEC != 0);
    Ok(0)
}

/// dup(2).
fn sys_dup(cx: &mut Cx<'_>, fd: Fd) -> SysResult<usize> {
    let file = cx.file(fd)?;
    cx.install(file, false)
}

/// dup2(2): equal numbers are only checked.
fn sys_dup2(cx: &mut Cx<'_>, old: Fd, new: Fd) -> SysResult<usize> {
    let file = cx.file(old)?;
    if old != new {
        cx.process().fds.insert_at(new.0, file, false, cx.fd_limit())?;
    }
    Ok(new.0 as usize)
}

/// dup3(2).
fn sys_dup3(cx: &mut Cx<'_>, old: Fd, new: Fd, flags: u32) -> SysResult<usize> {
    if flags & !O_CLOEXEC != 0 || old == new {
        return Err(Errno::EINVAL);
    }
    let file = cx.file(old)?;
    cx.process().fds.insert_at(new.0, file, flags & O_CLOEXEC != 0, cx.fd_limit())?;
    Ok(new.0 as usize)
}

/// fcntl(2).
fn sys_fcntl(cx: &mut Cx<'_>, fd: Fd, cmd: u32, arg: u64) -> SysResult<usize> {
    let file = cx.file(fd)?;
    let fds = &cx.process().fds;
    if file.kind() == Kind::Path && !matches!(cmd, F_DUPFD | F_DUPFD_CLOEXEC | F_GETFD | F_SETFD | F_GETFL) {
        return Err(Errno::EBADF);
    }
    match cmd {
        F_DUPFD | F_DUPFD_CLOEXEC => dup_from(cx, file, arg, cmd == F_DUPFD_CLOEXEC),
        F_GETFD => Ok(if fds.cloexec(fd.0)? { FD_CLOEXEC as usize } else { 0 }),
        F_SETFD => fds.set_cloexec(fd.0, arg as u32 & FD_CLOEXEC != 0).map(|()| 0),
        F_GETFL => Ok((file.flags() & !OpenFlags::CREATION.bits()) as usize),
        F_SETFL => set_status(&file, arg as u32),
        F_GETLK | F_SETLK | F_SETLKW | F_OFD_GETLK | F_OFD_SETLK | F_OFD_SETLKW => {
            locks::fcntl_lock(cx, &file, cmd, UserRef::new(arg))
        }
        F_SETOWN | F_GETOWN | F_SETOWN_EX | F_GETOWN_EX | F_GETOWNER_UIDS | F_SETSIG | F_GETSIG => {
            owner(cx, &file, cmd, arg)
        }
        F_DUPFD_QUERY => {
            let same = cx.file(Fd(arg as i32)).is_ok_and(|other| alloc::sync::Arc::ptr_eq(&other, &file));
            Ok(usize::from(same))
        }
        F_GETPIPE_SZ => pipe_of(&file)?.capacity(&file).map(|n| n as usize),
        F_SETPIPE_SZ => set_pipe_size(cx, &file, arg as u32),
        F_ADD_SEALS => seals(&file, u64::from(arg as u32)).map(|_| 0),
        F_GET_SEALS => seals(&file, u64::MAX),
        F_GETLEASE if file.kind() == Kind::File => Ok(F_UNLCK as usize),
        F_SETLEASE if file.kind() == Kind::File && arg == F_UNLCK as u64 => Err(Errno::EAGAIN),
        // No watches exist, so ending them all is all that can be asked.
        F_NOTIFY if arg as u32 & !DN_MULTISHOT == 0 => match file.kind() {
            Kind::Dir => Ok(0),
            _ => Err(Errno::ENOTDIR),
        },
        F_GET_RW_HINT | F_GET_FILE_RW_HINT if file.kind() == Kind::File => {
            cx.put(UserRef::new(arg), &0u64).map(|()| 0)
        }
        F_SET_RW_HINT | F_SET_FILE_RW_HINT if file.kind() == Kind::File => {
            let hint: u64 = cx.get(UserRef::new(arg))?;
            if hint > 5 { Err(Errno::EINVAL) } else { Ok(0) }
        }
        _ => Err(Errno::EINVAL),
    }
}

fn dup_from(cx: &Cx<'_>, file: alloc::sync::Arc<OpenFile>, min: u64, cloexec: bool) -> SysResult<usize> {
    let limit = cx.fd_limit();
    let min = u32::try_from(min).ok().filter(|m| u64::from(*m) < limit).ok_or(Errno::EINVAL)?;
    let min = i32::try_from(min).map_err(|_| Errno::EINVAL)?;
    cx.process().fds.insert(min, file, cloexec, limit).map(|fd| fd as usize)
}

/// F_SETFL: other flags than the settable ones are ignored. O_APPEND of an append-only file is the monitor's to keep.
fn set_status(file: &OpenFile, flags: u32) -> SysResult<usize> {
    let wanted = flags & OpenFlags::SETTABLE.bits();
    if wanted != file.flags() & OpenFlags::SETTABLE.bits() {
        file.set_flags(wanted)?;
    }
    Ok(0)
}

fn owner(cx: &Cx<'_>, file: &OpenFile, cmd: u32, arg: u64) -> SysResult<usize> {
    let now = file.owner();
    match cmd {
        F_GETOWN => Ok(if now.kind == F_OWNER_PGRP { -(now.id as isize) as usize } else { now.id as usize }),
        F_GETSIG => Ok(now.signal as usize),
        F_SETSIG => {
            let signal =
                i32::try_from(arg).ok().filter(|s| *s <= abi::signal::NSIG as i32).ok_or(Errno::EINVAL)?;
            file.set_owner(|o| o.signal = signal);
            Ok(0)
        }
        F_GETOWN_EX => cx.put(UserRef::new(arg), &FOwnerEx { kind: now.kind, pid: now.id }).map(|()| 0),
        F_GETOWNER_UIDS => cx.put(UserRef::new(arg), &[now.uid, now.euid]).map(|()| 0),
        F_SETOWN => {
            let id = arg as i32;
            let kind = if id < 0 { F_OWNER_PGRP } else { F_OWNER_PID };
            set_owner(cx, file, kind, id.checked_abs().ok_or(Errno::EINVAL)?)
        }
        _ => {
            let ex: FOwnerEx = cx.get(UserRef::new(arg))?;
            if !(F_OWNER_TID..=F_OWNER_PGRP).contains(&ex.kind) {
                return Err(Errno::EINVAL);
            }
            set_owner(cx, file, ex.kind, ex.pid)
        }
    }
}

/// ESRCH for a process or group that is not there; 0 takes the owner away.
pub fn set_owner(cx: &Cx<'_>, file: &OpenFile, kind: i32, id: i32) -> SysResult<usize> {
    if id != 0 {
        let target = if kind == F_OWNER_PGRP { -i64::from(id) } else { i64::from(id) };
        // Permission is checked when the signal is sent.
        if let Err(Errno::ESRCH) = cx.host().call(Op::Kill, &[target as u64, 0]) {
            return Err(Errno::ESRCH);
        }
    }
    let ids = cx.process().creds.lock().ids;
    file.set_owner(|o| *o = Owner { kind, id, uid: ids[0], euid: ids[1], ..*o });
    Ok(0)
}

fn pipe_of(file: &OpenFile) -> SysResult<&vfs::file::Pipe> {
    file.as_pipe().ok_or(Errno::EBADF)
}

/// F_SETPIPE_SZ: rounded up to a power of two of pages; unprivileged users may not pass the system's maximum.
fn set_pipe_size(cx: &Cx<'_>, file: &OpenFile, bytes: u32) -> SysResult<usize> {
    const MAX: u32 = 1 << 20;
    let pipe = pipe_of(file)?;
    let bytes = bytes.max(PIPE_BUF as u32).checked_next_power_of_two().ok_or(Errno::EINVAL)?;
    if bytes > 1 << 30 {
        return Err(Errno::EINVAL);
    }
    if bytes > MAX && cx.process().creds.lock().ids[1] != 0 {
        return Err(Errno::EPERM);
    }
    pipe.set_capacity(file, bytes).map(|n| n as usize)
}

fn seals(file: &OpenFile, add: u64) -> SysResult<usize> {
    if file.kind() != Kind::File {
        return Err(Errno::EINVAL);
    }
    Ok(file.host().call(Op::Seals, &[u64::from(file.desc()), add])?.ret() as usize)
}
