//! The brief wait before sleeping.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crate::family::Family;

/// How long to look for more requests before sleeping: longer after it paid off, shorter after it did not.
const SPIN: RangeInclusive<Duration> = Duration::from_micros(3)..=Duration::from_micros(25);
/// Looks at the pending word between two looks at the clock.
const LOOKS: u32 = 32;

/// The brief wait for more requests.
pub struct Spin {
    /// Zero where nobody else could run meanwhile.
    budget: Duration,
}

impl Spin {
    /// As the host's CPUs allow.
    pub fn new() -> Self {
        Self { budget: if several_cpus() { *SPIN.end() } else { Duration::ZERO } }
    }

    /// True when something came in time.
    pub fn until_pending(&mut self, fam: &Family) -> bool {
        if self.budget.is_zero() {
            return fam.events.pending();
        }
        let start = Instant::now();
        loop {
            for _ in 0..LOOKS {
                if fam.events.pending() {
                    self.budget = (self.budget * 2).min(*SPIN.end());
                    return true;
                }
                std::hint::spin_loop();
            }
            if start.elapsed() >= self.budget {
                self.budget = (self.budget / 2).max(*SPIN.start());
                return false;
            }
        }
    }
}

/// Spinning is for machines where somebody else can run meanwhile.
fn several_cpus() -> bool {
    rustix::thread::sched_getaffinity(None).is_ok_and(|set| set.count() > 1)
}
