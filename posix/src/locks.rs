//! Locks on files: record locks of fcntl(2), flock(2). The monitor keeps them; waiting is this side's.

use abi::errno::{Errno, SysResult};
use abi::fs::*;
use abi::user::UserRef;
use process::wait_on::block_until;
use protocol::desc::Kind;
use protocol::{EV_RETRY, Op};
use vfs::file::OpenFile;

use crate::arg::Fd;
use crate::cx::Cx;

crate::syscalls! {
    SYS_flock flock(fd: Fd, operation: u32) Full "" => sys_flock;
}

/// The record lock commands of fcntl(2).
pub fn fcntl_lock(cx: &Cx<'_>, file: &OpenFile, cmd: u32, at: UserRef<Flock>) -> SysResult<usize> {
    let mut lock = cx.get(at)?;
    let ofd = matches!(cmd, F_OFD_GETLK | F_OFD_SETLK | F_OFD_SETLKW);
    if ofd && lock.l_pid != 0 {
        return Err(Errno::EINVAL);
    }
    let (start, len) = range(file, &lock)?;
    let get = matches!(cmd, F_GETLK | F_OFD_GETLK);
    match lock.l_type {
        F_UNLCK if get => return Err(Errno::EINVAL),
        F_RDLCK if !get && !file.open_flags().readable() => return Err(Errno::EBADF),
        F_WRLCK if !get && !file.open_flags().writable() => return Err(Errno::EBADF),
        F_RDLCK | F_WRLCK | F_UNLCK => {}
        _ => return Err(Errno::EINVAL),
    }
    let wait = matches!(cmd, F_SETLKW | F_OFD_SETLKW);
    // The number without the W: what waits is this side.
    let number = if wait { cmd - 1 } else { cmd };
    let args = [
        u64::from(file.desc()),
        u64::from(number),
        lock.l_type as u64,
        start as u64,
        len as u64,
        0,
        0,
        u64::from(wait),
    ];
    if get {
        let answer = cx.host().call(Op::Lock, &args)?;
        lock.l_type = answer.value(0) as i16;
        if lock.l_type != F_UNLCK {
            lock.l_whence = SEEK_SET as i16;
            lock.l_start = answer.value(1) as i64;
            lock.l_len = answer.value(2) as i64;
            lock.l_pid = answer.value(3) as i32;
        }
        return cx.put(at, &lock).map(|()| 0);
    }
    match (lock.l_type, ofd) {
        (F_UNLCK, _) => {}
        (_, true) => file.note_lock(),
        (_, false) => cx.process().fds.note_lock(),
    }
    let attempt = || cx.host().call(Op::Lock, &args).map(|_| 0);
    match attempt() {
        Err(Errno::EAGAIN) if wait => block_until(&[EV_RETRY], None, attempt),
        done => done,
    }
}

/// The lock's absolute start and length; fcntl(2) "l_len may be negative".
fn range(file: &OpenFile, lock: &Flock) -> SysResult<(i64, i64)> {
    let base = match u32::try_from(lock.l_whence) {
        Ok(SEEK_SET) => 0,
        Ok(SEEK_CUR) => file.tell()? as i64,
        Ok(SEEK_END) if file.kind() == Kind::File => file.stat()?.st_size,
        Ok(SEEK_END) => 0,
        _ => return Err(Errno::EINVAL),
    };
    let start = base.checked_add(lock.l_start).ok_or(Errno::EOVERFLOW)?;
    if start < 0 {
        return Err(Errno::EINVAL);
    }
    if lock.l_len >= 0 {
        if lock.l_len > 0 {
            start.checked_add(lock.l_len - 1).ok_or(Errno::EOVERFLOW)?;
        }
        return Ok((start, lock.l_len));
    }
    let first = start.checked_add(lock.l_len).filter(|s| *s >= 0).ok_or(Errno::EINVAL)?;
    Ok((first, -lock.l_len))
}

/// flock(2).
fn sys_flock(cx: &mut Cx<'_>, fd: Fd, operation: u32) -> SysResult<usize> {
    let how = operation & !LOCK_NB;
    if !matches!(how, LOCK_SH | LOCK_EX | LOCK_UN) {
        return Err(Errno::EINVAL);
    }
    let file = cx.file(fd)?;
    if file.kind() == Kind::Path {
        return Err(Errno::EBADF);
    }
    if file.desc() == 0 {
        return Ok(0);
    }
    file.note_lock();
    let args = [u64::from(file.desc()), u64::from(how)];
    let attempt = || cx.host().call(Op::FLock, &args).map(|_| 0);
    match attempt() {
        Err(Errno::EAGAIN) if operation & LOCK_NB == 0 => block_until(&[EV_RETRY], None, attempt),
        done => done,
    }
}
