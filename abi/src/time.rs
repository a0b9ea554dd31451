//! Clocks, timers and time values; clock_gettime(2), timer_create(2), timerfd_create(2), adjtimex(2).

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::errno::{Errno, SysResult};

pub const NSEC_PER_SEC: u64 = 1_000_000_000;
pub const USEC_PER_SEC: u64 = 1_000_000;
/// The unit of times(2) and of `AT_CLKTCK`: 100 ticks a second.
pub const USER_HZ: u64 = 100;

// Clock ids.
pub const CLOCK_REALTIME: i32 = 0;
pub const CLOCK_MONOTONIC: i32 = 1;
pub const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;
pub const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
pub const CLOCK_MONOTONIC_RAW: i32 = 4;
pub const CLOCK_REALTIME_COARSE: i32 = 5;
pub const CLOCK_MONOTONIC_COARSE: i32 = 6;
pub const CLOCK_BOOTTIME: i32 = 7;
pub const CLOCK_REALTIME_ALARM: i32 = 8;
pub const CLOCK_BOOTTIME_ALARM: i32 = 9;
pub const CLOCK_SGI_CYCLE: i32 = 10;
pub const CLOCK_TAI: i32 = 11;

// A negative clock id names the CPU clock of a process or thread: `!pid << 3 | kind`; clock_getcpuclockid(3).
pub const CPUCLOCK_PROF: i32 = 0;
pub const CPUCLOCK_VIRT: i32 = 1;
pub const CPUCLOCK_SCHED: i32 = 2;
pub const CPUCLOCK_CLOCK_MASK: i32 = 3;
pub const CPUCLOCK_PERTHREAD_MASK: i32 = 4;

// clock_nanosleep, timer_settime and timerfd_settime flags.
pub const TIMER_ABSTIME: i32 = 1;
pub const TFD_TIMER_ABSTIME: u32 = 0x1;
pub const TFD_TIMER_CANCEL_ON_SET: u32 = 0x2;
pub const TFD_CLOEXEC: u32 = 0x8_0000;
pub const TFD_NONBLOCK: u32 = 0x800;

// getitimer(2).
pub const ITIMER_REAL: i32 = 0;
pub const ITIMER_VIRTUAL: i32 = 1;
pub const ITIMER_PROF: i32 = 2;

// adjtimex(2): modes, status bits and clock states.
pub const ADJ_OFFSET: u32 = 0x1;
pub const ADJ_FREQUENCY: u32 = 0x2;
pub const ADJ_MAXERROR: u32 = 0x4;
pub const ADJ_ESTERROR: u32 = 0x8;
pub const ADJ_STATUS: u32 = 0x10;
pub const ADJ_TIMECONST: u32 = 0x20;
pub const ADJ_TAI: u32 = 0x80;
pub const ADJ_SETOFFSET: u32 = 0x100;
pub const ADJ_MICRO: u32 = 0x1000;
pub const ADJ_NANO: u32 = 0x2000;
pub const ADJ_TICK: u32 = 0x4000;
pub const ADJ_OFFSET_SINGLESHOT: u32 = 0x8001;
pub const ADJ_OFFSET_SS_READ: u32 = 0xa001;
pub const STA_PLL: i32 = 0x1;
pub const STA_UNSYNC: i32 = 0x40;
pub const STA_NANO: i32 = 0x2000;
pub const TIME_OK: i32 = 0;
pub const TIME_INS: i32 = 1;
pub const TIME_DEL: i32 = 2;
pub const TIME_OOP: i32 = 3;
pub const TIME_WAIT: i32 = 4;
pub const TIME_ERROR: i32 = 5;

/// `struct timespec`.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Timespec {
    pub tv_sec: i64,
    pub tv_nsec: i64,
}
const_assert_eq!(size_of::<Timespec>(), 16);

impl Timespec {
    pub const fn from_ns(ns: u64) -> Self {
        Self { tv_sec: (ns / NSEC_PER_SEC) as i64, tv_nsec: (ns % NSEC_PER_SEC) as i64 }
    }

    /// True if both fields are in range (`timespec64_valid` in Linux).
    pub const fn is_valid(&self) -> bool {
        self.tv_sec >= 0 && self.tv_nsec >= 0 && self.tv_nsec < NSEC_PER_SEC as i64
    }

    /// The value in nanoseconds; EINVAL if a field is out of range. A time too far off to count is held at
    /// `i64::MAX` nanoseconds, as Linux does.
    pub fn to_ns(self) -> SysResult<u64> {
        if !self.is_valid() {
            return Err(Errno::EINVAL);
        }
        Ok((self.tv_sec as u64)
            .saturating_mul(NSEC_PER_SEC)
            .saturating_add(self.tv_nsec as u64)
            .min(i64::MAX as u64))
    }
}

/// `struct timeval`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Timeval {
    pub tv_sec: i64,
    pub tv_usec: i64,
}
const_assert_eq!(size_of::<Timeval>(), 16);

impl Timeval {
    pub const fn from_ns(ns: u64) -> Self {
        Self { tv_sec: (ns / NSEC_PER_SEC) as i64, tv_usec: (ns % NSEC_PER_SEC / 1000) as i64 }
    }

    /// True if both fields are in range.
    pub const fn is_valid(&self) -> bool {
        self.tv_sec >= 0 && self.tv_usec >= 0 && self.tv_usec < USEC_PER_SEC as i64
    }

    /// As [`Timespec::to_ns`].
    pub fn to_ns(self) -> SysResult<u64> {
        if !self.is_valid() {
            return Err(Errno::EINVAL);
        }
        Timespec { tv_sec: self.tv_sec, tv_nsec: self.tv_usec * 1000 }.to_ns()
    }
}

/// `struct itimerspec`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Itimerspec {
    pub it_interval: Timespec,
    pub it_value: Timespec,
}
const_assert_eq!(size_of::<Itimerspec>(), 32);

/// `struct itimerval`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Itimerval {
    pub it_interval: Timeval,
    pub it_value: Timeval,
}
const_assert_eq!(size_of::<Itimerval>(), 32);

/// `struct timezone`, which nobody should use; gettimeofday(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Timezone {
    pub tz_minuteswest: i32,
    pub tz_dsttime: i32,
}
const_assert_eq!(size_of::<Timezone>(), 8);

/// `struct utimbuf`; utime(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Utimbuf {
    pub actime: i64,
    pub modtime: i64,
}
const_assert_eq!(size_of::<Utimbuf>(), 16);

/// `struct timex`; adjtimex(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Timex {
    pub modes: u32,
    pub pad0: u32,
    pub offset: i64,
    pub freq: i64,
    pub maxerror: i64,
    pub esterror: i64,
    pub status: i32,
    pub pad1: u32,
    pub constant: i64,
    pub precision: i64,
    pub tolerance: i64,
    pub time: Timeval,
    pub tick: i64,
    pub ppsfreq: i64,
    pub jitter: i64,
    pub shift: i32,
    pub pad2: u32,
    pub stabil: i64,
    pub jitcnt: i64,
    pub calcnt: i64,
    pub errcnt: i64,
    pub stbcnt: i64,
    pub tai: i32,
    pub reserved: [u32; 11],
}
const_assert_eq!(size_of::<Timex>(), 208);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_check_their_input() {
        assert_eq!(Timespec { tv_sec: 1, tv_nsec: 5 }.to_ns(), Ok(1_000_000_005));
        assert_eq!(Timespec { tv_sec: 0, tv_nsec: 1_000_000_000 }.to_ns(), Err(Errno::EINVAL));
        assert_eq!(Timespec { tv_sec: -1, tv_nsec: 0 }.to_ns(), Err(Errno::EINVAL));
        assert_eq!(Timespec { tv_sec: i64::MAX, tv_nsec: 0 }.to_ns(), Ok(i64::MAX as u64));
        assert_eq!(Timeval { tv_sec: 0, tv_usec: 1_000_000 }.to_ns(), Err(Errno::EINVAL));
        assert_eq!(Timeval::from_ns(2_000_003_999), Timeval { tv_sec: 2, tv_usec: 3 });
    }
}
