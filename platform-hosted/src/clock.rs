//! Clocks from the vDSO, CPU time and the one timer from the host.

use core::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use abi::nr::{SYS_getrusage, SYS_timer_create};
use abi::process::{RUSAGE_SELF, Rusage};
use abi::signal::{SIGEV_SIGNAL, SigEvent};
use abi::time::{CLOCK_MONOTONIC, NSEC_PER_SEC, Timeval};
use platform::machine::Usage;
use platform_x86::percpu;
use protocol::hosted::KICK_SIGNAL;

use crate::host;

/// The host timer, made when first needed; -1 if there is none. A clone does not inherit it.
static TIMER: AtomicI32 = AtomicI32::new(-1);
/// The time it is set to; 0: disarmed.
static ARMED: AtomicU64 = AtomicU64::new(0);

/// In a fresh clone: the timer was the parent's.
pub fn forget_timer() {
    TIMER.store(-1, Ordering::Relaxed);
    ARMED.store(0, Ordering::Relaxed);
}

fn timer() -> Option<i32> {
    let id = TIMER.load(Ordering::Relaxed);
    if id >= 0 {
        return Some(id);
    }
    let event = SigEvent { sigev_signo: KICK_SIGNAL, sigev_notify: SIGEV_SIGNAL, ..SigEvent::default() };
    let mut id = 0i32;
    let args = [CLOCK_MONOTONIC as usize, &raw const event as usize, &raw mut id as usize];
    // SAFETY: the host reads `event` and writes `id`.
    unsafe { host::call(SYS_timer_create, args) }.ok()?;
    TIMER.store(id, Ordering::Relaxed);
    Some(id)
}

/// See `Clock::arm`.
pub fn arm(deadline: Option<u64>) {
    // The host takes 0 as "disarm"; the first nanosecond of the machine's life is over.
    let deadline = deadline.map_or(0, |d| d.max(1));
    if ARMED.load(Ordering::Relaxed) == deadline {
        return;
    }
    let set = timer().is_some_and(|id| host::timer_set(id, deadline).is_ok());
    if set {
        ARMED.store(deadline, Ordering::Relaxed);
    } else if deadline != 0 {
        // No timer to be had: look at once rather than never.
        percpu::this().kicked();
    }
}

fn rusage() -> Rusage {
    let mut usage = Rusage::default();
    // SAFETY: the host writes `usage` only.
    let _ = unsafe { host::call(SYS_getrusage, [RUSAGE_SELF as usize, &raw mut usage as usize]) };
    usage
}

fn ns(time: Timeval) -> u64 {
    time.tv_sec as u64 * NSEC_PER_SEC + time.tv_usec as u64 * 1000
}

/// See `Clock::cpu_time`. The host's own work for this member is its system time; our kernel's counts as the app's.
pub fn cpu_time() -> (u64, u64) {
    let usage = rusage();
    (ns(usage.ru_utime), ns(usage.ru_stime))
}

/// See `Machine::usage`.
pub fn usage() -> Usage {
    let usage = rusage();
    Usage {
        max_rss_kib: usage.ru_maxrss as u64,
        minor_faults: usage.ru_minflt as u64,
        major_faults: usage.ru_majflt as u64,
        voluntary_switches: usage.ru_nvcsw as u64,
        involuntary_switches: usage.ru_nivcsw as u64,
    }
}
