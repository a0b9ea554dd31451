//! An in-memory platform for tests of the kernel's logic: memory on the heap, contexts on threads of which one runs at a
//! time, a clock that jumps to the next deadline when everybody waits, and a monitor that is a closure.

mod contexts;
mod machine;
mod pages;
mod region;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::boxed::Box;
use std::collections::BTreeMap;
use std::string::String;
use std::sync::{Arc, Mutex};
use std::vec::Vec;

use abi::regs::TrapFrame;
use protocol::control::{MonitorSide, NOREPLY, Reply, Request, data_at};
use protocol::{EV_REPLY, MONITOR_SLOT, SharedMem, control, events, family};

use crate::{Clock, CloneError, CloneMember, ClonePlan, Cloned, Events, MemError, RegionView, Regions};
use contexts::Contexts;
use pages::Pages;

/// The fake member's slot.
pub const SLOT: u32 = 1;
/// What each look at the clock costs.
const LOOK_NS: u64 = 50;
/// CLOCK_REALTIME at the clock's start.
const WALL_START: u64 = 1_700_000_000_000_000_000;

/// The monitor: answers a request with a reply and its data.
pub type Monitor = Box<dyn FnMut(&Request, &[u8]) -> (Reply, Vec<u8>) + Send>;
/// What user mode is: runs when a context enters it, and never comes back.
pub type User = Box<dyn Fn(&TrapFrame) + Send + Sync>;

/// What cloning the member comes to.
pub type Cloning = Box<dyn FnMut(&ClonePlan) -> Result<Cloned, CloneError> + Send>;

/// The platform.
pub struct Fake {
    control: Mutex<RegionView>,
    family: RegionView,
    events: RegionView,
    side: Mutex<MonitorSide>,
    monitor: Mutex<Monitor>,
    regions: Mutex<BTreeMap<u64, RegionView>>,
    pages: Mutex<Pages>,
    contexts: Arc<Contexts>,
    user: Mutex<Option<&'static User>>,
    cloning: Mutex<Option<Cloning>>,
    contexts_left: AtomicU64,
    when_idle: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    now: AtomicU64,
    idle: AtomicU64,
    armed: AtomicU64,
    kicked: AtomicBool,
    tls: AtomicU64,
    entropy: AtomicU64,
    /// What the kernel wrote to the console.
    pub console: Mutex<String>,
}

impl Fake {
    /// A platform whose monitor answers as the closure says. Platforms live as long as the program.
    pub fn new(monitor: Monitor) -> &'static Self {
        Box::leak(Box::new(Self {
            control: Mutex::new(region::new(control::REGION_SIZE)),
            family: region::new(family::REGION_SIZE),
            events: region::new(events::SLOT_SIZE * (SLOT as usize + 1)),
            side: Mutex::new(MonitorSide::new()),
            monitor: Mutex::new(monitor),
            regions: Mutex::new(BTreeMap::new()),
            pages: Mutex::new(Pages::default()),
            contexts: Arc::default(),
            user: Mutex::new(None),
            cloning: Mutex::new(None),
            contexts_left: AtomicU64::new(u64::MAX),
            when_idle: Mutex::new(None),
            now: AtomicU64::new(1_000_000_000),
            idle: AtomicU64::new(0),
            armed: AtomicU64::new(u64::MAX),
            kicked: AtomicBool::new(false),
            tls: AtomicU64::new(0),
            entropy: AtomicU64::new(1),
            console: Mutex::new(String::new()),
        }))
    }

    /// Says what user mode is.
    pub fn set_user(&self, user: User) {
        *lock(&self.user) = Some(Box::leak(Box::new(user)));
    }

    /// Says what cloning the member comes to: [`Cloned::Child`] makes this very member the child, with a fresh control
    /// region. `None`: there is no room for another member.
    pub fn set_cloning(&self, cloning: Option<Cloning>) {
        *lock(&self.cloning) = cloning;
    }

    /// How many contexts can still be made.
    pub fn limit_contexts(&self, left: u64) {
        self.contexts_left.store(left, Ordering::SeqCst);
    }

    /// Runs `first` on a fresh context until some context calls [`crate::Machine::exit`]; a panic in a context is the
    /// caller's. Contexts that are left never run again.
    pub fn run(&self, first: Box<dyn FnOnce() + Send>) {
        self.contexts.run(first);
    }

    /// What others do when everybody here waits, once.
    pub fn when_idle(&self, others: Box<dyn FnOnce() + Send>) {
        *lock(&self.when_idle) = Some(others);
    }

    /// Makes a region that the monitor can hand out.
    pub fn add_region(&self, id: u64, len: usize) -> RegionView {
        let view = region::new(len);
        lock(&self.regions).insert(id, view.clone());
        view
    }

    /// The member's part of the inbox and what the monitor publishes, for a test that plays the monitor.
    pub fn monitor_view(&self) -> (RegionView, &RegionView) {
        (self.control(), &self.family)
    }

    /// Marks an event pending for the member, as another member would.
    pub fn post(&self, event: u32) {
        events::post(&self.events, SLOT, event);
    }

    /// True once when the timer that the kernel armed is due: the test then kicks.
    pub fn timer_due(&self) -> bool {
        let due = self.armed.load(Ordering::SeqCst) <= self.now.load(Ordering::SeqCst);
        if due {
            self.armed.store(u64::MAX, Ordering::SeqCst);
        }
        due
    }

    /// Lets time pass while the app computes.
    pub fn compute(&self, ns: u64) {
        self.now.fetch_add(ns, Ordering::SeqCst);
    }

    /// Answers all requests that are there.
    fn serve(&self) {
        let control = self.control();
        loop {
            let next = lock(&self.side).next(&control);
            let Some((slot, request)) = next else { return };
            let mut data = std::vec![0; request.data_len as usize];
            control.read(data_at(slot), &mut data);
            let (mut reply, data) = (lock(&self.monitor))(&request, &data);
            control.write(data_at(slot), &data);
            reply.data_len = data.len() as u32;
            lock(&self.side).complete(&control, slot, request.flags & NOREPLY != 0, &reply);
            events::post(&self.events, SLOT, EV_REPLY);
        }
    }
}

/// A test that failed while it held a lock has said so already.
fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(|e| e.into_inner())
}

impl Clock for Fake {
    fn monotonic(&self) -> u64 {
        self.now.fetch_add(LOOK_NS, Ordering::SeqCst)
    }
    fn wall(&self) -> u64 {
        WALL_START + self.monotonic()
    }
    fn cpu_time(&self) -> (u64, u64) {
        (self.monotonic() - self.idle.load(Ordering::SeqCst), 0)
    }
    fn arm(&self, deadline: Option<u64>) {
        self.armed.store(deadline.unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Events for Fake {
    fn slot(&self) -> u32 {
        SLOT
    }
    fn notify(&self, slot: u32, event: u32) {
        if slot == MONITOR_SLOT {
            self.serve();
        } else if slot == SLOT {
            self.post(event);
        }
    }
    fn kick_self(&self) {
        self.kicked.store(true, Ordering::SeqCst);
    }
    fn pending(&self) -> bool {
        self.kicked.load(Ordering::SeqCst) || events::any_pending(&self.events, SLOT)
    }
    fn take(&self, each: &mut dyn FnMut(u32)) {
        self.kicked.store(false, Ordering::SeqCst);
        events::take_all(&self.events, SLOT, each);
    }
    fn wait(&self, deadline: Option<u64>) {
        if self.pending() {
            return;
        }
        let now = self.now.load(Ordering::SeqCst);
        let others = lock(&self.when_idle).take();
        if let Some(others) = others {
            others();
            return;
        }
        let Some(until) = deadline else {
            panic!("everybody waits, and nothing can wake anyone");
        };
        self.now.fetch_max(until, Ordering::SeqCst);
        self.idle.fetch_add(until.saturating_sub(now), Ordering::SeqCst);
    }
    /// Requests are answered at once.
    fn wait_reply(&self, done: &mut dyn FnMut() -> bool) {
        assert!(done(), "a request without an answer");
    }
    fn relax(&self) {}
}

impl Regions for Fake {
    fn control(&self) -> RegionView {
        lock(&self.control).clone()
    }
    fn family(&self) -> RegionView {
        self.family.clone()
    }
    fn accept(&self, id: u64, _size: u64) -> Result<(), MemError> {
        if self.has(id) { Ok(()) } else { Err(MemError::Denied) }
    }
    fn has(&self, id: u64) -> bool {
        lock(&self.regions).contains_key(&id)
    }
    fn view(&self, id: u64, _writable: bool) -> Result<RegionView, MemError> {
        lock(&self.regions).get(&id).cloned().ok_or(MemError::Denied)
    }
    fn forget(&self, _id: u64) {}
}

impl CloneMember for Fake {
    fn clone_member(&self, plan: &ClonePlan) -> Result<Cloned, CloneError> {
        let cloned = lock(&self.cloning).as_mut().map_or(Err(CloneError::NoMemory), |c| c(plan))?;
        if let Cloned::Child(_) = cloned {
            *lock(&self.control) = region::new(control::REGION_SIZE);
            *lock(&self.side) = MonitorSide::new();
        }
        Ok(cloned)
    }
}
