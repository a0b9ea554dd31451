//! Clocks by their ids; clock_gettime(2).

use abi::errno::{Errno, SysResult};
use abi::time::*;
use alloc::sync::Arc;

use crate::kernel::{current, kernel};
use crate::{Process, Thread};

/// Resolution of the coarse clocks: a tick of 250 Hz.
pub const COARSE_NS: u64 = 4_000_000;

/// A clock that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// CLOCK_REALTIME, CLOCK_TAI (no leap seconds are known).
    Wall,
    /// CLOCK_MONOTONIC, CLOCK_BOOTTIME (a member is never suspended without the host's clock knowing).
    Monotonic,
    /// CPU time of the calling process; user time only for CPUCLOCK_VIRT.
    Process { user_only: bool },
    /// CPU time of the thread with this id in the calling process.
    Thread(u32),
}

/// What a clock id may be used for, beside reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockId {
    pub clock: Clock,
    pub coarse: bool,
    /// Timers and sleeps can use it.
    pub timers: bool,
}

/// Looks an id up; EINVAL if there is no such clock.
pub fn lookup(id: i32) -> SysResult<ClockId> {
    let plain = |clock| ClockId { clock, coarse: false, timers: true };
    Ok(match id {
        CLOCK_REALTIME | CLOCK_TAI => plain(Clock::Wall),
        CLOCK_MONOTONIC | CLOCK_BOOTTIME => plain(Clock::Monotonic),
        CLOCK_PROCESS_CPUTIME_ID => plain(Clock::Process { user_only: false }),
        CLOCK_THREAD_CPUTIME_ID => plain(Clock::Thread(current().tid())),
        CLOCK_MONOTONIC_RAW => ClockId { timers: false, ..plain(Clock::Monotonic) },
        CLOCK_REALTIME_COARSE => ClockId { clock: Clock::Wall, coarse: true, timers: false },
        CLOCK_MONOTONIC_COARSE => ClockId { clock: Clock::Monotonic, coarse: true, timers: false },
        // Without a clock that could wake the machine: readable, but no timers.
        CLOCK_REALTIME_ALARM => ClockId { timers: false, ..plain(Clock::Wall) },
        CLOCK_BOOTTIME_ALARM => ClockId { timers: false, ..plain(Clock::Monotonic) },
        id if id < 0 => plain(cpu_clock(id)?),
        _ => return Err(Errno::EINVAL),
    })
}

/// A CPU clock by process or thread id; clock_getcpuclockid(3), pthread_getcpuclockid(3).
fn cpu_clock(id: i32) -> SysResult<Clock> {
    let kind = id & CPUCLOCK_CLOCK_MASK;
    let who = !(id >> 3) as u32;
    let me = current();
    if kind > CPUCLOCK_SCHED {
        return Err(Errno::EINVAL);
    }
    if id & CPUCLOCK_PERTHREAD_MASK != 0 {
        let tid = if who == 0 { me.tid() } else { who };
        find(&me.process, tid).ok_or(Errno::EINVAL)?;
        return Ok(Clock::Thread(tid));
    }
    // Times of other processes are known to their own members only.
    if who != 0 && who != me.process.pid() {
        return Err(Errno::EINVAL);
    }
    Ok(Clock::Process { user_only: kind == CPUCLOCK_VIRT })
}

fn find(p: &Process, tid: u32) -> Option<Arc<Thread>> {
    p.threads.lock().iter().find(|t| t.tid() == tid).cloned()
}

impl Clock {
    /// The clock's time in nanoseconds.
    pub fn now(self) -> u64 {
        let k = kernel();
        match self {
            Clock::Wall => k.platform.wall(),
            Clock::Monotonic => k.platform.monotonic(),
            Clock::Process { user_only } => {
                let (user, system) = k.platform.cpu_time();
                if user_only { user } else { user + system }
            }
            Clock::Thread(tid) => thread_time(tid),
        }
    }

    /// True when the clock stands still while no thread runs.
    pub fn counts_cpu(self) -> bool {
        matches!(self, Clock::Process { .. } | Clock::Thread(_))
    }

    /// The monotonic time at which this clock shows `at`; for CPU time, the earliest at which it can.
    pub fn to_monotonic(self, at: u64) -> u64 {
        match self {
            Clock::Monotonic => at,
            _ => kernel().platform.monotonic().saturating_add(at.saturating_sub(self.now())),
        }
    }
}

/// CPU time of a thread of the calling process: of a lone thread, what the process used; among several, how long the
/// virtual CPU was the thread's.
fn thread_time(tid: u32) -> u64 {
    let k = kernel();
    let p = current().process.clone();
    match find(&p, tid) {
        Some(t) if p.threads.lock().len() > 1 => k.sched.ran(&t),
        _ => {
            let (user, system) = k.platform.cpu_time();
            user + system
        }
    }
}
