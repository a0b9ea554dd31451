//! POSIX message queues: mq_overview(7). The monitor keeps them; waiting is this side's.

use abi::errno::{Errno, SysResult};
use abi::fs::*;
use abi::ipc::{MQ_PRIO_MAX, MqAttr};
use abi::process::RLIMIT_MSGQUEUE;
use abi::signal::{SIGEV_NONE, SIGEV_SIGNAL, SigEvent, is_valid};
use abi::time::Timespec;
use abi::user::UserRef;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use process::timer::Clock;
use process::wait_on::block_until;
use protocol::Op;
use protocol::desc::{DescInfo, Kind};
use vfs::file::OpenFile;

use crate::arg::{Addr, Fd, PathArg};
use crate::cx::Cx;

crate::syscalls! {
    SYS_mq_open mq_open(name: PathArg, flags: u32, mode: u32, attr: UserRef<MqAttr>) Partial "messages of at most 64 KiB; the descriptor's status text cannot be read" => sys_mq_open;
    SYS_mq_unlink mq_unlink(name: PathArg) Full "" => sys_mq_unlink;
    SYS_mq_timedsend mq_timedsend(queue: Fd, text: Addr, len: usize, priority: u32, deadline: UserRef<Timespec>) Full "" => sys_mq_timedsend;
    SYS_mq_timedreceive mq_timedreceive(queue: Fd, text: Addr, len: usize, priority: UserRef<u32>, deadline: UserRef<Timespec>) Full "" => sys_mq_timedreceive;
    SYS_mq_notify mq_notify(queue: Fd, event: UserRef<SigEvent>) Partial "no SIGEV_THREAD" => sys_mq_notify;
    SYS_mq_getsetattr mq_getsetattr(queue: Fd, new: UserRef<MqAttr>, old: UserRef<MqAttr>) Full "" => sys_mq_getsetattr;
}

/// Requests of `Op::MQueue`.
const OPEN: u64 = 0;
const UNLINK: u64 = 1;
const SEND: u64 = 2;
const RECEIVE: u64 = 3;
const ATTRIBUTES: u64 = 4;
const NOTIFY: u64 = 5;
const GAVE_UP: u64 = 6;

/// A queue's name: one component, which the C library gives without its slash.
fn name(cx: &Cx<'_>, at: PathArg) -> SysResult<Vec<u8>> {
    let name = cx.path(at)?;
    match name.as_slice() {
        b"" => Err(Errno::ENOENT),
        b"." | b".." => Err(Errno::EACCES),
        name if name.contains(&b'/') => Err(Errno::EACCES),
        name if name.len() > NAME_MAX => Err(Errno::ENAMETOOLONG),
        _ => Ok(name),
    }
}

/// mq_open(2): the descriptor is close-on-exec.
fn sys_mq_open(
    cx: &mut Cx<'_>,
    at: PathArg,
    flags: u32,
    mode: u32,
    attr: UserRef<MqAttr>,
) -> SysResult<usize> {
    let attr = cx.get_opt(attr)?;
    let name = name(cx, at)?;
    cx.process().fds.room(1, cx.fd_limit())?;
    let limit = cx.process().rlimits.lock()[RLIMIT_MSGQUEUE as usize].0;
    let mode = mode & !cx.process().umask.load(Ordering::Relaxed);
    let given = attr.unwrap_or_default();
    let args = [
        OPEN,
        flags.into(),
        mode.into(),
        u64::from(attr.is_some()),
        given.mq_maxmsg as u64,
        given.mq_msgsize as u64,
        limit,
    ];
    let answer = cx.host().call_with(Op::MQueue, &args, &name)?;
    let file = OpenFile::new(cx.host(), answer.get::<DescInfo>(0)?, Some(&answer), true);
    drop(answer);
    cx.install(file, true)
}

/// mq_unlink(2).
fn sys_mq_unlink(cx: &mut Cx<'_>, at: PathArg) -> SysResult<usize> {
    let name = name(cx, at)?;
    cx.host().call_with(Op::MQueue, &[UNLINK], &name).map(|_| 0)
}

/// The queue behind a descriptor; EBADF for other files.
fn queue(cx: &Cx<'_>, fd: Fd) -> SysResult<Arc<OpenFile>> {
    let file = cx.file(fd)?;
    if file.kind() == Kind::MQueue { Ok(file) } else { Err(Errno::EBADF) }
}

/// An absolute time of the wall clock, as a monotonic one.
fn deadline(cx: &Cx<'_>, at: UserRef<Timespec>) -> SysResult<Option<u64>> {
    Ok(match cx.get_opt(at)? {
        Some(time) => Some(Clock::Wall.to_monotonic(time.to_ns()?)),
        None => None,
    })
}

/// Repeats a request until the queue lets it through, or its time has passed.
fn wait<T>(
    cx: &Cx<'_>,
    file: &OpenFile,
    deadline: Option<u64>,
    mut attempt: impl FnMut() -> SysResult<T>,
) -> SysResult<T> {
    match attempt() {
        Err(Errno::EAGAIN) if !file.nonblocking() => {}
        done => return done,
    }
    let done = match block_until(file.keys().as_slice(), deadline, attempt) {
        Err(Errno::EAGAIN) if deadline.is_some_and(|at| cx.platform().monotonic() >= at) => {
            Err(Errno::ETIMEDOUT)
        }
        done => done,
    };
    if done.is_err() {
        // A queue that is gone meanwhile has no list of waiters either.
        let _ = cx.host().call(Op::MQueue, &[GAVE_UP, file.desc().into()]);
    }
    done
}

/// mq_timedsend(2).
fn sys_mq_timedsend(
    cx: &mut Cx<'_>,
    fd: Fd,
    text: Addr,
    len: usize,
    priority: u32,
    until: UserRef<Timespec>,
) -> SysResult<usize> {
    let until = deadline(cx, until)?;
    if priority >= MQ_PRIO_MAX {
        return Err(Errno::EINVAL);
    }
    let file = queue(cx, fd)?;
    if !file.open_flags().writable() {
        return Err(Errno::EBADF);
    }
    wait(cx, &file, until, || {
        let mut out = cx.host().begin(Op::MQueue);
        if len > out.room() {
            return Err(Errno::EMSGSIZE);
        }
        out.put_user(text.0, len)?;
        out.send(&[SEND, file.desc().into(), priority.into()]).map(|_| 0)
    })
}

/// mq_timedreceive(2).
fn sys_mq_timedreceive(
    cx: &mut Cx<'_>,
    fd: Fd,
    text: Addr,
    len: usize,
    priority: UserRef<u32>,
    until: UserRef<Timespec>,
) -> SysResult<usize> {
    let until = deadline(cx, until)?;
    let file = queue(cx, fd)?;
    if !file.open_flags().readable() {
        return Err(Errno::EBADF);
    }
    wait(cx, &file, until, || {
        let answer = cx.host().call(Op::MQueue, &[RECEIVE, file.desc().into(), len as u64])?;
        let got = answer.len().min(len);
        answer.copy_out(0, text.0, got)?;
        cx.put_opt(priority, &(answer.value(0) as u32))?;
        Ok(got)
    })
}

/// mq_notify(2).
fn sys_mq_notify(cx: &mut Cx<'_>, fd: Fd, event: UserRef<SigEvent>) -> SysResult<usize> {
    let (kind, signo, value) = match cx.get_opt(event)? {
        None => (0, 0, 0),
        Some(e) if e.sigev_notify == SIGEV_NONE => (1, 0, 0),
        // Linux takes signal 0 as well: it counts as a registration and sends nothing.
        Some(e) if e.sigev_notify == SIGEV_SIGNAL && (e.sigev_signo == 0 || is_valid(e.sigev_signo)) => {
            (2, e.sigev_signo, e.sigev_value)
        }
        Some(_) => return Err(Errno::EINVAL),
    };
    let file = queue(cx, fd)?;
    cx.host().call(Op::MQueue, &[NOTIFY, file.desc().into(), kind, signo as u64, value]).map(|_| 0)
}

/// mq_getattr(3), mq_setattr(3).
fn sys_mq_getsetattr(
    cx: &mut Cx<'_>,
    fd: Fd,
    new: UserRef<MqAttr>,
    old: UserRef<MqAttr>,
) -> SysResult<usize> {
    let new = cx.get_opt(new)?;
    if new.is_some_and(|attr| attr.mq_flags & !i64::from(O_NONBLOCK) != 0) {
        return Err(Errno::EINVAL);
    }
    let file = queue(cx, fd)?;
    let flags = new.map_or(0, |attr| attr.mq_flags as u64);
    let args = [ATTRIBUTES, file.desc().into(), u64::from(new.is_some()), flags];
    let answer = cx.host().call(Op::MQueue, &args)?;
    let attr = MqAttr {
        mq_flags: answer.value(0) as i64,
        mq_maxmsg: answer.value(1) as i64,
        mq_msgsize: answer.value(2) as i64,
        mq_curmsgs: answer.value(3) as i64,
        ..MqAttr::default()
    };
    drop(answer);
    cx.put_opt(old, &attr).map(|()| 0)
}
