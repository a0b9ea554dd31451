//! epoll(7): an instance watches open files through items; an item whose file's key was woken joins the ready list, and is
//! looked at when somebody waits.
//!
//! An item is keyed by descriptor number and open file, so that a duplicated descriptor is another item and a closed one
//! that is still open elsewhere in the process goes on being watched, as on Linux. After a fork the child has a private
//! copy of the instance (Linux: the same instance; programs make their own).

use core::any::Any;
use core::sync::atomic::{AtomicBool, Ordering};

use abi::errno::{Errno, SysResult};
use abi::poll::{EPOLL_MAX_NESTS, EpollEvent, EpollEvents, PollEvents};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use platform::sync::{Mutex, Rank};

use crate::file::{Keys, LocalFile, OpenFile};
use crate::host::{Host, Watch};

#[derive(Clone, Copy)]
struct Config {
    events: EpollEvents,
    data: u64,
    /// Reported once and not armed anew (EPOLLONESHOT).
    disabled: bool,
    /// The file's edge mark when it was reported last (EPOLLET).
    mark: Option<u64>,
}

/// One watched file.
struct Item {
    host: &'static Host,
    id: (i32, usize),
    file: Weak<OpenFile>,
    epoll: Weak<Epoll>,
    me: Weak<Item>,
    config: Mutex<Config>,
    keys: Mutex<Keys>,
    queued: AtomicBool,
    /// Becomes ready by time.
    timed: bool,
}

#[derive(Default)]
struct State {
    items: BTreeMap<(i32, usize), Arc<Item>>,
    ready: VecDeque<Arc<Item>>,
    timed: usize,
    epoch: u32,
}

/// An instance.
pub struct Epoll {
    host: &'static Host,
    key: u32,
    me: Weak<Epoll>,
    state: Mutex<State>,
}

impl Item {
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

    fn unregister(&self) {
        let old = core::mem::take(&mut *self.keys.lock());
        old.as_slice().iter().for_each(|k| self.host.unwatch(*k, &self.watch()));
    }

    /// Puts the item on its instance's ready list.
    fn queue(&self, epoll: &Epoll) {
        if !self.queued.swap(true, Ordering::SeqCst)
            && let Some(me) = self.me.upgrade()
        {
            epoll.state.lock().ready.push_back(me);
        }
    }

    /// The events to report now. What is not ready gets armed.
    fn look(&self, file: &OpenFile) -> Option<EpollEvent> {
        let config = *self.config.lock();
        if config.disabled {
            return None;
        }
        let want = config.events.poll_events() | PollEvents::POLLERR | PollEvents::POLLHUP;
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

    fn level(&self) -> bool {
        let c = self.config.lock();
        !c.disabled && !c.events.contains(EpollEvents::EPOLLET)
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
            epoll.forget(&me);
        }
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.unregister();
    }
}

impl Epoll {
    /// An instance that watches nothing.
    pub fn new(host: &'static Host) -> Arc<Self> {
        let state = State { epoch: host.epoch(), ..State::default() };
        Arc::new_cyclic(|me| Self {
            host,
            key: host.local_key(),
            me: me.clone(),
            state: Mutex::new(Rank::Epoll, state),
        })
    }

    /// The instance behind an open file; EINVAL if it is none.
    pub fn of(file: &OpenFile) -> SysResult<&Self> {
        file.as_local().and_then(|l| l.as_any().downcast_ref()).ok_or(Errno::EINVAL)
    }

    fn id(fd: i32, file: &Arc<OpenFile>) -> (i32, usize) {
        (fd, Arc::as_ptr(file).addr())
    }

    fn item(&self, fd: i32, file: &Arc<OpenFile>) -> SysResult<Arc<Item>> {
        self.state.lock().items.get(&Self::id(fd, file)).cloned().ok_or(Errno::ENOENT)
    }

    /// EPOLL_CTL_ADD.
    pub fn add(&self, fd: i32, file: &Arc<OpenFile>, event: EpollEvent) -> SysResult<()> {
        let events = EpollEvents::from_bits_retain(event.events);
        let nested = Self::of(file).ok();
        if events.contains(EpollEvents::EPOLLEXCLUSIVE)
            && (nested.is_some() || !EpollEvents::EXCLUSIVE_OK.contains(events))
        {
            return Err(Errno::EINVAL);
        }
        if let Some(inner) = nested {
            self.check_nesting(inner)?;
        }
        let id = Self::id(fd, file);
        let config = Config { events, data: event.data, disabled: false, mark: None };
        let timed = file.timed();
        let item = Arc::new_cyclic(|me: &Weak<Item>| Item {
            host: self.host,
            id,
            file: Arc::downgrade(file),
            epoll: self.me.clone(),
            me: me.clone(),
            config: Mutex::new(Rank::Leaf, config),
            keys: Mutex::new(Rank::Leaf, Keys::default()),
            queued: AtomicBool::new(false),
            timed,
        });
        {
            let mut s = self.state.lock();
            if s.items.contains_key(&id) {
                return Err(Errno::EEXIST);
            }
            s.items.insert(id, item.clone());
            s.timed += usize::from(timed);
        }
        file.watched_by(item.watch());
        item.sync_keys(file);
        self.offer(&item);
        Ok(())
    }

    /// Lets whoever waits look at an item that is new or changed.
    fn offer(&self, item: &Item) {
        item.queue(self);
        self.host.changed(self.key);
    }

    /// EPOLL_CTL_MOD.
    pub fn modify(&self, fd: i32, file: &Arc<OpenFile>, event: EpollEvent) -> SysResult<()> {
        let item = self.item(fd, file)?;
        let events = EpollEvents::from_bits_retain(event.events);
        {
            let mut config = item.config.lock();
            if (config.events | events).contains(EpollEvents::EPOLLEXCLUSIVE) {
                return Err(Errno::EINVAL);
            }
            *config = Config { events, data: event.data, disabled: false, mark: None };
        }
        self.offer(&item);
        Ok(())
    }

    /// EPOLL_CTL_DEL.
    pub fn remove(&self, fd: i32, file: &Arc<OpenFile>) -> SysResult<()> {
        let item = self.item(fd, file)?;
        file.not_watched_by(&item.watch());
        self.forget(&item);
        Ok(())
    }

    fn forget(&self, item: &Arc<Item>) {
        item.unregister();
        let mut s = self.state.lock();
        if s.items.get(&item.id).is_some_and(|i| Arc::ptr_eq(i, item)) {
            s.items.remove(&item.id);
            s.timed -= usize::from(item.timed);
        }
        s.ready.retain(|i| !Arc::ptr_eq(i, item));
    }

    /// ELOOP when watching `inner` would make a circle or too long a chain.
    fn check_nesting(&self, inner: &Epoll) -> SysResult<()> {
        if core::ptr::eq(self, inner) {
            return Err(Errno::EINVAL);
        }
        if inner.depth(self, 1)? > EPOLL_MAX_NESTS { Err(Errno::ELOOP) } else { Ok(()) }
    }

    /// Longest chain of instances from here on; ELOOP when `outer` is in one.
    fn depth(&self, outer: &Epoll, level: usize) -> SysResult<usize> {
        if core::ptr::eq(self, outer) || level > EPOLL_MAX_NESTS {
            return Err(Errno::ELOOP);
        }
        let files: Vec<_> = self.state.lock().items.values().filter_map(|i| i.file.upgrade()).collect();
        let mut longest = level;
        for file in files {
            if let Ok(inner) = Self::of(&file) {
                longest = longest.max(inner.depth(outer, level + 1)?);
            }
        }
        Ok(longest)
    }

    /// Items that may be ready without an event: all of them after a fork, those that time makes ready always.
    fn refill(&self) {
        let (timed, forked) = {
            let mut s = self.state.lock();
            let epoch = core::mem::replace(&mut s.epoch, self.host.epoch());
            (s.timed > 0, epoch != self.host.epoch())
        };
        if timed || forked {
            let all: Vec<_> = self.state.lock().items.values().cloned().collect();
            all.iter().filter(|i| forked || i.timed).for_each(|i| i.queue(self));
        }
    }

    /// Reports up to `max` ready files to `emit`; how many. An error of `emit` counts only if it is the first's.
    pub fn collect(&self, max: usize, emit: &mut dyn FnMut(EpollEvent) -> SysResult<()>) -> SysResult<usize> {
        self.refill();
        let (mut found, mut rounds) = (0, self.state.lock().ready.len());
        while found < max && rounds > 0 {
            rounds -= 1;
            let Some(item) = self.state.lock().ready.pop_front() else { break };
            item.queued.store(false, Ordering::SeqCst);
            let Some(file) = item.file.upgrade() else {
                self.forget(&item);
                continue;
            };
            let Some(event) = item.look(&file) else { continue };
            if item.level() {
                item.queue(self);
            }
            if let Err(e) = emit(event) {
                item.queue(self);
                return if found > 0 { Ok(found) } else { Err(e) };
            }
            found += 1;
        }
        Ok(found)
    }

    /// When the next timed file becomes ready.
    fn next_deadline(&self) -> Option<u64> {
        let s = self.state.lock();
        if s.timed == 0 {
            return None;
        }
        let files: Vec<_> = s.items.values().filter(|i| i.timed).filter_map(|i| i.file.upgrade()).collect();
        drop(s);
        files.iter().filter_map(|f| f.deadline()).min()
    }

    /// What fdinfo shows of the watched files, a line each.
    pub fn describe(&self) -> alloc::string::String {
        use core::fmt::Write;
        let mut text = alloc::string::String::new();
        for item in self.state.lock().items.values() {
            let c = item.config.lock();
            // Writing to a string cannot fail.
            let _ =
                writeln!(text, "tfd: {:8} events: {:8x} data: {:16x}", item.id.0, c.events.bits(), c.data);
        }
        text
    }
}

impl LocalFile for Epoll {
    fn poll(&self, _host: &Host) -> PollEvents {
        self.refill();
        let ready: Vec<_> = self.state.lock().ready.iter().cloned().collect();
        for item in ready {
            let Some(file) = item.file.upgrade() else { continue };
            let config = *item.config.lock();
            let want = config.events.poll_events() | PollEvents::POLLERR | PollEvents::POLLHUP;
            if !config.disabled && file.poll(want, false).intersects(want) {
                return PollEvents::POLLIN | PollEvents::POLLRDNORM;
            }
        }
        PollEvents::empty()
    }
    fn key(&self) -> u32 {
        self.key
    }
    fn timed(&self) -> bool {
        true
    }
    fn deadline(&self, _host: &Host) -> Option<u64> {
        self.next_deadline()
    }
    fn name(&self) -> &'static str {
        "[eventpoll]"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
