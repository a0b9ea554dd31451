//! The Xen backend's state: the holder, the domains of the family, and a pool of warm shells.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use abi::Errno;
use anyhow::Result;
use protocol::control::REGION_SIZE;
use protocol::xen::{
    DO_START, Header, MAGIC, POOL_PAGES, START_CONTROL, START_FAMILY, START_MONITOR, StartPages,
};
use protocol::{PROTOCOL_VERSION, events};
use zerocopy::IntoBytes;

use super::clone::Clones;
use super::domain::{Domain, Role};
use super::door::Door;
use super::grantor::Granted;
use super::holder::Holder;
use super::hyper::{Hypervisor, Status};
use super::memory::Memory;
use super::pages::{PAGE, Pages};
use super::ports::Ports;
use super::tokens::Tokens;
use super::touches::{Told, Touches};
use crate::backend::{Ended, Place};
use crate::config::Config;
use crate::mapping::Mapped;
use crate::regions::Backing;

/// Shells that are kept warm.
pub(super) const WARM: usize = 2;
/// After a failure to build a shell, how long until the next attempt in an idle moment.
const PAUSE: Duration = Duration::from_secs(1);
/// Names told at one look.
const NAMES_AT_ONCE: usize = 8;
/// Frames that a member may have when the user set no limit.
const DEFAULT_FRAMES: u64 = 0x4_0000;
/// Frames that the holder may have.
const HOLDER_FRAMES: u64 = 0x40_0000;
/// Pages of a slot's part of the events region.
const OWN_EVENTS: u64 = (events::SLOT_SIZE / PAGE) as u64;

/// The backend.
pub struct Host {
    pub(super) hyper: Rc<dyn Hypervisor>,
    pub(super) holder: Rc<Holder>,
    pub(super) ports: Rc<Ports>,
    pub(super) name: String,
    /// By number.
    pub(super) domains: BTreeMap<u32, Domain>,
    /// By our end of the channel.
    pub(super) by_port: BTreeMap<u32, u32>,
    /// Shells with their control regions.
    pool: VecDeque<(u32, Rc<Pages>)>,
    pub(super) tokens: Tokens,
    pub(super) clones: Clones,
    /// Clones that have not been told yet to begin.
    pub(super) unrung: Vec<u32>,
    /// Members that are to be ended: noted where only `&self` is at hand.
    pub(super) doomed: RefCell<Vec<u32>>,
    /// Ends of members that the family has not been told of.
    pub(super) ended: Vec<(Place, Ended)>,
    /// Crashes that the user has not been told of.
    pub(super) crashes: Vec<(Place, String)>,
    /// Members that have said that they are over: they are ended in idle moments.
    pub(super) leaving: VecDeque<u32>,
    /// Slots whose part of the events region is there.
    ready: BTreeSet<u32>,
    /// Domains whose doors are looked at without a ring.
    pub(super) watched: Vec<u32>,
    /// Domains that have notices and were not rung.
    pub(super) unheard: BTreeSet<u32>,
    /// Names that `xl` is to show, told in idle moments.
    pub(super) renames: VecDeque<(u32, String)>,
    /// As many of them have waited since the last look.
    waited: usize,
    pub(super) memory: Memory,
    /// The books were found to be wrong, and that was told.
    pub(super) wrong: bool,
    pub(super) next_look: Instant,
    /// When members may next be told to let go of pages.
    pub(super) next_shed: Instant,
    /// The holder is gone, and the family with it.
    pub(super) broken: bool,
    pub(super) max_frames: u64,
    shells: u32,
    failed: Option<Instant>,
}

impl Host {
    /// Opens Xen, removes what dead monitors left, and makes the holder.
    pub fn new(config: &Config) -> Result<Self> {
        let hyper = super::real::open(&config.kernel)?;
        Self::with(hyper, config).map_err(|e| anyhow::anyhow!("cannot make a holder domain: {}", e.message()))
    }

    /// A backend over some hypervisor.
    pub(super) fn with(hyper: Rc<dyn Hypervisor>, config: &Config) -> Result<Self, Errno> {
        let holder = Holder::new(hyper.clone(), HOLDER_FRAMES)?;
        let holder_id = holder.domain();
        let max_frames = match config.memory {
            0 => DEFAULT_FRAMES,
            bytes => bytes.div_ceil(PAGE as u64).max(0x1000),
        };
        Ok(Self {
            ports: Rc::new(Ports::new(hyper.clone())),
            hyper,
            holder,
            name: config.name.clone(),
            domains: BTreeMap::new(),
            by_port: BTreeMap::new(),
            pool: VecDeque::new(),
            tokens: Tokens::default(),
            clones: Clones::default(),
            unrung: Vec::new(),
            doomed: RefCell::default(),
            ended: Vec::new(),
            crashes: Vec::new(),
            leaving: VecDeque::new(),
            ready: BTreeSet::new(),
            watched: Vec::new(),
            unheard: BTreeSet::new(),
            renames: VecDeque::from([(holder_id, format!("{}.holder", config.name))]),
            waited: 0,
            memory: Memory::default(),
            wrong: false,
            next_look: Instant::now() + super::end::LOOK_EVERY,
            next_shed: Instant::now(),
            broken: false,
            max_frames,
            shells: 0,
            failed: None,
        })
    }

    /// The holder.
    pub fn holder(&self) -> Rc<Holder> {
        self.holder.clone()
    }

    /// The channels to members.
    pub fn ports(&self) -> Rc<Ports> {
        self.ports.clone()
    }

    /// One step of what can be done in an idle moment; false when there is nothing to do. Shells come before names, which
    /// members that soon end never get.
    pub fn refill(&mut self) -> bool {
        let resting = self.failed.is_some_and(|at| at.elapsed() < PAUSE);
        if self.pool.len() < WARM && !resting {
            match self.build() {
                Ok((id, control)) => {
                    self.shells += 1;
                    self.renames.push_back((id, format!("{}.shell-{}", self.name, self.shells)));
                    self.pool.push_back((id, control));
                }
                // The next member's start will meet and report the same failure.
                Err(_) => self.failed = Some(Instant::now()),
            }
            return true;
        }
        self.hyper.tidy() || self.name_one()
    }

    /// Tells one name; false when there is none to tell.
    fn name_one(&mut self) -> bool {
        let Some((id, name)) = self.renames.pop_front() else { return false };
        self.waited = self.waited.saturating_sub(1);
        // A later name makes this one moot.
        let lives = self.domains.contains_key(&id) || id == self.holder.domain();
        if lives && !self.renames.iter().any(|(later, _)| *later == id) {
            self.hyper.rename(id, &name);
        }
        true
    }

    /// Makes the pages of the events region that the next members will have, whose slots these are; false when they are there.
    pub(super) fn ready_slots(&mut self, slots: impl Iterator<Item = u32>, events: &Backing) -> bool {
        let Some(pages) = events.pages() else { return false };
        let fresh: Vec<u32> = slots.filter(|slot| !self.ready.contains(slot)).collect();
        for slot in &fresh {
            let own = (events::slot_base(*slot) / PAGE) as u64;
            pages.bring(own + OWN_EVENTS, own..own + OWN_EVENTS);
            // The next member's start will meet and report a failure.
            let _ = (0..OWN_EVENTS).try_for_each(|i| pages.frame(own + i, true).map(drop));
            self.ready.insert(*slot);
        }
        !fresh.is_empty()
    }

    /// Where there is never an idle moment, names of domains that live on are told all the same.
    pub(super) fn name_late(&mut self) {
        for _ in 0..self.waited.min(NAMES_AT_ONCE) {
            self.name_one();
        }
        self.waited = self.renames.len();
    }

    /// Whether something is left for idle moments.
    pub fn has_chores(&self) -> bool {
        let later = self.pool.len() < WARM || !self.leaving.is_empty() || !self.renames.is_empty();
        later || !self.unrung.is_empty()
    }

    /// A shell that runs, and its control region.
    pub fn take_shell(&mut self) -> Result<(Backing, Rc<Mapped>, u32), Errno> {
        self.has_memory()?;
        let warm = loop {
            match self.pool.pop_front() {
                // An operator may have destroyed it.
                Some((id, _)) if !self.hyper.lives(id) => self.destroy(id),
                other => break other,
            }
        };
        let (id, control) = warm.map_or_else(|| self.build(), Ok)?;
        let view = Rc::new(Mapped::of_pages(control.clone()));
        Ok((Backing::Held(control), view, id))
    }

    fn has_memory(&mut self) -> Result<(), Errno> {
        let alive = self.domains.values().any(|d| matches!(d.role, Role::Member(_)));
        let room = self.holder.has_room();
        if !room {
            self.make_room(None);
        }
        self.memory.check(&*self.hyper, room, alive)
    }

    fn build(&mut self) -> Result<(u32, Rc<Pages>), Errno> {
        self.has_memory()?;
        let control = Pages::memory(&self.holder, REGION_SIZE as u64)?;
        for page in START_CONTROL {
            control.frame(page, true)?;
        }
        let built = self.hyper.build(self.max_frames)?;
        let id = built.domain;
        let port = self.hyper.bind(id, built.port).inspect_err(|_| self.hyper.destroy(id))?;
        let door = Door::new(built.door);
        door.write_header(&Header {
            magic: MAGIC,
            version: PROTOCOL_VERSION,
            domid: id,
            port: built.port,
            max_frames: self.max_frames,
            first_free_gfn: built.first_free_gfn,
        });
        let domain = Domain {
            id,
            role: Role::Shell,
            port,
            door,
            grants: built.grants,
            stuck: Vec::new(),
            granted: Granted::default(),
            copying: Vec::new(),
            control: Some(control.clone()),
            busy: false,
            is_ready: false,
            settling: false,
            peers: Vec::new(),
            pool: POOL_PAGES,
            fetches: 0,
            touches: Touches::default(),
            told: Told::default(),
            notices: VecDeque::new(),
        };
        self.domains.insert(id, domain);
        self.by_port.insert(port, id);
        self.failed = None;
        // It asks as soon as it is up.
        self.watch(id);
        self.hyper.unpause(id).inspect_err(|_| self.destroy(id))?;
        Ok((id, control))
    }

    /// The shell is to become the member at `place`, whose control region this is.
    fn settle(&mut self, shell: u32, role: Role, control: &Backing) -> Result<(), Errno> {
        let domain = self.domains.get_mut(&shell).ok_or(Errno::EAGAIN)?;
        let (place, control) = (role.place().ok_or(Errno::EINVAL)?, control.pages().ok_or(Errno::EINVAL)?);
        domain.role = role;
        domain.control = Some(control.clone());
        self.ports.set(place.slot, domain.port);
        self.renames.push_back((shell, format!("{}.{}", self.name, place.slot)));
        Ok(())
    }

    /// The shell waits to become a clone.
    pub fn reserve(&mut self, shell: u32, place: Place, control: &Backing) -> Result<(), Errno> {
        self.settle(shell, Role::Reserved(place), control)
    }

    /// Starts the program that the control region names.
    pub fn start(
        &mut self,
        shell: u32,
        place: Place,
        control: &Backing,
        events: &Backing,
    ) -> Result<(), Errno> {
        self.settle(shell, Role::Member(place), control)?;
        let data = self.start_pages(shell, events, 0)?;
        let domain = self.domains.get(&shell).ok_or(Errno::EAGAIN)?;
        if !domain.door.command(DO_START, [0; 6], &data) {
            return Err(Errno::EAGAIN);
        }
        self.hyper.ring(domain.port);
        Ok(())
    }

    /// Grants consecutive pages to a domain, and adds the references to `data`.
    fn grant_pages(
        &mut self,
        to: u32,
        pages: &Pages,
        indices: impl IntoIterator<Item = u64>,
        write: bool,
        data: &mut Vec<u8>,
    ) -> Result<(), Errno> {
        let domain = self.domains.get_mut(&to).ok_or(Errno::EAGAIN)?;
        for page in indices {
            let frame = pages.frame(page, write)?;
            data.extend_from_slice(domain.granted.add(to, &frame, write)?.as_bytes());
        }
        Ok(())
    }

    /// The pages that every member needs, whatever it becomes, granted to a shell.
    pub(super) fn ready_pages(
        &mut self,
        shell: u32,
        family: &Backing,
        events: &Backing,
    ) -> Result<Vec<u8>, Errno> {
        let domain = self.domains.get(&shell).filter(|d| !d.is_ready).ok_or(Errno::EACCES)?;
        let control = domain.control.clone().ok_or(Errno::EINVAL)?;
        let (family, events) = (family.pages().ok_or(Errno::EINVAL)?, events.pages().ok_or(Errno::EINVAL)?);
        let monitor = (events::slot_base(protocol::MONITOR_SLOT) / PAGE) as u64;
        let mut data = Vec::new();
        family.bring(START_FAMILY, 0..START_FAMILY);
        events.bring(monitor + START_MONITOR, monitor..monitor + START_MONITOR);
        self.grant_pages(shell, &control, START_CONTROL, true, &mut data)?;
        self.grant_pages(shell, family, 0..START_FAMILY, false, &mut data)?;
        self.grant_pages(shell, events, monitor..monitor + START_MONITOR, true, &mut data)?;
        if let Some(domain) = self.domains.get_mut(&shell) {
            domain.is_ready = true;
        }
        Ok(data)
    }

    /// The pages that a member needs in its slot, granted to the domain: [`StartPages`] and the references.
    pub(super) fn start_pages(
        &mut self,
        shell: u32,
        events: &Backing,
        copied: u32,
    ) -> Result<Vec<u8>, Errno> {
        let domain = self.domains.get(&shell).ok_or(Errno::EAGAIN)?;
        let place = domain.role.place().ok_or(Errno::EINVAL)?;
        let events = events.pages().ok_or(Errno::EINVAL)?;
        let own = (events::slot_base(place.slot) / PAGE) as u64;
        let own_events = OWN_EVENTS as u32;
        events.bring(own + OWN_EVENTS, own..own + OWN_EVENTS);
        let mut data = StartPages { slot: place.slot, own_events, copied }.as_bytes().to_vec();
        self.grant_pages(shell, events, own..own + OWN_EVENTS, true, &mut data)?;
        Ok(data)
    }

    /// Makes the member enter its kernel.
    pub fn kick(&self, id: u32) {
        if let Some(domain) = self.domains.get(&id) {
            self.hyper.ring(domain.port);
        }
    }

    /// Ends a member; the family hears of it as of every end.
    pub fn kill(&self, id: u32) {
        // It does nothing more from here on. A failure means that it is gone already.
        let _ = self.hyper.pause(id);
        self.doomed.borrow_mut().push(id);
    }

    /// What Xen says of a domain, and how many pages of the holder it has.
    pub fn figures(&self, id: u32) -> Option<(Status, usize)> {
        let granted = self.domains.get(&id)?.granted.len();
        let status = self.hyper.list().ok()?.into_iter().find(|s| s.domain == id)?;
        Some((status, granted))
    }

    /// The shells of the pool.
    pub(super) fn pooled(&self) -> impl Iterator<Item = u32> {
        self.pool.iter().map(|(id, _)| *id)
    }

    /// Does without a warm shell for a while; false when there is none.
    pub(super) fn shrink_pool(&mut self) -> bool {
        self.memory.is_short();
        self.failed = Some(Instant::now());
        let shell = self.pool.back().map(|(id, _)| *id);
        shell.inspect(|id| self.destroy(*id)).is_some()
    }

    /// Takes the shell out of the pool if it is there.
    pub(super) fn unpool(&mut self, id: u32) {
        self.pool.retain(|(shell, _)| *shell != id);
    }
}
