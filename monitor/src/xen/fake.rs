//! A hypervisor in memory, for tests: domains are memory files, windows are shared mappings of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use abi::Errno;
use protocol::xen::{DOOR_GFN, DOOR_PAGES};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use super::fake_window::FakeWindow;
use super::hyper::{Blocks, Built, Grants, Hypervisor, Status};
use super::pages::PAGE;
use super::window::Window;

/// Frames of a domain's file.
const FRAMES: u64 = 1 << 24;

/// Entries of a block of a table.
const BLOCK: usize = 64;

/// Frames of a member's image that it may not write to.
pub const CODE: Range<u64> = 0x100..0x118;

/// One domain as the test sees it.
pub struct FakeDomain {
    pub(super) memory: OwnedFd,
    pub populated: BTreeSet<u64>,
    /// Pages for the tables of its frames.
    pool: u32,
    /// Grant entries: to whom, which frame, writable.
    pub entries: BTreeMap<u32, (u32, u64, bool)>,
    /// Entries that their user has mapped.
    pub mapped: BTreeSet<u32>,
    pub paused: bool,
    pub shutdown: Option<u8>,
}

#[derive(Default)]
struct State {
    domains: BTreeMap<u32, FakeDomain>,
    last: u32,
    /// Frames that may still be populated.
    budget: Option<u64>,
    /// Grant entries of a domain.
    table: Option<usize>,
    rung: Vec<u32>,
    /// Ports made so far for others to bind to.
    ports: u32,
    /// The common holder, and who made it.
    common: Option<(u32, u64)>,
    /// Somebody has what all monitors change.
    locked: bool,
    /// The monitor that asks, and those that are no more.
    monitor: u64,
    dead: BTreeSet<u64>,
}

/// The hypervisor; clones are the same one.
#[derive(Clone)]
pub struct Fake {
    state: Rc<RefCell<State>>,
    event: Rc<OwnedFd>,
}

impl Fake {
    /// Without domains.
    pub fn new() -> Self {
        let event = eventfd(0, EventfdFlags::NONBLOCK).expect("an eventfd");
        let state = State { monitor: 1, ..State::default() };
        Self { state: Rc::new(RefCell::new(state)), event: Rc::new(event) }
    }

    /// Looks at a domain.
    pub fn with<R>(&self, domain: u32, f: impl FnOnce(&mut FakeDomain) -> R) -> Option<R> {
        self.state.borrow_mut().domains.get_mut(&domain).map(f)
    }

    /// Only so many frames are left on the host.
    pub fn set_budget(&self, frames: Option<u64>) {
        self.state.borrow_mut().budget = frames;
    }

    /// Tables have only so many entries.
    pub fn set_table(&self, entries: Option<usize>) {
        self.state.borrow_mut().table = entries;
    }

    /// Numbers of the domains there are.
    pub fn domains(&self) -> Vec<u32> {
        self.state.borrow().domains.keys().copied().collect()
    }

    /// The ports that were rung since the last call.
    pub fn take_rung(&self) -> Vec<u32> {
        std::mem::take(&mut self.state.borrow_mut().rung)
    }

    /// Another monitor asks from here on.
    pub fn set_monitor(&self, name: u64) {
        self.state.borrow_mut().monitor = name;
    }

    /// Another monitor has the lock.
    pub fn set_locked(&self, locked: bool) {
        self.state.borrow_mut().locked = locked;
    }

    /// A monitor was killed.
    pub fn kill_monitor(&self, name: u64) {
        self.state.borrow_mut().dead.insert(name);
    }

    /// An operator's `xl destroy`.
    pub fn vanish(&self, domain: u32) {
        self.destroy(domain);
    }

    fn create(&self) -> u32 {
        let memory = memfd_create("fake-domain", MemfdFlags::CLOEXEC).expect("a memory file");
        ftruncate(&memory, FRAMES * PAGE as u64).expect("a size");
        let mut state = self.state.borrow_mut();
        state.last += 1;
        let domain = FakeDomain {
            memory,
            populated: BTreeSet::new(),
            pool: 256,
            entries: BTreeMap::new(),
            mapped: BTreeSet::new(),
            paused: true,
            shutdown: None,
        };
        let id = state.last;
        state.domains.insert(id, domain);
        id
    }

    fn table(&self, domain: u32, blocks: Option<Box<dyn Blocks>>) -> Box<dyn Grants> {
        Box::new(FakeGrants { fake: self.clone(), domain, blocks, ours: Vec::new(), given: BTreeSet::new() })
    }
}

struct FakeGrants {
    fake: Fake,
    domain: u32,
    /// Where others write the table too, and which blocks are ours then.
    blocks: Option<Box<dyn Blocks>>,
    ours: Vec<usize>,
    given: BTreeSet<u32>,
}

impl FakeGrants {
    /// A further block, of a table that is as long as `most`.
    fn grow(&mut self, most: usize) -> Result<(), Errno> {
        let blocks = self.blocks.as_ref().ok_or(Errno::ENOSPC)?;
        let block = blocks.claim().ok_or(Errno::ENOSPC)?;
        if block * BLOCK >= most {
            blocks.release(block);
            return Err(Errno::ENOSPC);
        }
        self.ours.push(block);
        Ok(())
    }

    /// The first of so many free entries in a row; none when the table is full, which is then as long as `most`.
    fn find(&self, count: u32, most: usize) -> Option<u32> {
        let there = |gref: u32| self.fake.with(self.domain, |d| d.entries.contains_key(&gref));
        let free = |gref: &u32| *gref >= 8 && there(*gref) == Some(false);
        let fits = |first: &u32| (*first..*first + count).all(|gref| free(&gref));
        if self.blocks.is_none() {
            return (self.given.len() + count as usize <= most).then(|| (8..).find(fits)).flatten();
        }
        let entries = self.ours.iter().flat_map(|block| (block * BLOCK) as u32..((block + 1) * BLOCK) as u32);
        entries.filter(|gref| (*gref as usize) < most).find(fits)
    }
}

impl Grants for FakeGrants {
    fn grant(&mut self, to: u32, gfns: &[u64], writable: bool) -> Result<u32, Errno> {
        let most = self.fake.state.borrow().table.unwrap_or(1 << 15);
        let count = gfns.len() as u32;
        let first = loop {
            if let Some(first) = self.find(count, most) {
                break first;
            }
            self.grow(most)?;
        };
        self.given.extend(first..first + count);
        let entry = |d: &mut FakeDomain| {
            d.entries.extend((first..).zip(gfns).map(|(gref, gfn)| (gref, (to, *gfn, writable))));
        };
        self.fake.with(self.domain, entry).ok_or(Errno::ESRCH)?;
        Ok(first)
    }
    fn end(&mut self, gref: u32) -> bool {
        let ended = self
            .fake
            .with(self.domain, |d| !d.mapped.contains(&gref) && d.entries.remove(&gref).is_some())
            .unwrap_or(true);
        if ended {
            self.given.remove(&gref);
        }
        ended
    }
    fn has_room(&mut self, count: usize) -> bool {
        let most = self.fake.state.borrow().table.unwrap_or(1 << 15);
        if self.given.len() + count > most {
            return false;
        }
        while self.blocks.is_some() && self.ours.len() * BLOCK < self.given.len() + count {
            if self.grow(most).is_err() {
                return false;
            }
        }
        true
    }
    fn in_use(&self) -> usize {
        self.given.len()
    }
    fn is_mapped(&self, gref: u32) -> bool {
        self.fake.with(self.domain, |d| d.mapped.contains(&gref)).unwrap_or(false)
    }
}

impl Hypervisor for Fake {
    fn create_holder(&self, _max: u64, common: bool) -> Result<u32, Errno> {
        let id = self.create();
        if common {
            let maker = self.monitor();
            self.state.borrow_mut().common = Some((id, maker));
        }
        Ok(id)
    }
    fn holder_table(&self, domain: u32) -> Result<Box<dyn Grants>, Errno> {
        Ok(self.table(domain, None))
    }
    fn common_holder(&self) -> Option<(u32, u64)> {
        let state = self.state.borrow();
        state.common.filter(|(id, _)| state.domains.contains_key(id))
    }
    fn common_table(&self, domain: u32, blocks: Box<dyn Blocks>) -> Box<dyn Grants> {
        self.table(domain, Some(blocks))
    }
    fn common_blocks(&self, _domain: u32) -> usize {
        self.state.borrow().table.unwrap_or(1 << 15) / BLOCK
    }
    fn clear_block(&self, domain: u32, block: usize) -> bool {
        let entries = (block * BLOCK) as u32..((block + 1) * BLOCK) as u32;
        self.with(domain, |d| {
            d.entries.retain(|gref, _| !entries.contains(gref) || d.mapped.contains(gref));
            d.entries.range(entries).next().is_none()
        })
        .unwrap_or(true)
    }
    fn locked(&self, f: &mut dyn FnMut()) -> bool {
        let free = !std::mem::replace(&mut self.state.borrow_mut().locked, true);
        if free {
            f();
            self.state.borrow_mut().locked = false;
        }
        free
    }
    fn monitor(&self) -> u64 {
        self.state.borrow().monitor
    }
    fn is_monitor(&self, name: u64) -> bool {
        !self.state.borrow().dead.contains(&name)
    }
    fn build(&self, _max: u64) -> Result<Built, Errno> {
        let id = self.create();
        let gfns: Vec<u64> = (DOOR_GFN..DOOR_GFN + DOOR_PAGES as u64).collect();
        self.populate(id, &gfns)?;
        let door = FakeWindow::new(self, DOOR_PAGES);
        door.map(0, id, &gfns)?;
        let grants = self.table(id, None);
        Ok(Built { domain: id, port: 1, door: Rc::new(door), grants, first_free_gfn: 0x200 })
    }
    fn tidy(&self) -> bool {
        false
    }
    fn unpause(&self, domain: u32) -> Result<(), Errno> {
        self.with(domain, |d| d.paused = false).ok_or(Errno::ESRCH)
    }
    fn pause(&self, domain: u32) -> Result<(), Errno> {
        self.with(domain, |d| d.paused = true).ok_or(Errno::ESRCH)
    }
    fn destroy(&self, domain: u32) {
        let mut state = self.state.borrow_mut();
        let Some(gone) = state.domains.remove(&domain) else { return };
        if let Some(budget) = &mut state.budget {
            *budget += gone.populated.len() as u64;
        }
        // What it had mapped of others is not mapped any more.
        for d in state.domains.values_mut() {
            let entries = &d.entries;
            d.mapped.retain(|gref| entries.get(gref).is_some_and(|e| e.0 != domain));
        }
    }
    fn rename(&self, _domain: u32, _name: &str) {}
    fn lives(&self, domain: u32) -> bool {
        self.state.borrow().domains.contains_key(&domain)
    }
    fn list(&self) -> Result<Vec<Status>, Errno> {
        let state = self.state.borrow();
        let status = |(id, d): (&u32, &FakeDomain)| Status {
            domain: *id,
            shutdown: d.shutdown,
            dying: false,
            pages: d.populated.len() as u64,
            cpu_ns: 0,
        };
        Ok(state.domains.iter().map(status).collect())
    }
    fn free_frames(&self) -> Result<u64, Errno> {
        Ok(self.state.borrow().budget.unwrap_or(FRAMES))
    }
    fn crash_report(&self, _domain: u32) -> String {
        "crashed".to_owned()
    }
    fn populate(&self, domain: u32, gfns: &[u64]) -> Result<(), Errno> {
        let mut state = self.state.borrow_mut();
        if let Some(budget) = &mut state.budget {
            if *budget < gfns.len() as u64 {
                return Err(Errno::ENOMEM);
            }
            *budget -= gfns.len() as u64;
        }
        let d = state.domains.get_mut(&domain).ok_or(Errno::ESRCH)?;
        if d.populated.len() / 512 >= d.pool as usize {
            return Err(Errno::ENOMEM);
        }
        for gfn in gfns {
            assert!(*gfn < FRAMES && d.populated.insert(*gfn), "populated twice, or too high");
        }
        Ok(())
    }
    fn depopulate(&self, domain: u32, gfns: &[u64]) {
        let freed = self.with(domain, |d| gfns.iter().filter(|gfn| d.populated.remove(gfn)).count());
        if let Some(budget) = &mut self.state.borrow_mut().budget {
            *budget += freed.unwrap_or(0) as u64;
        }
    }
    fn window(&self, pages: usize) -> Result<Rc<dyn Window>, Errno> {
        Ok(Rc::new(FakeWindow::new(self, pages)))
    }
    fn bind(&self, domain: u32, _port: u32) -> Result<u32, Errno> {
        Ok(domain + 1000)
    }
    fn restore(&self, domain: u32, frames: Range<u64>) -> Result<(), Errno> {
        if frames.start < CODE.start || CODE.end < frames.end {
            return Err(Errno::EINVAL);
        }
        let gfns: Vec<u64> = frames.collect();
        self.depopulate(domain, &gfns);
        self.populate(domain, &gfns)
    }
    fn set_pool(&self, domain: u32, pages: u32) -> Result<(), Errno> {
        self.with(domain, |d| d.pool = pages).ok_or(Errno::ESRCH)
    }
    fn unbound(&self, domain: u32, _to: u32) -> Result<u32, Errno> {
        let mut state = self.state.borrow_mut();
        state.ports += 1;
        Ok(domain + 2000 + state.ports)
    }
    fn ring(&self, port: u32) {
        self.state.borrow_mut().rung.push(port);
    }
    fn close(&self, _port: u32) {}
    fn rang(&self, ports: &mut Vec<u32>) {
        ports.extend(self.state.borrow().domains.keys().map(|id| id + 1000));
    }
    fn give_way(&self) {}
    fn fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
