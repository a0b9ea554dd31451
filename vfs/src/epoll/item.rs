//! What an epoll instance watches: one file as one descriptor names it.

use core::sync::atomic::{AtomicBool, Ordering};

use abi::errno::SysResult;
use abi::poll::{EpollEvent, EpollEvents, PollEvents};
use alloc::sync::{Arc, Weak};
use platform::sync::{Mutex, Rank};
use protocol::Op;
use protocol::desc::DescInfo;
use protocol::epoll::{DISABLED, Entry, MARKED};

use super::Epoll;
use crate::file::{Keys, OpenFile};
use crate::host::{Host, Watch};

/// What is asked of the file, and what was told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Config {
    pub events: EpollEvents,
    pub data: u64,
    /// Reported once and not armed anew (EPOLLONESHOT).
    pub disabled: bool,
    /// The file's edge mark when it was reported last (EPOLLET).
    pub mark: Option<u64>,
}

impl Config {
    /// As epoll_ctl(2) gives it.
    pub fn new(event: EpollEvent) -> Self {
        let events = EpollEvents::from_bits_retain(event.events);
        Self { events, data: event.data, disabled: false, mark: None }
    }

    /// As the monitor's list has it.
    pub fn of(entry: &Entry) -> Self {
        Self {
            events: EpollEvents::from_bits_retain(entry.events),
            data: entry.data,
            disabled: entry.state & DISABLED != 0,
            mark: (entry.state & MARKED != 0).then_some(entry.mark),
        }
    }

    fn want(&self) -> PollEvents {
        self.events.poll_events() | PollEvents::POLLERR | PollEvents::POLLHUP
    }
}

/// The file of an item.
enum Target {
    /// One that the process holds.
    Held(Weak<OpenFile>),
    /// One that another process added and this one does not hold, and the generation of its description.
    Lent(Arc<OpenFile>, u32),
}

/// One watched file.
pub(super) struct Item {
    host: &'static Host,
    /// Descriptor number, and the open file's address.
    pub id: (i32, usize),
    target: Target,
    epoll: Weak<Epoll>,
    me: Weak<Item>,
    pub config: Mutex<Config>,
    keys: Mutex<Keys>,
    queued: AtomicBool,
    /// Becomes ready by time.
    pub timed: bool,
}

impl Item {
    /// An item for a file that the process holds.
    pub fn held(
        host: &'static Host,
        epoll: Weak<Epoll>,
        fd: i32,
        file: &Arc<OpenFile>,
        config: Config,
    ) -> Arc<Self> {
        let item = Self::make(
            host,
            epoll,
            Self::id(fd, file),
            file.timed(),
            Target::Held(Arc::downgrade(file)),
            config,
        );
        file.watched_by(item.watch());
        item.sync_keys(file);
        item
    }

    /// An item for what another process has added.
    pub fn lent(host: &'static Host, epoll: Weak<Epoll>, entry: &Entry) -> SysResult<Arc<Self>> {
        let generation = host.desc_state(entry.desc).generation;
        let info: DescInfo = host.call(Op::DescInfo, &[entry.desc.into()])?.get(0)?;
        let file = OpenFile::new(host, info, None, false);
        file.give_away();
        let target = Target::Lent(file.clone(), generation);
        let id = Self::id(entry.fd, &file);
        let item = Self::make(host, epoll, id, file.timed(), target, Config::of(entry));
        item.sync_keys(&file);
        Ok(item)
    }

    fn id(fd: i32, file: &Arc<OpenFile>) -> (i32, usize) {
        (fd, Arc::as_ptr(file).addr())
    }

    fn make(
        host: &'static Host,
        epoll: Weak<Epoll>,
        id: (i32, usize),
        timed: bool,
        target: Target,
        config: Config,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            host,
            id,
            target,
            epoll,
            me: me.clone(),
            config: Mutex::new(Rank::Leaf, config),
            keys: Mutex::new(Rank::Leaf, Keys::default()),
            queued: AtomicBool::new(false),
            timed,
        })
    }

    /// The file, unless it is closed.
    pub fn file(&self) -> Option<Arc<OpenFile>> {
        match &self.target {
            Target::Held(file) => file.upgrade(),
            Target::Lent(file, generation) => {
                let now = self.host.desc_state(file.known_desc());
                (now.holders > 0 && now.generation == *generation).then(|| file.clone())
            }
        }
    }

    /// True if `file` is what it watches.
    pub fn is_for(&self, file: &Arc<OpenFile>) -> bool {
        match &self.target {
            Target::Held(held) => core::ptr::eq(held.as_ptr(), Arc::as_ptr(file)),
            Target::Lent(lent, _) => lent.known_desc() == file.known_desc(),
        }
    }

    /// What the monitor is told of it; `None` for a file that no other member can have.
    pub fn entry(&self) -> Option<Entry> {
        let desc = self.file()?.known_desc();
        let c = *self.config.lock();
        let state = if c.disabled { DISABLED } else { 0 } | if c.mark.is_some() { MARKED } else { 0 };
        let (events, mark) = (c.events.bits(), c.mark.unwrap_or(0));
        (desc != 0).then_some(Entry { fd: self.id.0, desc, events, state, data: c.data, mark })
    }

    fn watch(&self) -> Weak<dyn Watch> {
        self.me.clone()
    }

    /// Registers for what the file's keys are now; they change when a socket is connected.
    fn sync_keys(&self, file: &OpenFile) {
        let now = file.keys();
        let old = core::mem::replace(&mut *self.keys.lock(), now);
        if now != old {
            old.as_slice().iter().for_each(|k| self.host.unwatch(*k, &self.watch()));
            now.as_slice().iter().for_each(|k| self.host.watch(*k, self.watch()));
        }
    }

    /// It hears of its file no longer.
    pub fn unregister(&self) {
        if let Target::Held(file) = &self.target
            && let Some(file) = file.upgrade()
        {
            file.not_watched_by(&self.watch());
        }
        self.unwatch();
    }

    fn unwatch(&self) {
        let old = core::mem::take(&mut *self.keys.lock());
        old.as_slice().iter().for_each(|k| self.host.unwatch(*k, &self.watch()));
    }

    /// Puts the item on its instance's ready list.
    pub fn queue(&self, epoll: &Epoll) {
        if !self.queued.swap(true, Ordering::SeqCst)
            && let Some(me) = self.me.upgrade()
        {
            epoll.state.lock().ready.push_back(me);
        }
    }

    /// It was taken from the list.
    pub fn dequeued(&self) {
        self.queued.store(false, Ordering::SeqCst);
    }

    /// The events to report now. What is not ready gets armed.
    pub fn look(&self, file: &OpenFile) -> Option<EpollEvent> {
        let config = *self.config.lock();
        if config.disabled {
            return None;
        }
        let want = config.want();
        let exclusive = config.events.contains(EpollEvents::EPOLLEXCLUSIVE);
        let edge = config.events.contains(EpollEvents::EPOLLET);
        self.sync_keys(file);
        let ready = file.poll(want, exclusive) & want;
        if ready.is_empty() {
            return None;
        }
        let mark = if edge { file.edge(want) } else { None };
        if edge {
            file.arm(want);
            if mark.is_some() && mark == config.mark {
                return None;
            }
        }
        let mut config = self.config.lock();
        config.mark = mark;
        config.disabled = config.events.contains(EpollEvents::EPOLLONESHOT);
        Some(EpollEvent { events: EpollEvents::from(ready).bits(), data: config.data })
    }

    /// True if it has something to report. Tells nobody that it was.
    pub fn is_ready(&self) -> bool {
        let Some(file) = self.file() else { return false };
        let config = *self.config.lock();
        !config.disabled && file.poll(config.want(), false).intersects(config.want())
    }

    /// True if it is reported as long as it is ready.
    pub fn level(&self) -> bool {
        let c = self.config.lock();
        !c.disabled && !c.events.contains(EpollEvents::EPOLLET)
    }

    /// True if only one of those who wait may have a report of it.
    pub fn once(&self) -> bool {
        let c = self.config.lock();
        c.mark.is_some() || c.events.contains(EpollEvents::EPOLLONESHOT)
    }
}

impl Watch for Item {
    fn changed(&self, host: &Host) {
        let Some(epoll) = self.epoll.upgrade() else { return };
        if self.config.lock().disabled {
            return;
        }
        self.queue(&epoll);
        host.changed(epoll.key);
    }

    fn gone(&self) {
        if let (Some(epoll), Some(me)) = (self.epoll.upgrade(), self.me.upgrade()) {
            epoll.closed(&me);
        }
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.unwatch();
    }
}
