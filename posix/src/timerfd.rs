//! timerfd_create and its relatives.

use abi::errno::{Errno, SysResult};
use abi::fs::{O_NONBLOCK, O_RDWR};
use abi::time::*;
use abi::user::UserRef;
use alloc::sync::Arc;
use vfs::file::OpenFile;
use vfs::timerfd::TimerFd;

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
    let timer = Arc::new(TimerFd::new(cx.host(), wall));
    let file = OpenFile::local(cx.host(), timer, O_RDWR | flags & O_NONBLOCK);
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
    let timer = TimerFd::of(&file)?;
    let before = timer.set(cx.host(), value, interval, flags & TFD_TIMER_ABSTIME != 0);
    cx.put_opt(old, &before).map(|()| 0)
}

/// timerfd_gettime(2).
fn sys_timerfd_gettime(cx: &mut Cx<'_>, fd: Fd, now: UserRef<Itimerspec>) -> SysResult<usize> {
    let file = cx.file(fd)?;
    let left = TimerFd::of(&file)?.get(cx.host());
    cx.put(now, &left).map(|()| 0)
}
