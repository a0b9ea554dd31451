//! Clocks, sleeping, and CPU time: clock_gettime(2), nanosleep(2), times(2), getrusage(2), adjtimex(2).

use abi::errno::{Errno, SysResult};
use abi::process::*;
use abi::time::*;
use abi::user::UserRef;
use alloc::boxed::Box;
use process::timer::clock::{COARSE_NS, lookup};
use process::timer::{Clock, sleep};
use protocol::Op;

use crate::cx::Cx;

crate::syscalls! {
    SYS_clock_gettime clock_gettime(clock: i32, time: UserRef<Timespec>) Full "" => sys_clock_gettime;
    SYS_clock_getres clock_getres(clock: i32, res: UserRef<Timespec>) Full "" => sys_clock_getres;
    SYS_clock_settime clock_settime(clock: i32, time: UserRef<Timespec>) Partial "EPERM: the host's clock is not a family's to set" => sys_clock_settime;
    SYS_clock_nanosleep clock_nanosleep(clock: i32, flags: i32, time: UserRef<Timespec>, left: UserRef<Timespec>) Full "" => sys_clock_nanosleep;
    SYS_nanosleep nanosleep(time: UserRef<Timespec>, left: UserRef<Timespec>) Full "" => sys_nanosleep;
    SYS_gettimeofday gettimeofday(time: UserRef<Timeval>, zone: UserRef<Timezone>) Full "" => sys_gettimeofday;
    SYS_settimeofday settimeofday(time: UserRef<Timeval>, zone: UserRef<Timezone>) Partial "as clock_settime" => sys_settimeofday;
    SYS_time time(at: UserRef<i64>) Full "" => sys_time;
    SYS_times times(at: UserRef<Tms>) Full "" => sys_times;
    SYS_getrusage getrusage(who: i32, at: UserRef<Rusage>) Full "" => sys_getrusage;
    SYS_adjtimex adjtimex(at: UserRef<Timex>) Partial "reads only" => sys_adjtimex;
    SYS_clock_adjtime clock_adjtime(clock: i32, at: UserRef<Timex>) Partial "as adjtimex" => sys_clock_adjtime;
}

/// clock_gettime(2).
fn sys_clock_gettime(cx: &mut Cx<'_>, clock: i32, time: UserRef<Timespec>) -> SysResult<usize> {
    let id = lookup(clock)?;
    let mut now = id.clock.now();
    if id.coarse {
        now -= now % COARSE_NS;
    }
    cx.put(time, &Timespec::from_ns(now))?;
    Ok(0)
}

/// clock_getres(2).
fn sys_clock_getres(cx: &mut Cx<'_>, clock: i32, res: UserRef<Timespec>) -> SysResult<usize> {
    let ns = if lookup(clock)?.coarse { COARSE_NS } else { 1 };
    cx.put_opt(res, &Timespec::from_ns(ns))?;
    Ok(0)
}

/// clock_settime(2).
fn sys_clock_settime(cx: &mut Cx<'_>, clock: i32, time: UserRef<Timespec>) -> SysResult<usize> {
    if clock != CLOCK_REALTIME {
        return Err(Errno::EINVAL);
    }
    cx.get(time)?.to_ns()?;
    Err(Errno::EPERM)
}

/// clock_nanosleep(2).
fn sys_clock_nanosleep(
    cx: &mut Cx<'_>,
    clock: i32,
    flags: i32,
    time: UserRef<Timespec>,
    left: UserRef<Timespec>,
) -> SysResult<usize> {
    let id = lookup(clock)?;
    if matches!(id.clock, Clock::Thread(tid) if tid == cx.thread().tid()) {
        // A thread that sleeps would wait for itself.
        return Err(Errno::EINVAL);
    }
    if !id.timers {
        return Err(Errno::EOPNOTSUPP);
    }
    let time = cx.get(time)?.to_ns()?;
    if flags & TIMER_ABSTIME != 0 {
        sleep(id.clock, time)?;
        return Ok(0);
    }
    sleep_for(cx, id.clock, time, left)
}

/// nanosleep(2): CLOCK_MONOTONIC, as Linux.
fn sys_nanosleep(cx: &mut Cx<'_>, time: UserRef<Timespec>, left: UserRef<Timespec>) -> SysResult<usize> {
    let time = cx.get(time)?.to_ns()?;
    sleep_for(cx, Clock::Monotonic, time, left)
}

/// A sleep by duration: when interrupted it tells what is left, and goes on to the same end if no handler ran.
fn sleep_for(cx: &mut Cx<'_>, clock: Clock, time: u64, left: UserRef<Timespec>) -> SysResult<usize> {
    if time == 0 {
        cx.kernel.sched.yield_now();
        return Ok(0);
    }
    let until = clock.now().saturating_add(time);
    sleep_until(clock, until, left)
}

fn sleep_until(clock: Clock, until: u64, left: UserRef<Timespec>) -> SysResult<usize> {
    match sleep(clock, until) {
        Ok(()) => Ok(0),
        Err(e) if e.is_restart() => {
            let k = process::kernel();
            let rest = Timespec::from_ns(until.saturating_sub(clock.now()));
            if !left.is_null() {
                let bytes = zerocopy::IntoBytes::as_bytes(&rest);
                k.platform.copy_out(left.addr() as usize, bytes).map_err(|_| Errno::EFAULT)?;
            }
            let go_on = move || sleep_until(clock, until, left);
            Err(process::kernel::current().signals.restart_with(Box::new(go_on)))
        }
        Err(e) => Err(e),
    }
}

/// gettimeofday(2).
fn sys_gettimeofday(cx: &mut Cx<'_>, time: UserRef<Timeval>, zone: UserRef<Timezone>) -> SysResult<usize> {
    cx.put_opt(time, &Timeval::from_ns(cx.platform().wall()))?;
    cx.put_opt(zone, &Timezone::default())?;
    Ok(0)
}

/// settimeofday(2).
fn sys_settimeofday(cx: &mut Cx<'_>, time: UserRef<Timeval>, zone: UserRef<Timezone>) -> SysResult<usize> {
    if let Some(time) = cx.get_opt(time)? {
        time.to_ns()?;
    }
    cx.get_opt(zone)?;
    Err(Errno::EPERM)
}

/// time(2).
fn sys_time(cx: &mut Cx<'_>, at: UserRef<i64>) -> SysResult<usize> {
    let now = (cx.platform().wall() / NSEC_PER_SEC) as i64;
    cx.put_opt(at, &now)?;
    Ok(now as usize)
}

/// What waited-for children used.
struct Children {
    user: u64,
    system: u64,
    max_rss_kib: u64,
    minor_faults: u64,
}

fn children(cx: &Cx<'_>) -> SysResult<Children> {
    let a = cx.host().call(Op::ChildTimes, &[])?;
    Ok(Children { user: a.value(0), system: a.value(1), max_rss_kib: a.value(2), minor_faults: a.value(3) })
}

/// times(2).
fn sys_times(cx: &mut Cx<'_>, at: UserRef<Tms>) -> SysResult<usize> {
    const TICK: u64 = NSEC_PER_SEC / USER_HZ;
    if !at.is_null() {
        let (user, system) = cx.platform().cpu_time();
        let c = children(cx)?;
        let ticks = |ns: u64| (ns / TICK) as i64;
        let tms = Tms {
            tms_utime: ticks(user),
            tms_stime: ticks(system),
            tms_cutime: ticks(c.user),
            tms_cstime: ticks(c.system),
        };
        cx.put(at, &tms)?;
    }
    Ok((cx.platform().monotonic() / TICK) as usize)
}

/// getrusage(2).
fn sys_getrusage(cx: &mut Cx<'_>, who: i32, at: UserRef<Rusage>) -> SysResult<usize> {
    let usage = match who {
        RUSAGE_SELF | RUSAGE_THREAD => own_usage(cx, who == RUSAGE_THREAD),
        RUSAGE_CHILDREN => {
            let c = children(cx)?;
            Rusage {
                ru_utime: Timeval::from_ns(c.user),
                ru_stime: Timeval::from_ns(c.system),
                ru_maxrss: c.max_rss_kib as i64,
                ru_minflt: c.minor_faults as i64,
                ..Rusage::default()
            }
        }
        _ => return Err(Errno::EINVAL),
    };
    cx.put(at, &usage)?;
    Ok(0)
}

fn own_usage(cx: &Cx<'_>, thread_only: bool) -> Rusage {
    let (mut user, mut system) = cx.platform().cpu_time();
    if thread_only && cx.process().threads.lock().len() > 1 {
        // How a thread's time divides is not known; it is the app's for the most part.
        (user, system) = (cx.kernel.sched.ran(cx.thread()), 0);
    }
    let u = cx.platform().usage();
    Rusage {
        ru_utime: Timeval::from_ns(user),
        ru_stime: Timeval::from_ns(system),
        ru_maxrss: u.max_rss_kib as i64,
        ru_minflt: u.minor_faults as i64,
        ru_majflt: u.major_faults as i64,
        ru_nvcsw: u.voluntary_switches as i64,
        ru_nivcsw: u.involuntary_switches as i64,
        ..Rusage::default()
    }
}

/// adjtimex(2): nothing adjusts the clock here, and nobody knows how far off it is.
fn sys_adjtimex(cx: &mut Cx<'_>, at: UserRef<Timex>) -> SysResult<usize> {
    /// What Linux shows without a daemon that disciplines the clock, in microseconds and parts per million << 16.
    const MAX_ERROR: i64 = 16_000_000;
    const TOLERANCE: i64 = 500 << 16;
    let asked = cx.get(at)?;
    let reads = asked.modes == 0 || asked.modes == ADJ_OFFSET_SS_READ;
    if !reads {
        return Err(Errno::EPERM);
    }
    let now = cx.platform().wall();
    let answer = Timex {
        modes: asked.modes,
        maxerror: MAX_ERROR,
        esterror: MAX_ERROR,
        status: STA_UNSYNC | STA_NANO,
        constant: 2,
        precision: 1,
        tolerance: TOLERANCE,
        time: Timeval { tv_sec: (now / NSEC_PER_SEC) as i64, tv_usec: (now % NSEC_PER_SEC) as i64 },
        tick: 10_000,
        ..Timex::default()
    };
    cx.put(at, &answer)?;
    Ok(TIME_ERROR as usize)
}

/// clock_adjtime(2).
fn sys_clock_adjtime(cx: &mut Cx<'_>, clock: i32, at: UserRef<Timex>) -> SysResult<usize> {
    lookup(clock)?;
    if clock != CLOCK_REALTIME {
        return Err(Errno::EOPNOTSUPP);
    }
    sys_adjtimex(cx, at)
}
