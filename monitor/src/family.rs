//! The family: everything that its monitor knows.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use abi::Errno;
use protocol::EV_RETRY;
use protocol::ring::{Ring, Side};

use crate::backend::Backend;
use crate::clients::Clients;
use crate::clock;
use crate::config::Config;
use crate::descs::{Body, DescTable};
use crate::events::{Bell, EventsRegion};
use crate::futex::FutexTable;
use crate::members::MemberTable;
use crate::object_table::ObjectTable;
use crate::poller::Poller;
use crate::procs::{Effect, ProcTable};
use crate::published::FamilyRegion;
use crate::regions::{Memory, RegionId, RegionTable};
use crate::report::Trace;
use crate::retry::{RetryKey, RetryList};
use crate::{fs, ipc, net, objects, streams};

/// A family.
pub struct Family {
    pub config: Config,
    pub procs: ProcTable,
    pub members: MemberTable,
    pub descs: DescTable,
    pub regions: RegionTable,
    pub objects: ObjectTable,
    pub events: EventsRegion,
    pub published: Rc<FamilyRegion>,
    pub poller: Poller,
    pub retry: RetryList,
    /// What handlers asked for beyond their answer: carried out after each request or host event.
    pub effects: Vec<Effect>,
    pub futexes: FutexTable,
    pub backend: Backend,
    /// Other commands of the user that are connected.
    pub clients: Clients,
    /// Where trace lines go.
    pub trace: Trace,
    /// Calls answered ENOSYS, by number.
    pub unknown: BTreeMap<u32, u64>,
    /// uname's node and domain name.
    pub hostname: Vec<u8>,
    pub domainname: Vec<u8>,
    /// The first program stopped: the command stops as well, for the user's shell to see.
    pub suspended: bool,
    /// Wait status of the first program, when it has ended.
    pub ended: Option<u32>,
    pub started: Instant,
    pub fs: fs::Server,
    pub pipes: objects::Server,
    pub net: net::Server,
    pub streams: streams::Server,
    pub ipc: ipc::Server,
    pub mqueues: ipc::mqueue::Server,
}

impl Family {
    /// An empty family: no member, nothing open.
    pub fn new(config: Config) -> anyhow::Result<Self> {
        let parts = Backend::new(&config)?;
        Self::over(config, parts)
    }

    /// An empty family over a backend, the memory of its regions, and how its sleepers are woken.
    pub(crate) fn over(
        config: Config,
        (backend, memory, bell): (Backend, Memory, Bell),
    ) -> anyhow::Result<Self> {
        let no_room = |e: Errno| anyhow::anyhow!("cannot make the family's memory: {}", e.message());
        let published = Rc::new(FamilyRegion::new(&memory).map_err(no_room)?);
        let mut fam = Self {
            fs: fs::Server::new(&config)?,
            net: net::Server::new(&config)?,
            streams: streams::Server::new(&config)?,
            ipc: ipc::Server::default(),
            mqueues: ipc::mqueue::Server::default(),
            pipes: objects::Server::default(),
            procs: ProcTable::default(),
            members: MemberTable::default(),
            descs: DescTable::new(published.clone()),
            regions: RegionTable::new(memory.clone()),
            objects: ObjectTable::default(),
            events: EventsRegion::new(&memory, bell).map_err(no_room)?,
            poller: Poller::new()?,
            retry: RetryList::default(),
            effects: Vec::new(),
            futexes: FutexTable::default(),
            backend,
            clients: Clients::default(),
            trace: Trace::new(config.trace.as_ref())?,
            unknown: BTreeMap::new(),
            hostname: config.hostname.clone().into_bytes(),
            domainname: b"(none)".to_vec(),
            suspended: false,
            ended: None,
            started: Instant::now(),
            published,
            config,
        };
        net::start(&mut fam)?;
        Ok(fam)
    }

    /// Nanoseconds since the host's start, as CLOCK_BOOTTIME has it for members too; proc_uptime(5).
    pub fn uptime_ns(&self) -> u64 {
        clock::boot_ns()
    }

    /// A new description held by `pid`; on failure the body is released.
    pub fn open_desc(&mut self, pid: u32, body: Body, flags: u32) -> Result<u32, Errno> {
        self.descs.open(pid, body, flags).map_err(|refused| {
            let (errno, body) = *refused;
            self.release(body);
            errno
        })
    }

    /// `pid` closes a description: the last holder's close releases it.
    pub fn close_desc(&mut self, desc: u32, pid: u32) {
        fs::closing(self, desc, pid);
        ipc::mqueue::closing(self, desc, pid);
        if let Some(body) = self.descs.drop_holder(desc, pid) {
            self.release(body);
        }
    }

    /// A message that carried `desc` was received or thrown away.
    pub fn close_transit(&mut self, desc: u32) {
        if let Some(body) = self.descs.drop_transit(desc) {
            self.release(body);
        }
    }

    /// Nobody refers to it any more.
    pub fn release(&mut self, body: Body) {
        match body {
            Body::Node(node) => fs::release_node(self, node),
            Body::INotify(id) => fs::release_inotify(self, id),
            Body::Pipe(end) => objects::release_pipe(self, end),
            Body::EventFd(e) => objects::release_eventfd(self, e),
            Body::Socket(id) => net::release(self, id),
            Body::Stream(id) => streams::release(self, id),
            Body::Pty(end) => streams::release_pty(self, end),
            Body::PidFd(p) => self.objects.free(p.object),
            Body::MQueue(id) => ipc::mqueue::release(self, id),
            Body::Epoll(e) => self.objects.free(e.object()),
        }
    }

    /// Marks `event` pending for member `slot`.
    pub fn notify(&self, slot: u32, event: u32) {
        self.events.post(slot, event);
    }

    /// Tells those who wait on one side of a ring that `object` changed.
    pub fn wake_ring(&mut self, region: RegionId, ring_off: usize, cap: u32, object: u32, side: Side) {
        if let Ok(view) = self.regions.view(region) {
            Ring::new(&*view, ring_off, cap).take_waiters(side, |slot| {
                self.events.post(slot, object);
            });
        }
    }

    /// What `key` names changed: everyone who was answered EAGAIN for it may try again.
    pub fn retry_all(&mut self, key: RetryKey) {
        for slot in self.retry.take(key) {
            self.notify(slot, EV_RETRY);
        }
    }
}
