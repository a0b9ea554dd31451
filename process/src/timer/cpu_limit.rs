//! RLIMIT_CPU: SIGXCPU when the soft limit is used up and every second from then on, SIGKILL at the hard one; setrlimit(2).

use abi::process::{RLIM_INFINITY, RLIMIT_CPU};
use abi::signal::{SI_KERNEL, SIGKILL, SIGXCPU, SigInfo};
use abi::time::NSEC_PER_SEC;
use alloc::boxed::Box;
use alloc::sync::Arc;

use super::{Clock, Setting, Timer};
use crate::Process;
use crate::signal;

const CLOCK: Clock = Clock::Process { user_only: false };

/// The timer that watches over the limit.
pub(super) fn make(p: &Arc<Process>) -> Arc<Timer> {
    let p = Arc::downgrade(p);
    Timer::new(
        CLOCK,
        Box::new(move |_| {
            let Some(p) = p.upgrade() else { return false };
            let (_, hard) = p.rlimits.lock()[RLIMIT_CPU as usize];
            let over = hard != RLIM_INFINITY && CLOCK.now() / NSEC_PER_SEC >= hard;
            let signo = if over { SIGKILL } else { SIGXCPU };
            // Standard signals are not refused.
            signal::post_process(&p, SigInfo::new(signo, SI_KERNEL)).is_ok()
        }),
    )
}

/// The limit was set, or the process started to count anew (fork).
pub fn cpu_limit_changed(p: &Arc<Process>) {
    let (soft, hard) = p.rlimits.lock()[RLIMIT_CPU as usize];
    let limit = soft.min(hard);
    if limit == RLIM_INFINITY && !p.timers.has_cpu_limit() {
        return;
    }
    let setting = match limit {
        RLIM_INFINITY => Setting::default(),
        // No time at all: at the first look.
        n => Setting {
            value: n.saturating_mul(NSEC_PER_SEC).clamp(1, i64::MAX as u64),
            interval: NSEC_PER_SEC,
            absolute: true,
        },
    };
    p.timers.cpu_limit(p).set(setting);
}
