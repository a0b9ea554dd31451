//! POSIX timers (timer_create(2)) and the timers of a process.

use abi::errno::{Errno, SysResult};
use abi::signal::SigInfo;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI32, Ordering};
use platform::sync::{Mutex, Rank};

use super::{Clock, Itimer, Left, Setting, Timer};
use crate::Process;
use crate::signal;

/// DELAYTIMER_MAX.
const OVERRUN_MAX: u64 = i32::MAX as u64;

/// What an expiry sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    Nothing,
    /// A signal to the process, or to the thread `tid` if it is not 0.
    Signal {
        signo: i32,
        value: u64,
        tid: u32,
    },
}

struct PosixTimer {
    timer: Arc<Timer>,
    /// Overruns of the signal that was taken last.
    overrun: Arc<AtomicI32>,
}

/// The timers of a process.
pub struct ProcessTimers {
    intervals: Mutex<[Option<Arc<Timer>>; 3]>,
    posix: Mutex<Posix>,
    cpu_limit: Mutex<Option<Arc<Timer>>>,
}

#[derive(Default)]
struct Posix {
    timers: BTreeMap<i32, PosixTimer>,
    next: i32,
}

impl Default for ProcessTimers {
    fn default() -> Self {
        Self {
            intervals: Mutex::new(Rank::File, [None, None, None]),
            posix: Mutex::new(Rank::File, Posix::default()),
            cpu_limit: Mutex::new(Rank::File, None),
        }
    }
}

impl ProcessTimers {
    /// An interval timer of the process `p`, which these timers are of.
    pub fn interval(&self, p: &Arc<Process>, which: Itimer) -> Arc<Timer> {
        self.intervals.lock()[which as usize].get_or_insert_with(|| which.make(p)).clone()
    }

    /// The timer of RLIMIT_CPU of the process `p`, which these timers are of.
    pub(super) fn cpu_limit(&self, p: &Arc<Process>) -> Arc<Timer> {
        self.cpu_limit.lock().get_or_insert_with(|| super::cpu_limit::make(p)).clone()
    }

    pub(super) fn has_cpu_limit(&self) -> bool {
        self.cpu_limit.lock().is_some()
    }

    /// timer_create(2). `notify` gets the timer's id, which is the default value of its signal.
    pub fn create(
        &self,
        p: &Arc<Process>,
        clock: Clock,
        notify: impl FnOnce(i32) -> Notify,
    ) -> SysResult<i32> {
        let mut posix = self.posix.lock();
        let mut id = posix.next;
        while posix.timers.contains_key(&id) {
            id = (id + 1) & i32::MAX;
        }
        posix.next = (id + 1) & i32::MAX;
        let notify = notify(id);
        let owner = Arc::downgrade(p);
        let action = move |_: u64| owner.upgrade().is_some_and(|p| expired(&p, id, notify));
        let timer = Timer::new(clock, Box::new(action));
        posix.timers.insert(id, PosixTimer { timer, overrun: Arc::new(AtomicI32::new(0)) });
        Ok(id)
    }

    fn find(&self, id: i32) -> SysResult<(Arc<Timer>, Arc<AtomicI32>)> {
        let posix = self.posix.lock();
        posix.timers.get(&id).map(|t| (t.timer.clone(), t.overrun.clone())).ok_or(Errno::EINVAL)
    }

    /// timer_settime(2).
    pub fn set(&self, id: i32, setting: Setting) -> SysResult<Left> {
        let (timer, overrun) = self.find(id)?;
        overrun.store(0, Ordering::Relaxed);
        Ok(timer.set(setting))
    }

    /// timer_gettime(2).
    pub fn get(&self, id: i32) -> SysResult<Left> {
        Ok(self.find(id)?.0.get())
    }

    /// timer_getoverrun(2).
    pub fn overrun(&self, id: i32) -> SysResult<i32> {
        Ok(self.find(id)?.1.load(Ordering::Relaxed))
    }

    /// timer_delete(2). A signal of it that is pending stays so.
    pub fn delete(&self, id: i32) -> SysResult<()> {
        let gone = self.posix.lock().timers.remove(&id).ok_or(Errno::EINVAL)?;
        gone.timer.set(Setting::default());
        Ok(())
    }

    /// Deletes all POSIX timers.
    pub fn delete_all(&self) {
        let gone = core::mem::take(&mut self.posix.lock().timers);
        for t in gone.values() {
            t.timer.set(Setting::default());
        }
    }

    /// Disarms all interval timers.
    pub fn stop_intervals(&self) {
        let timers: Vec<_> = self.intervals.lock().iter().flatten().cloned().collect();
        for t in timers {
            t.set(Setting::default());
        }
    }

    /// A timer's signal was taken: expiries meanwhile are its overruns, and the timer goes on.
    pub(super) fn signal_taken(&self, info: &mut SigInfo) {
        let Ok((timer, overrun)) = self.find(info.si_timerid()) else { return };
        let count = timer.go_on().min(OVERRUN_MAX) as i32;
        overrun.store(count, Ordering::Relaxed);
        info.set_overrun(count);
    }
}

/// Sends an expiry's signal. True when nobody will take it, so that the timer must go on by itself.
fn expired(p: &Arc<Process>, id: i32, notify: Notify) -> bool {
    let Notify::Signal { signo, value, tid } = notify else { return true };
    let info = SigInfo::timer(signo, id, 0, value);
    let (sent, target) = if tid == 0 {
        (signal::post_process(p, info), None)
    } else {
        let Some(t) = signal::find_thread(p, tid) else { return true };
        (signal::post_thread(&t, info), Some(t))
    };
    sent.is_err() || !signal::has_timer(p, target.as_ref(), id)
}
