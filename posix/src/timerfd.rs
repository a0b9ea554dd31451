//! timerfd_create and its relatives.

use abi::errno::{Errno, SysResult};
use abi::time::*;
use abi::user::UserRef;
use protocol::Op;
use protocol::desc::DescInfo;
use vfs::file::OpenFile;

use crate::arg::Fd;
use crate::cx::Cx;

crate::syscalls! {
    SYS_timerfd_create timerfd_create(clock: i32, flags: u32) Full "" => sys_timerfd_create;
    SYS_timerfd_settime timerfd_settime(fd: Fd, flags: u32, new: UserRef<Itimerspec>, old: UserRef<Itimerspec>) Partial "the wall clock cannot be set: TFD_TIMER_CANCEL_ON_SET never cancels" => sys_timerfd_settime;
    SYS_timerfd_gettime timerfd_gettime(fd: Fd, now: UserRef<Itimerspec>) Full "" => sys_timerfd_gettime;
}

/// timerfd_create(2).
fn sys_timerfd_create(cx: &mut Cx<'_>, clock: i32, flags: u32) -> SysResult<usize> {
    if flags & !(TFD_CLOEXEC | TFD_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let wall = match clock {
        CLOCK_REALTIME | CLOCK_REALTIME_ALARM => true,
        CLOCK_MONOTONIC | CLOCK_BOOTTIME | CLOCK_BOOTTIME_ALARM => false,
        _ => return Err(Errno::EINVAL),
    };
    cx.process().fds.room(1, cx.fd_limit())?;
    let args = [wall.into(), u64::from(flags & !TFD_CLOEXEC)];
    let answer = cx.host().call(Op::TimerFd, &args)?;
    let file = OpenFile::new(cx.host(), answer.get::<DescInfo>(0)?, Some(&answer), true);
    drop(answer);
    cx.install(file, flags & TFD_CLOEXEC != 0)
}

/// timerfd_settime(2).
fn sys_timerfd_settime(
    cx: &mut Cx<'_>,
    fd: Fd,
    flags: u32,
    new: UserRef<Itimerspec>,
    old: UserRef<Itimerspec>,
) -> SysResult<usize> {
    let new = cx.get(new)?;
    if flags & !(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) != 0 {
        return Err(Errno::EINVAL);
    }
    let (value, interval) = (new.it_value.to_ns()?, new.it_interval.to_ns()?);
    let file = cx.file(fd)?;
    let timer = file.as_timer().ok_or(Errno::EINVAL)?;
    let before = timer.set(&file, value, interval, flags & TFD_TIMER_ABSTIME != 0)?;
    cx.put_opt(old, &before).map(|()| 0)
}

/// timerfd_gettime(2).
fn sys_timerfd_gettime(cx: &mut Cx<'_>, fd: Fd, now: UserRef<Itimerspec>) -> SysResult<usize> {
    let file = cx.file(fd)?;
    let left = file.as_timer().ok_or(Errno::EINVAL)?.get(&file)?;
    cx.put(now, &left).map(|()| 0)
}
