//! When a timer expires, and how often it has: arithmetic on one clock's time. Pure; timer_settime(2).

/// A timer's setting, in nanoseconds of its clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarm {
    deadline: Option<u64>,
    interval: u64,
}

/// Time left and interval, as timer_gettime(2) gives them; 0 left: not armed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    pub value: u64,
    pub interval: u64,
}

impl Alarm {
    /// Arms for `deadline` and then every `interval` (0: once), or disarms.
    pub fn new(deadline: Option<u64>, interval: u64) -> Self {
        Self { deadline, interval }
    }

    /// When it expires next.
    pub fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    /// What is left at `now`. An armed timer never has nothing left.
    pub fn left(&self, now: u64) -> Left {
        let value = match self.deadline {
            None => 0,
            Some(at) if at > now => at - now,
            Some(_) if self.interval == 0 => 1,
            Some(at) => self.interval - (now - at) % self.interval,
        };
        Left { value, interval: self.interval }
    }

    /// Counts the expiries up to `now` and moves on to the next; a timer without an interval is disarmed by its expiry.
    pub fn expire(&mut self, now: u64) -> u64 {
        let Some(at) = self.deadline.filter(|at| *at <= now) else { return 0 };
        if self.interval == 0 {
            self.deadline = None;
            return 1;
        }
        let count = (now - at) / self.interval + 1;
        self.deadline = Some(at.saturating_add(self.interval.saturating_mul(count)));
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn once() {
        let mut a = Alarm::new(Some(100), 0);
        assert_eq!((a.left(40).value, a.left(100).value), (60, 1));
        assert_eq!((a.expire(99), a.expire(100), a.expire(1000)), (0, 1, 0));
        assert_eq!(a.left(1000), Left::default());
    }

    proptest! {
        /// However seldom one looks, all expiries are counted once.
        #[test]
        fn counts_all(start in 0u64..1000, interval in 1u64..50, looks in proptest::collection::vec(0u64..200, 1..20)) {
            let mut a = Alarm::new(Some(start), interval);
            let (mut now, mut total) = (0, 0);
            for step in looks {
                now += step;
                total += a.expire(now);
                let expected = if now < start { 0 } else { (now - start) / interval + 1 };
                prop_assert_eq!(total, expected);
                let left = a.left(now).value;
                prop_assert!(left > 0 && (now < start || left <= interval));
            }
        }
    }
}
