//! How long to spin before sleeping: pure bookkeeping.
//!
//! A sleep and its wake-up cost several microseconds on both sides, a look at a shared word next to nothing. But whoever
//! spins on the CPU that the other needs only delays it. So the time doubles when spinning paid off and halves when it did
//! not, down to none; then a trial is made now and then, more and more rarely while trials fail.

/// Nanoseconds.
const LONGEST: u32 = 20_000;
const SHORTEST: u32 = 2_000;
const TRIAL: u32 = 10_000;
/// Waits between two trials.
const MOST_SKIPPED: u32 = 256;
const FEWEST_SKIPPED: u32 = 4;

/// What was learnt so far.
pub struct Budget {
    /// There is but one CPU.
    pub alone: bool,
    spin: u32,
    /// Waits until the next trial, while `spin` is 0, and how many to skip after it.
    wait: u32,
    skip: u32,
}

impl Budget {
    /// Hopeful.
    pub const fn new() -> Self {
        Self { alone: false, spin: LONGEST, wait: 0, skip: FEWEST_SKIPPED }
    }

    /// How long to spin now.
    pub fn take(&mut self) -> u32 {
        if self.alone {
            0
        } else if self.spin != 0 {
            self.spin
        } else if self.wait > 0 {
            self.wait -= 1;
            0
        } else {
            TRIAL
        }
    }

    /// Spinning for at most `budget` paid off, or did not.
    pub fn learn(&mut self, budget: u32, came: bool) {
        if came {
            self.spin = (budget * 2).min(LONGEST);
            self.skip = FEWEST_SKIPPED;
        } else if self.spin == 0 {
            self.skip = (self.skip * 2).min(MOST_SKIPPED);
            self.wait = self.skip;
        } else {
            let half = budget / 2;
            self.spin = if half < SHORTEST { 0 } else { half };
            self.wait = self.skip;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spins(budget: &mut Budget, waits: usize, comes: bool) -> u64 {
        let mut total = 0;
        for _ in 0..waits {
            let spin = budget.take();
            total += u64::from(spin);
            if spin != 0 {
                budget.learn(spin, comes);
            }
        }
        total
    }

    #[test]
    fn gives_up_when_it_never_pays() {
        let mut budget = Budget::new();
        spins(&mut budget, 2000, false);
        assert!(spins(&mut budget, 2560, false) <= 100_000 + u64::from(TRIAL));
    }

    #[test]
    fn comes_back_when_it_pays() {
        let mut budget = Budget::new();
        spins(&mut budget, 10_000, false);
        spins(&mut budget, 300, true);
        assert_eq!(budget.take(), LONGEST);
    }

    #[test]
    fn never_on_one_cpu() {
        let mut budget = Budget::new();
        budget.alone = true;
        assert_eq!(spins(&mut budget, 1000, true), 0);
    }
}
