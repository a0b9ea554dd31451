//! The scheduler: round robin over runnable threads on the member's virtual CPU, and the place where events from other
//! members and the monitor become wake-ups.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use abi::nr::{SYS_getpid, SYS_getppid, SYS_gettid};
use platform::sync::{Mutex, Rank};
use protocol::op::{TTIN_IGNORED, TTOU_IGNORED};
use protocol::{EV_INBOX, EV_REPLY, SharedMem, family};

use crate::kernel::{Kernel, kernel};
use crate::wait_on::Registration;
use crate::{Process, Thread};

/// Run queue and waiters by key.
pub struct Sched {
    run: Mutex<RunQueue>,
    waiters: Mutex<BTreeMap<u32, Vec<Arc<Registration>>>>,
    /// The way back to user mode must look at more than the result of a call: see [`Sched::request_work`].
    work: AtomicBool,
    /// When the platform's timer kicks, or did last; 0: nothing is left to do about it.
    armed: AtomicU64,
    /// Process id and thread id of the running thread, for a look without the lock.
    pid: AtomicU32,
    tid: AtomicU32,
    /// Up to when the running thread's time has been counted.
    counted: AtomicU64,
}

#[derive(Default)]
struct RunQueue {
    current: Option<Arc<Thread>>,
    /// True while the current thread executes; false once it goes to sleep, until a thread is switched to.
    running: bool,
    ready: VecDeque<Arc<Thread>>,
    /// How many at the front of `ready` go before the running thread.
    urgent: usize,
    /// Asleep without a deadline.
    sleepers: Vec<Arc<Thread>>,
    /// Asleep with one.
    timed: Vec<Arc<Thread>>,
    dead: Option<Arc<Thread>>,
}

impl RunQueue {
    /// The nearest deadline of a sleeping thread.
    fn first_deadline(&self) -> Option<u64> {
        self.timed.iter().map(|t| t.deadline.load(Ordering::Relaxed)).min()
    }

    /// Takes a thread from the sleeping ones.
    fn take_sleeper(&mut self, thread: &Arc<Thread>) -> Option<Arc<Thread>> {
        [&mut self.sleepers, &mut self.timed].into_iter().find_map(|list| {
            let i = list.iter().position(|t| Arc::ptr_eq(t, thread))?;
            Some(list.swap_remove(i))
        })
    }

    /// The next thread to run. Who went before its forerunner need not go before it.
    fn pop(&mut self) -> Option<Arc<Thread>> {
        self.urgent = 0;
        self.ready.pop_front()
    }
}

/// Time slice when several threads are runnable, in nanoseconds.
pub const SLICE_NS: u64 = 10_000_000;

impl Sched {
    pub(crate) fn new() -> Self {
        Self {
            run: Mutex::new(Rank::Scheduler, RunQueue::default()),
            waiters: Mutex::new(Rank::Waiters, BTreeMap::new()),
            work: AtomicBool::new(false),
            armed: AtomicU64::new(0),
            pid: AtomicU32::new(0),
            tid: AtomicU32::new(0),
            counted: AtomicU64::new(0),
        }
    }

    /// Makes the way back to user mode look at signals, timers and other threads: after anything that may have given the
    /// running thread a signal, made another thread runnable, or started a timer.
    pub fn request_work(&self) {
        self.work.store(true, Ordering::Release);
    }

    /// True when [`Sched::request_work`] was called since the last [`Sched::take_work`].
    #[inline]
    pub fn has_work(&self) -> bool {
        self.work.load(Ordering::Acquire)
    }

    /// As [`Sched::has_work`], and clears it.
    pub fn take_work(&self) -> bool {
        self.work.swap(false, Ordering::AcqRel)
    }

    /// How long the virtual CPU was this thread's.
    pub fn ran(&self, thread: &Arc<Thread>) -> u64 {
        let me = self.current();
        self.count_time(Some(&me));
        thread.share.ran()
    }

    /// Counts the time since the last count as `running`'s, or as nobody's.
    fn count_time(&self, running: Option<&Arc<Thread>>) {
        let now = kernel().platform.monotonic();
        let since = self.counted.swap(now, Ordering::Relaxed);
        if let Some(t) = running.filter(|_| since != 0) {
            t.share.count(now.saturating_sub(since));
        }
    }

    /// Before user code runs: sees to it that a kick comes when a timer is due, or when another thread may want to run.
    /// A timer that turns out to be needless is left to fire once; that is cheaper than to disarm it each time.
    pub fn arm_for_user(&self) {
        let (others, sleeper) = {
            let run = self.run.lock();
            let sleepers = !run.sleepers.is_empty() || !run.timed.is_empty();
            (sleepers || !run.ready.is_empty(), run.first_deadline())
        };
        let timer = sleeper.into_iter().chain(crate::timer::next_deadline_running()).min();
        if !others && timer.is_none() {
            return;
        }
        let now = kernel().platform.monotonic();
        let armed = Some(self.armed.load(Ordering::Relaxed)).filter(|at| *at > now);
        // An earlier slice's end stays; a timer that is far away does not stand for one.
        let slice = others.then_some(now + SLICE_NS);
        let wanted = timer.into_iter().chain(slice).min();
        if let Some(at) = wanted.filter(|at| armed.is_none_or(|armed| *at < armed)) {
            self.armed.store(at, Ordering::Relaxed);
            kernel().platform.arm(Some(at));
        }
    }

    /// Lets others run if the running thread's time is over: a thread woke that goes before it, or the timer that
    /// [`Sched::arm_for_user`] armed is due.
    pub fn end_slice(&self) {
        let urgent = {
            let run = self.run.lock();
            if run.ready.is_empty() {
                return;
            }
            run.urgent != 0
        };
        let armed = self.armed.load(Ordering::Relaxed);
        let over = armed != 0 && armed <= kernel().platform.monotonic();
        if over {
            // The next thread has a slice of its own.
            self.armed.store(0, Ordering::Relaxed);
        }
        if over || urgent {
            self.yield_now();
        }
    }

    /// The running thread.
    pub fn current(&self) -> Arc<Thread> {
        self.run.lock().current.clone().unwrap_or_else(|| unreachable!("no current thread"))
    }

    /// Process and thread id of the running thread.
    #[inline]
    pub fn ids(&self) -> (u32, u32) {
        (self.pid.load(Ordering::Relaxed), self.tid.load(Ordering::Relaxed))
    }

    /// Looks the running thread's ids up again: a clone or an exec gave it others.
    pub fn ids_changed(&self) {
        self.set_ids(&self.current());
    }

    fn set_ids(&self, t: &Thread) {
        self.pid.store(t.process.pid(), Ordering::Relaxed);
        self.tid.store(t.tid(), Ordering::Relaxed);
        answer_parent(kernel(), &t.process);
    }

    /// Makes the calling context the given thread (start of the member).
    pub fn adopt(&self, thread: Arc<Thread>) {
        self.set_ids(&thread);
        self.run.lock().current = Some(thread);
        let k = kernel();
        k.platform.answer(SYS_getpid, &k.sched.pid, traced(k));
        k.platform.answer(SYS_gettid, &k.sched.tid, traced(k));
    }

    /// Adds a thread that can run.
    pub fn spawn(&self, thread: Arc<Thread>) {
        let mut run = self.run.lock();
        if let Some(maker) = &run.current {
            thread.share.join(&maker.share);
        }
        run.ready.push_back(thread);
        drop(run);
        self.request_work();
    }

    /// True when another thread could run now.
    pub fn others_ready(&self) -> bool {
        !self.run.lock().ready.is_empty()
    }

    pub(crate) fn register(&self, reg: &Arc<Registration>, keys: &[u32]) {
        let mut w = self.waiters.lock();
        for k in keys {
            w.entry(*k).or_default().push(reg.clone());
        }
    }

    pub(crate) fn unregister(&self, reg: &Arc<Registration>, keys: &[u32]) {
        let mut w = self.waiters.lock();
        for k in keys {
            if let Some(list) = w.get_mut(k) {
                if let Some(i) = list.iter().position(|t| Arc::ptr_eq(t, reg)) {
                    list.swap_remove(i);
                }
                if list.is_empty() {
                    w.remove(k);
                }
            }
        }
    }

    /// Wakes all threads that are registered for `key`.
    pub fn wake(&self, key: u32) {
        self.wake_some(key, usize::MAX);
    }

    /// Wakes up to `max` threads that are registered for `key` and not woken yet; gives how many.
    pub fn wake_some(&self, key: u32, max: usize) -> usize {
        let list = self.waiters.lock().get(&key).cloned().unwrap_or_default();
        let fresh = list.into_iter().filter(|r| !r.woken.swap(true, Ordering::SeqCst));
        fresh.take(max).map(|r| self.nudge(&r.thread)).count()
    }

    /// Makes a sleeping thread look at its condition (signals, death) without counting as a wake-up.
    pub fn nudge(&self, thread: &Arc<Thread>) {
        let mut run = self.run.lock();
        if let Some(t) = run.take_sleeper(thread) {
            self.make_ready(&mut run, t);
        }
        drop(run);
        self.request_work();
    }

    /// A thread that slept can run: behind the others, or before all that have had more of the virtual CPU.
    fn make_ready(&self, run: &mut RunQueue, thread: Arc<Thread>) {
        let urgent = match &run.current {
            Some(me) if run.running => {
                self.count_time(Some(me));
                thread.share.wake(&me.share)
            }
            _ => false,
        };
        if urgent {
            run.ready.insert(run.urgent, thread);
            run.urgent += 1;
        } else {
            run.ready.push_back(thread);
        }
    }

    /// Puts the calling thread to sleep until it is made ready, or its deadline passes.
    pub(crate) fn sleep(&self, thread: &Arc<Thread>, deadline: Option<u64>) {
        thread.deadline.store(deadline.unwrap_or(u64::MAX), Ordering::Relaxed);
        {
            let mut run = self.run.lock();
            run.running = false;
            let list = if deadline.is_some() { &mut run.timed } else { &mut run.sleepers };
            list.push(thread.clone());
        }
        self.run_next();
    }

    /// Lets other runnable threads run first.
    pub fn yield_now(&self) {
        self.poll_events();
        let mut run = self.run.lock();
        if run.ready.is_empty() {
            return;
        }
        let Some(me) = run.current.clone() else { return };
        run.ready.push_back(me);
        drop(run);
        self.run_next();
    }

    /// Ends the calling thread: it never runs again; its context is freed by the next one.
    pub fn exit_current(&self) -> ! {
        {
            let mut run = self.run.lock();
            run.dead = run.current.take();
            run.running = false;
        }
        self.run_next();
        unreachable!("an ended thread ran again")
    }

    /// Before the calling thread registers for what it waits for: lets other members run a little if nothing else is to be
    /// done here, perhaps until `done`. Their time is not the thread's.
    pub fn linger(&self, done: &mut dyn FnMut() -> bool) {
        if self.has_work() || self.others_ready() {
            return;
        }
        let platform = kernel().platform;
        let start = platform.monotonic();
        platform.linger(done);
        let lent = platform.monotonic().saturating_sub(start);
        if self.counted.load(Ordering::Relaxed) != 0 {
            self.counted.fetch_add(lent, Ordering::Relaxed);
        }
    }

    /// Switches to the next runnable thread, waiting for events when there is none.
    fn run_next(&self) {
        let k = kernel();
        let mut idle = false;
        loop {
            self.poll_events();
            let mut run = self.run.lock();
            if let Some(next) = run.pop() {
                let me = run.current.replace(next.clone());
                run.running = true;
                drop(run);
                self.count_time(if idle { None } else { me.as_ref() });
                if me.as_ref().is_some_and(|me| Arc::ptr_eq(me, &next)) {
                    return;
                }
                self.set_ids(&next);
                if let Some(context) = next.context() {
                    drop((next, me));
                    k.platform.switch_context(context);
                    self.after_switch();
                }
                return;
            }
            let deadline = run.first_deadline();
            drop(run);
            let timers = crate::timer::next_deadline();
            let deadline = match (deadline, timers) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            if !idle {
                self.count_time(self.run.lock().current.as_ref());
                idle = true;
            }
            k.platform.wait(deadline);
        }
    }

    /// Frees the context of a thread that ended; the first thing that a context does when it is switched to.
    pub fn after_switch(&self) {
        self.request_work();
        let dead = self.run.lock().dead.take();
        if let Some(context) = dead.and_then(|t| t.context()) {
            kernel().platform.free_context(context);
        }
    }

    /// Takes pending events and due timers and turns them into wake-ups and signals.
    pub fn poll_events(&self) {
        let k = kernel();
        if k.platform.pending() {
            self.request_work();
            let mut inbox = false;
            k.platform.take(&mut |ev| {
                if ev == EV_INBOX {
                    inbox = true;
                } else {
                    k.host.changed(ev);
                }
            });
            if inbox {
                crate::inbox::take_all(k);
            }
        }
        crate::timer::run_due();
        self.wake_due();
    }

    fn wake_due(&self) {
        let mut run = self.run.lock();
        if run.timed.is_empty() {
            return;
        }
        let now = kernel().platform.monotonic();
        let mut i = 0;
        while i < run.timed.len() {
            if run.timed[i].deadline.load(Ordering::Relaxed) <= now {
                let t = run.timed.swap_remove(i);
                self.make_ready(&mut run, t);
            } else {
                i += 1;
            }
        }
    }

    /// After a clone, in the child: only the calling thread exists. Gives the others, for their contexts to be freed.
    pub fn forget_others(&self) -> Vec<Arc<Thread>> {
        self.waiters.lock().clear();
        self.armed.store(0, Ordering::Relaxed);
        let mut run = self.run.lock();
        run.urgent = 0;
        let mut gone: Vec<_> = run.ready.drain(..).collect();
        gone.append(&mut run.sleepers);
        gone.append(&mut run.timed);
        gone
    }
}

/// The word that is not 0 while calls are traced: then each must be seen.
fn traced(k: &'static Kernel) -> &'static AtomicU32 {
    k.host.family().u32_at(family::TRACE)
}

/// Where getppid(2) of a thread of `p` has its answer: the monitor knows when a parent ends. A child that still lives in its
/// parent's member has no slot of its own; its parent is who has.
fn answer_parent(k: &'static Kernel, p: &Arc<Process>) {
    let owns = k.processes.lock().first().is_some_and(|first| Arc::ptr_eq(first, p));
    let word = if owns { family::ppid_word } else { family::pid_word };
    k.platform.answer(SYS_getppid, word(k.host.family(), k.host.slot()), traced(k));
}

/// What `vfs` uses of this kernel.
pub(crate) const HOOKS: vfs::host::Hooks = vfs::host::Hooks {
    block: block_for_host,
    caller,
    wake: |key| kernel().sched.wake(key),
    local_key: crate::wait_on::local_key,
    tty_mask,
};

/// `vfs::host::Block` of this kernel.
pub(crate) fn block_for_host(key: u32, done: &mut dyn FnMut() -> bool) {
    let k = kernel();
    // Alone, the thread waits where it stands: nothing but the reply can help it. (What waits for a request slot is helped
    // by those who hold them.)
    while key == EV_REPLY && !k.sched.others_ready() && !k.host.starving() {
        k.platform.wait_reply(done);
        if done() {
            return;
        }
    }
    let waiter = crate::wait_on::Waiter::new(&[key]);
    while !done() {
        waiter.sleep(None, false);
    }
}

/// `vfs::host::TtyMask` of this kernel.
fn tty_mask() -> u64 {
    let t = crate::kernel::current();
    let bit = |signo, bit| if crate::signal::unnoticed(&t, signo) { bit } else { 0 };
    bit(abi::signal::SIGTTIN, TTIN_IGNORED) | bit(abi::signal::SIGTTOU, TTOU_IGNORED)
}

/// `vfs::host::Caller` of this kernel.
pub(crate) fn caller() -> (u32, u32) {
    kernel().sched.ids()
}
