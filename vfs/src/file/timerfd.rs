//! timerfd_create(2): a timer whose state lies in a region that all holders map, so that a fork and SCM_RIGHTS share its
//! expirations. Nothing runs when it expires: who waits sleeps no longer than until then ([`TimerFd::deadline`]), and
//! setting it wakes them, by a ring without data beside the state.

use core::sync::atomic::Ordering::Relaxed;

use abi::errno::{Errno, SysResult};
use abi::poll::PollEvents;
use abi::time::{Itimerspec, Timespec};
use alloc::sync::Arc;
use platform::Platform;
use protocol::desc::{
    TIMERFD_ARMINGS, TIMERFD_INTERVAL, TIMERFD_LOCK, TIMERFD_NEXT, TIMERFD_TICKS, TIMERFD_WALL,
};
use protocol::ring::Side;
use protocol::{SharedMem, lock};

use super::OpenFile;
use super::shared_state::{Lazy, SharedState};
use crate::host::{Answer, Host};
use crate::io::IoBuf;

#[derive(Clone, Copy, Default)]
struct State {
    /// Next expiration on the timer's clock; 0: disarmed.
    next: u64,
    interval: u64,
    /// Expirations that were counted, and settings.
    armings: u64,
    /// Expirations not read yet.
    ticks: u64,
}

impl State {
    /// Counts the expirations up to `now`.
    fn advance(&mut self, now: u64) {
        if self.next == 0 || now < self.next {
            return;
        }
        let n = (now - self.next).checked_div(self.interval).map_or(1, |further| further.saturating_add(1));
        let passed = n.saturating_mul(self.interval);
        self.next = if self.interval == 0 { 0 } else { self.next.saturating_add(passed) };
        self.ticks = self.ticks.saturating_add(n);
        self.armings = self.armings.wrapping_add(n);
    }
}

/// The mapped state. Other members may write anything there: each value is only ever a number of this timer's.
struct Timer(Arc<SharedState>);

impl Timer {
    fn now(&self, clock: &dyn Platform) -> u64 {
        if self.0.view.u32_at(TIMERFD_WALL).load(Relaxed) != 0 { clock.wall() } else { clock.monotonic() }
    }

    /// Runs `step` on the state as it is now, with the lock held.
    fn with<T>(&self, host: &Host, step: impl FnOnce(&mut State, u64) -> T) -> T {
        let word = self.0.view.u32_at(TIMERFD_LOCK);
        while !lock::try_lock(word, host.slot()) {
            host.platform.relax();
        }
        let now = self.now(host.platform);
        let places = [TIMERFD_NEXT, TIMERFD_INTERVAL, TIMERFD_ARMINGS, TIMERFD_TICKS];
        let [next, interval, armings, ticks] = places.map(|at| self.0.view.u64_at(at).load(Relaxed));
        let mut state = State { next, interval, armings, ticks };
        state.advance(now);
        let result = step(&mut state, now);
        let values = [state.next, state.interval, state.armings, state.ticks];
        for (at, value) in places.into_iter().zip(values) {
            self.0.view.u64_at(at).store(value, Relaxed);
        }
        lock::unlock(word, host.slot());
        result
    }
}

fn shown(s: &State, now: u64) -> Itimerspec {
    let left = if s.next == 0 { 0 } else { s.next.saturating_sub(now).max(1) };
    Itimerspec { it_interval: Timespec::from_ns(s.interval), it_value: Timespec::from_ns(left) }
}

/// A timer, attached on first use.
#[derive(Default)]
pub struct TimerFd(Lazy);

impl TimerFd {
    /// See [`Lazy::attach`].
    pub(super) fn attach(&self, f: &OpenFile, answer: &Answer<'_>) {
        self.0.attach(f, answer);
    }

    fn timer(&self, f: &OpenFile) -> SysResult<Timer> {
        self.0.of(f).map(Timer)
    }

    /// timerfd_gettime(2).
    pub fn get(&self, f: &OpenFile) -> SysResult<Itimerspec> {
        Ok(self.timer(f)?.with(f.host(), |s, now| shown(s, now)))
    }

    /// timerfd_settime(2); gives the old setting.
    pub fn set(&self, f: &OpenFile, value: u64, interval: u64, absolute: bool) -> SysResult<Itimerspec> {
        let t = self.timer(f)?;
        let old = t.with(f.host(), |s, now| {
            let old = shown(s, now);
            s.next = match (value, absolute) {
                (0, _) => 0,
                (at, true) => at,
                (after, false) => now.saturating_add(after),
            };
            (s.interval, s.ticks, s.armings) = (interval, 0, s.armings.wrapping_add(1));
            old
        });
        // Who sleeps until the old expiration looks again, here and in other members.
        t.0.waiters.wake(f.host(), Side::Reader);
        f.host().changed(f.info().object);
        Ok(old)
    }

    /// read(2): the expirations since the last read.
    pub(super) fn read(&self, f: &OpenFile, io: &mut IoBuf<'_>) -> SysResult<usize> {
        if io.left() < 8 {
            return Err(Errno::EINVAL);
        }
        let t = self.timer(f)?;
        let take = || t.with(f.host(), |s, _| core::mem::take(&mut s.ticks));
        let mut ticks = take();
        if ticks == 0 {
            t.0.waiters.ring().arm(Side::Reader, f.host().slot());
            ticks = take();
        }
        if ticks == 0 {
            return Err(Errno::EAGAIN);
        }
        if io.put(&ticks.to_ne_bytes())? < 8 { Err(Errno::EFAULT) } else { Ok(8) }
    }

    /// poll(2).
    pub(super) fn poll(&self, f: &OpenFile) -> PollEvents {
        let Ok(t) = self.timer(f) else { return PollEvents::POLLERR };
        let expired = || t.with(f.host(), |s, _| s.ticks > 0);
        let ready = expired() || {
            t.0.waiters.ring().arm(Side::Reader, f.host().slot());
            expired()
        };
        if ready { PollEvents::POLLIN | PollEvents::POLLRDNORM } else { PollEvents::empty() }
    }

    /// Whoever waits hears of the next setting.
    pub(super) fn arm(&self, f: &OpenFile) {
        if let Ok(t) = self.timer(f) {
            t.0.waiters.ring().arm(Side::Reader, f.host().slot());
        }
    }

    /// When it expires next (monotonic ns).
    pub(super) fn deadline(&self, f: &OpenFile) -> Option<u64> {
        let t = self.timer(f).ok()?;
        let left = t.with(f.host(), |s, now| (s.next != 0).then(|| s.next.saturating_sub(now)))?;
        Some(f.host().platform.monotonic().saturating_add(left))
    }

    /// Changes with each expiration and setting.
    pub(super) fn edge(&self, f: &OpenFile) -> Option<u64> {
        Some(self.timer(f).ok()?.with(f.host(), |s, _| s.armings))
    }
}

#[cfg(test)]
mod tests {
    use super::State;

    #[test]
    fn expirations_are_counted() {
        let mut s = State { next: 1_000, interval: 1_000, ..State::default() };
        s.advance(999);
        assert_eq!((s.ticks, s.next), (0, 1_000));
        s.advance(3_500);
        assert_eq!((s.ticks, s.next, s.armings), (3, 4_000, 3));
        // Once only.
        let mut s = State { next: 1_000, ..State::default() };
        s.advance(9_000);
        s.advance(10_000);
        assert_eq!((s.ticks, s.next), (1, 0));
        // What another member wrote there does no harm.
        let mut s = State { next: 1, interval: 1, ticks: u64::MAX, armings: u64::MAX };
        s.advance(u64::MAX);
        assert_eq!(s.ticks, u64::MAX);
    }
}
