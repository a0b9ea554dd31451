//! Timers and clocks of the member: what expires when, and what happens then.

mod alarm;
pub mod clock;
mod cpu_limit;
mod interval;
mod posix;
mod queue;
mod sleep;

use alloc::boxed::Box;
use alloc::sync::Arc;
use platform::sync::{Mutex, Rank};

pub use alarm::{Alarm, Left};
pub use clock::Clock;
pub use cpu_limit::cpu_limit_changed;
pub use interval::Itimer;
pub use posix::{Notify, ProcessTimers};
pub use sleep::sleep;

use crate::Process;
use crate::kernel::kernel;
use queue::{Key, Queue};

/// Armed timers by monotonic deadline; those that count CPU time apart, because they matter only while threads run.
struct Armed {
    real: Queue<Arc<Timer>>,
    cpu: Queue<Arc<Timer>>,
}

static ARMED: Mutex<Armed> = Mutex::new(Rank::Leaf, Armed { real: Queue::new(), cpu: Queue::new() });

/// What a timer does when it has expired so many times. True: it goes on by itself; false: it is silent until
/// [`Timer::go_on`] (its owner has not taken notice yet, so that counting can wait).
pub type Action = Box<dyn Fn(u64) -> bool + Send + Sync>;

/// A timer that goes on by itself (its signal is ignored, say) leaves the program at least this much time in between,
/// however short its interval is; Linux does the same with its tick.
const REST_NS: u64 = 100_000;

/// A timer on one clock.
pub struct Timer {
    clock: Clock,
    state: Mutex<State>,
    action: Action,
}

#[derive(Default)]
struct State {
    alarm: Alarm,
    queued: Option<Key>,
}

/// How a timer is set: `value` 0 disarms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    pub value: u64,
    pub interval: u64,
    pub absolute: bool,
}

impl Timer {
    /// A timer that is not armed.
    pub fn new(clock: Clock, action: Action) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::new(Rank::Timers, State::default()), action })
    }

    /// Sets it and gives what was left before.
    pub fn set(self: &Arc<Self>, setting: Setting) -> Left {
        let now = self.clock.now();
        let mut s = self.state.lock();
        let old = s.alarm.left(now);
        let deadline = match setting {
            Setting { value: 0, .. } => None,
            Setting { value, absolute: true, .. } => Some(value),
            Setting { value, .. } => Some(now.saturating_add(value)),
        };
        s.alarm = Alarm::new(deadline, setting.interval);
        self.queue(&mut s, 0);
        old
    }

    /// What is left.
    pub fn get(&self) -> Left {
        let now = self.clock.now();
        self.state.lock().alarm.left(now)
    }

    /// Counts the expiries that nobody was told of, and lets the timer go on.
    pub fn go_on(self: &Arc<Self>) -> u64 {
        let now = self.clock.now();
        let mut s = self.state.lock();
        let count = s.alarm.expire(now);
        self.queue(&mut s, 0);
        count
    }

    /// Puts the timer into the queue where its alarm says, but not before a monotonic time.
    fn queue(self: &Arc<Self>, s: &mut State, earliest: u64) {
        let at = s.alarm.deadline().map(|at| self.clock.to_monotonic(at).max(earliest));
        let mut armed = ARMED.lock();
        let queue = if self.clock.counts_cpu() { &mut armed.cpu } else { &mut armed.real };
        if let Some(key) = s.queued.take() {
            queue.remove(key);
        }
        if let Some(at) = at {
            s.queued = Some(queue.insert(at, self.clone()));
            drop(armed);
            kernel().sched.request_work();
        }
    }

    /// The timer was taken from the queue: acts if it is due. A CPU clock may be behind the monotonic one.
    fn run(self: &Arc<Self>) {
        let now = self.clock.now();
        let count = {
            let mut s = self.state.lock();
            s.queued = None;
            let count = s.alarm.expire(now);
            if count == 0 {
                self.queue(&mut s, 0);
            }
            count
        };
        if count > 0 && (self.action)(count) {
            let earliest = kernel().platform.monotonic().saturating_add(REST_NS);
            self.queue(&mut self.state.lock(), earliest);
        }
    }
}

/// Deadline of the first timer that can expire while no thread runs.
pub fn next_deadline() -> Option<u64> {
    ARMED.lock().real.first()
}

/// Deadline of the first timer while user code runs: also those that count CPU time.
pub fn next_deadline_running() -> Option<u64> {
    let armed = ARMED.lock();
    armed.real.first().into_iter().chain(armed.cpu.first()).min()
}

/// Runs what is due.
pub fn run_due() {
    let Some(first) = next_deadline_running() else { return };
    let now = kernel().platform.monotonic();
    if first > now {
        return;
    }
    loop {
        let due = {
            let mut armed = ARMED.lock();
            armed.real.pop_due(now).or_else(|| armed.cpu.pop_due(now))
        };
        match due {
            Some(timer) => timer.run(),
            None => return,
        }
    }
}

/// A signal was taken: if a timer sent it, its overruns are known now.
pub fn signal_taken(p: &Process, info: &mut abi::signal::SigInfo) {
    if info.si_code == abi::signal::SI_TIMER {
        p.timers.signal_taken(info);
    }
}

/// exec: POSIX timers go, interval timers stay.
pub fn reset_for_exec(p: &Process) {
    p.timers.delete_all();
}

/// In a clone: neither POSIX timers nor interval timers; those of descriptors go on.
pub fn child() {
    for p in kernel().processes.lock().iter() {
        p.timers.delete_all();
        p.timers.stop_intervals();
        cpu_limit_changed(p);
    }
}
