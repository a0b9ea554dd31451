//! The brief wait before sleeping.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crate::backend::Backend;
use crate::family::Family;
use crate::xen;

/// How long to look for more requests before sleeping: longer after it paid off, shorter after it did not.
const SPIN: RangeInclusive<Duration> = Duration::from_micros(3)..=Duration::from_micros(25);
/// Looks at the pending word between two looks at the clock.
const LOOKS: u32 = 32;

/// How often other domains get the only CPU before the monitor sleeps: it takes Xen and dom0 longer to wake it again.
const TURNS: u32 = 4;
/// Others that keep the CPU for so long are not about to ask.
const LONG: Duration = Duration::from_millis(1);
/// How many waits go to sleep at once after such a turn.
const RESTS: u32 = 32;

/// The brief wait for more requests.
pub struct Spin {
    /// Zero where nobody else could run meanwhile.
    budget: Duration,
    /// Waits that are still to go to sleep at once.
    resting: u32,
}

impl Spin {
    /// As the host's CPUs allow.
    pub fn new() -> Self {
        Self { budget: if several_cpus() { *SPIN.end() } else { Duration::ZERO }, resting: 0 }
    }

    /// True when something came in time.
    pub fn until_pending(&mut self, fam: &Family) -> bool {
        if self.budget.is_zero() {
            return self.take_turns(fam);
        }
        let start = Instant::now();
        loop {
            for _ in 0..LOOKS {
                if is_due(fam) {
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

    /// On Xen, where members run when the monitor gives way.
    fn take_turns(&mut self, fam: &Family) -> bool {
        let Backend::Xen(host) = &fam.backend else { return fam.events.pending() };
        if self.resting > 0 {
            self.resting -= 1;
            return is_due(fam);
        }
        for _ in 0..TURNS {
            if is_due(fam) {
                return true;
            }
            let start = Instant::now();
            host.give_way();
            if start.elapsed() > LONG {
                self.resting = RESTS;
                break;
            }
        }
        is_due(fam)
    }
}

fn is_due(fam: &Family) -> bool {
    fam.events.pending() || xen::is_asked(fam)
}

/// Spinning is for machines where somebody else can run meanwhile.
fn several_cpus() -> bool {
    rustix::thread::sched_getaffinity(None).is_ok_and(|set| set.count() > 1)
}
