//! Interval timers: setitimer(2), alarm(2).

use abi::errno::{Errno, SysResult};
use abi::signal::{SI_KERNEL, SIGALRM, SIGPROF, SIGVTALRM, SigInfo};
use abi::time::{ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL};
use alloc::boxed::Box;
use alloc::sync::Arc;

use super::{Clock, Timer};
use crate::Process;
use crate::signal;

/// Which interval timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Itimer {
    Real,
    Virtual,
    Prof,
}

impl Itimer {
    /// By its number; EINVAL.
    pub fn from_number(which: i32) -> SysResult<Self> {
        match which {
            ITIMER_REAL => Ok(Itimer::Real),
            ITIMER_VIRTUAL => Ok(Itimer::Virtual),
            ITIMER_PROF => Ok(Itimer::Prof),
            _ => Err(Errno::EINVAL),
        }
    }

    /// What it counts, and the signal that it sends.
    fn kind(self) -> (Clock, i32) {
        match self {
            Itimer::Real => (Clock::Monotonic, SIGALRM),
            Itimer::Virtual => (Clock::Process { user_only: true }, SIGVTALRM),
            Itimer::Prof => (Clock::Process { user_only: false }, SIGPROF),
        }
    }

    /// Makes the timer of a process.
    pub(super) fn make(self, p: &Arc<Process>) -> Arc<Timer> {
        let (clock, signo) = self.kind();
        let p = Arc::downgrade(p);
        Timer::new(
            clock,
            Box::new(move |_| {
                // One that is still pending takes this expiry in; a standard signal is never refused.
                p.upgrade().is_some_and(|p| signal::post_process(&p, SigInfo::new(signo, SI_KERNEL)).is_ok())
            }),
        )
    }
}
