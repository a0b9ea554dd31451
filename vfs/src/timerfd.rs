//! timerfd_create(2): a timer whose expirations are read. Nothing runs when it expires: who waits sleeps no longer than
//! until then ([`LocalFile::deadline`]).

use core::any::Any;

use abi::errno::{Errno, SysResult};
use abi::poll::PollEvents;
use abi::time::{Itimerspec, Timespec};
use platform::sync::{Mutex, Rank};
use platform::{Clock, Platform};

use crate::file::LocalFile;
use crate::host::Host;
use crate::io::IoBuf;

#[derive(Clone, Copy, Default)]
struct State {
    /// Next expiration on the timer's clock; 0: disarmed.
    next: u64,
    interval: u64,
    /// Expirations that were read or replaced.
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
        let n = (now - self.next).checked_div(self.interval).map_or(1, |further| further + 1);
        self.next = if self.interval == 0 { 0 } else { self.next + n * self.interval };
        self.ticks += n;
        self.armings += n;
    }
}

/// A timer.
pub struct TimerFd {
    wall: bool,
    key: u32,
    state: Mutex<State>,
}

impl TimerFd {
    /// A disarmed timer of CLOCK_REALTIME (`wall`) or of a monotonic clock.
    pub fn new(host: &Host, wall: bool) -> Self {
        Self { wall, key: host.local_key(), state: Mutex::new(Rank::File, State::default()) }
    }

    /// The timer behind an open file; EINVAL if it is none.
    pub fn of(file: &crate::file::OpenFile) -> SysResult<&Self> {
        file.as_local().and_then(|l| l.as_any().downcast_ref()).ok_or(Errno::EINVAL)
    }

    fn now(&self, clock: &(impl Clock + ?Sized)) -> u64 {
        if self.wall { clock.wall() } else { clock.monotonic() }
    }

    fn state(&self, platform: &dyn Platform) -> State {
        let now = self.now(platform);
        let mut s = self.state.lock();
        s.advance(now);
        *s
    }

    /// timerfd_gettime(2).
    pub fn get(&self, host: &Host) -> Itimerspec {
        let s = self.state(host.platform);
        let left = if s.next == 0 { 0 } else { s.next.saturating_sub(self.now(host.platform)).max(1) };
        Itimerspec { it_interval: Timespec::from_ns(s.interval), it_value: Timespec::from_ns(left) }
    }

    /// timerfd_settime(2); gives the old setting.
    pub fn set(&self, host: &Host, value: u64, interval: u64, absolute: bool) -> Itimerspec {
        let old = self.get(host);
        let now = self.now(host.platform);
        {
            let mut s = self.state.lock();
            s.next = match (value, absolute) {
                (0, _) => 0,
                (at, true) => at,
                (after, false) => now.saturating_add(after),
            };
            s.interval = interval;
            s.ticks = 0;
            s.armings += 1;
        }
        // Who sleeps until the old expiration looks again.
        host.changed(self.key);
        old
    }
}

impl LocalFile for TimerFd {
    fn read(&self, host: &Host, io: &mut IoBuf<'_>) -> SysResult<usize> {
        if io.left() < 8 {
            return Err(Errno::EINVAL);
        }
        let ticks = {
            let now = self.now(host.platform);
            let mut s = self.state.lock();
            s.advance(now);
            core::mem::take(&mut s.ticks)
        };
        if ticks == 0 {
            return Err(Errno::EAGAIN);
        }
        if io.put(&ticks.to_ne_bytes())? < 8 { Err(Errno::EFAULT) } else { Ok(8) }
    }
    fn poll(&self, host: &Host) -> PollEvents {
        if self.state(host.platform).ticks > 0 {
            PollEvents::POLLIN | PollEvents::POLLRDNORM
        } else {
            PollEvents::empty()
        }
    }
    fn key(&self) -> u32 {
        self.key
    }
    fn timed(&self) -> bool {
        true
    }
    fn deadline(&self, host: &Host) -> Option<u64> {
        let s = self.state(host.platform);
        if s.next == 0 {
            return None;
        }
        let left = s.next.saturating_sub(self.now(host.platform));
        Some(host.platform.monotonic().saturating_add(left))
    }
    fn edge(&self) -> Option<u64> {
        Some(self.state.lock().armings)
    }
    fn name(&self) -> &'static str {
        "[timerfd]"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Lab;

    #[test]
    fn expirations_are_counted_and_taken() {
        let lab = Lab::new();
        let t = TimerFd::new(lab.host, false);
        let read = || {
            let mut buf = [0; 8];
            t.read(lab.host, &mut IoBuf::target(&mut buf)).map(|_| u64::from_ne_bytes(buf))
        };
        assert_eq!(read(), Err(Errno::EAGAIN));
        assert_eq!(t.deadline(lab.host), None);
        t.set(lab.host, 1_000_000, 1_000_000, false);
        assert!(t.deadline(lab.host).is_some());
        assert!(t.poll(lab.host).is_empty());
        lab.fake.compute(3_500_000);
        assert_eq!(t.poll(lab.host), PollEvents::POLLIN | PollEvents::POLLRDNORM);
        assert_eq!(read(), Ok(3));
        assert_eq!(read(), Err(Errno::EAGAIN));
        // Once only, and disarmed by zero.
        t.set(lab.host, 1_000_000, 0, false);
        lab.fake.compute(5_000_000);
        assert_eq!(read(), Ok(1));
        assert_eq!(t.deadline(lab.host), None);
        t.set(lab.host, 1_000_000, 0, false);
        t.set(lab.host, 0, 0, false);
        lab.fake.compute(5_000_000);
        assert_eq!(read(), Err(Errno::EAGAIN));
    }
}
