//! Interval and POSIX timers: setitimer(2), alarm(2), timer_create(2).

use abi::errno::{Errno, SysResult};
use abi::signal::{SIGALRM, SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD, SIGEV_THREAD_ID, SigEvent, is_valid};
use abi::time::*;
use abi::user::UserRef;
use process::signal;
use process::timer::clock::lookup;
use process::timer::{Itimer, Left, Notify, Setting};

use crate::cx::Cx;

crate::syscalls! {
    SYS_getitimer getitimer(which: i32, value: UserRef<Itimerval>) Full "" => sys_getitimer;
    SYS_setitimer setitimer(which: i32, new: UserRef<Itimerval>, old: UserRef<Itimerval>) Full "" => sys_setitimer;
    SYS_alarm alarm(seconds: u32) Full "" => sys_alarm;
    SYS_timer_create timer_create(clock: i32, event: UserRef<SigEvent>, id: UserRef<i32>) Full "" => sys_timer_create;
    SYS_timer_settime timer_settime(id: i32, flags: i32, new: UserRef<Itimerspec>, old: UserRef<Itimerspec>) Full "" => sys_timer_settime;
    SYS_timer_gettime timer_gettime(id: i32, value: UserRef<Itimerspec>) Full "" => sys_timer_gettime;
    SYS_timer_getoverrun timer_getoverrun(id: i32) Full "" => sys_timer_getoverrun;
    SYS_timer_delete timer_delete(id: i32) Full "" => sys_timer_delete;
}

/// Times left, as microseconds; a rest shorter than one is one, so that an armed timer never looks disarmed.
fn to_itimerval(left: Left) -> Itimerval {
    let value = if left.value > 0 { left.value.max(1000) } else { 0 };
    Itimerval { it_interval: Timeval::from_ns(left.interval), it_value: Timeval::from_ns(value) }
}

fn to_itimerspec(left: Left) -> Itimerspec {
    Itimerspec { it_interval: Timespec::from_ns(left.interval), it_value: Timespec::from_ns(left.value) }
}

/// getitimer(2).
fn sys_getitimer(cx: &mut Cx<'_>, which: i32, value: UserRef<Itimerval>) -> SysResult<usize> {
    let timer = cx.process().timers.interval(cx.process(), Itimer::from_number(which)?);
    cx.put(value, &to_itimerval(timer.get()))?;
    Ok(0)
}

/// setitimer(2); without a new value it disarms, as Linux.
fn sys_setitimer(
    cx: &mut Cx<'_>,
    which: i32,
    new: UserRef<Itimerval>,
    old: UserRef<Itimerval>,
) -> SysResult<usize> {
    let new = cx.get_opt(new)?.unwrap_or_default();
    let setting =
        Setting { value: new.it_value.to_ns()?, interval: new.it_interval.to_ns()?, absolute: false };
    let timer = cx.process().timers.interval(cx.process(), Itimer::from_number(which)?);
    let was = timer.set(setting);
    cx.put_opt(old, &to_itimerval(was))?;
    Ok(0)
}

/// alarm(2): what was left is rounded to the nearest second, but never down to none.
fn sys_alarm(cx: &mut Cx<'_>, seconds: u32) -> SysResult<usize> {
    let value = u64::from(seconds) * NSEC_PER_SEC;
    let timer = cx.process().timers.interval(cx.process(), Itimer::Real);
    let left = timer.set(Setting { value, interval: 0, absolute: false }).value;
    let rounded = (left + NSEC_PER_SEC / 2) / NSEC_PER_SEC;
    Ok(if left > 0 { rounded.max(1) as usize } else { 0 })
}

/// timer_create(2).
fn sys_timer_create(
    cx: &mut Cx<'_>,
    clock: i32,
    event: UserRef<SigEvent>,
    id: UserRef<i32>,
) -> SysResult<usize> {
    let clock = lookup(clock)?;
    if !clock.timers {
        return Err(Errno::EOPNOTSUPP);
    }
    let event = cx.get_opt(event)?;
    let notify = match event {
        None => None,
        Some(e) => Some(to_notify(cx, &e)?),
    };
    let default = |id: i32| Notify::Signal { signo: SIGALRM, value: id as u64, tid: 0 };
    let timers = &cx.process().timers;
    let new = timers.create(cx.process(), clock.clock, |id| notify.unwrap_or(default(id)))?;
    if let Err(e) = cx.put(id, &new) {
        timers.delete(new)?;
        return Err(e);
    }
    Ok(0)
}

fn to_notify(cx: &Cx<'_>, e: &SigEvent) -> SysResult<Notify> {
    let tid = match e.sigev_notify {
        SIGEV_NONE => return Ok(Notify::Nothing),
        SIGEV_SIGNAL | SIGEV_THREAD => 0,
        SIGEV_THREAD_ID => {
            let t = signal::find_thread(cx.process(), e.sigev_tid as u32).ok_or(Errno::EINVAL)?;
            t.tid()
        }
        _ => return Err(Errno::EINVAL),
    };
    if !is_valid(e.sigev_signo) {
        return Err(Errno::EINVAL);
    }
    Ok(Notify::Signal { signo: e.sigev_signo, value: e.sigev_value, tid })
}

/// timer_settime(2).
fn sys_timer_settime(
    cx: &mut Cx<'_>,
    id: i32,
    flags: i32,
    new: UserRef<Itimerspec>,
    old: UserRef<Itimerspec>,
) -> SysResult<usize> {
    let new = cx.get(new.required().map_err(|_| Errno::EINVAL)?)?;
    let setting = Setting {
        value: new.it_value.to_ns()?,
        interval: new.it_interval.to_ns()?,
        absolute: flags & TIMER_ABSTIME != 0,
    };
    let was = cx.process().timers.set(id, setting)?;
    cx.put_opt(old, &to_itimerspec(was))?;
    Ok(0)
}

/// timer_gettime(2).
fn sys_timer_gettime(cx: &mut Cx<'_>, id: i32, value: UserRef<Itimerspec>) -> SysResult<usize> {
    let left = cx.process().timers.get(id)?;
    cx.put(value, &to_itimerspec(left))?;
    Ok(0)
}

/// timer_getoverrun(2).
fn sys_timer_getoverrun(cx: &mut Cx<'_>, id: i32) -> SysResult<usize> {
    Ok(cx.process().timers.overrun(id)? as usize)
}

/// timer_delete(2).
fn sys_timer_delete(cx: &mut Cx<'_>, id: i32) -> SysResult<usize> {
    cx.process().timers.delete(id)?;
    Ok(0)
}
