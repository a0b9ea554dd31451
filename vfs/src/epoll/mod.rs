//! epoll(7): an instance watches open files through items; an item whose file's key was woken joins the ready list, and is
//! looked at when somebody waits.
//!
//! An item is keyed by descriptor number and open file, so that a duplicated descriptor is another item and a closed one
//! that is still open elsewhere in the process goes on being watched, as on Linux. What several processes hold is one
//! instance: see [`shared`].

mod item;
#[cfg(test)]
mod model;
mod shared;
#[cfg(test)]
mod tests;

use core::any::Any;

use abi::errno::{Errno, SysResult};
use abi::poll::{EPOLL_MAX_NESTS, EpollEvent, EpollEvents, PollEvents};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use platform::sync::{Mutex, Rank};
use protocol::desc::DescInfo;
use protocol::epoll::{Entry, ask};

use self::item::{Config, Item};
use self::shared::Link;
use crate::file::{LocalFile, OpenFile};
use crate::host::Host;

#[derive(Default)]
struct State {
    items: BTreeMap<(i32, usize), Arc<Item>>,
    ready: VecDeque<Arc<Item>>,
    timed: usize,
    epoch: u32,
    link: Link,
}

/// An instance.
pub struct Epoll {
    host: &'static Host,
    key: u32,
    me: Weak<Epoll>,
    state: Mutex<State>,
    /// The description that others hold it by.
    shared: spin::Once<DescInfo>,
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
            shared: spin::Once::new(),
        })
    }

    /// The instance behind an open file; EINVAL if it is none.
    pub fn of(file: &OpenFile) -> SysResult<&Self> {
        file.as_local().and_then(|l| l.as_any().downcast_ref()).ok_or(Errno::EINVAL)
    }

    fn all(&self) -> Vec<Arc<Item>> {
        self.state.lock().items.values().cloned().collect()
    }

    fn find(&self, fd: i32, file: &Arc<OpenFile>) -> SysResult<Arc<Item>> {
        let s = self.state.lock();
        let mut of_fd = s.items.range((fd, 0)..=(fd, usize::MAX)).map(|(_, i)| i);
        of_fd.find(|i| i.is_for(file)).cloned().ok_or(Errno::ENOENT)
    }

    fn insert(&self, item: &Arc<Item>) {
        let mut s = self.state.lock();
        if s.items.insert(item.id, item.clone()).is_none() {
            s.timed += usize::from(item.timed);
        }
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

    /// What the other holders' kernels know a file by, if there are others and it is not this member's alone.
    fn entry(&self, fd: i32, file: &OpenFile, event: EpollEvent) -> Option<(u32, Entry)> {
        let desc = self.with_others()?;
        file.recall();
        let watched = file.known_desc();
        let entry = Entry { fd, desc: watched, events: event.events, data: event.data, ..Entry::default() };
        (watched != 0).then_some((desc, entry))
    }

    /// The list is changed here alone. Who held the instance too until just now may have changed it before.
    fn edit(&self) {
        self.sync();
        self.state.lock().link.edited();
    }

    /// EPOLL_CTL_ADD.
    pub fn add(&self, fd: i32, file: &Arc<OpenFile>, event: EpollEvent) -> SysResult<()> {
        self.sync();
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
        if self.find(fd, file).is_ok() {
            return Err(Errno::EEXIST);
        }
        match self.entry(fd, file, event) {
            Some((desc, entry)) => self.ask(ask::ADD, desc, entry)?,
            None => self.edit(),
        }
        let item = Item::held(self.host, self.me.clone(), fd, file, Config::new(event));
        self.insert(&item);
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
        self.sync();
        let item = self.find(fd, file)?;
        let config = Config::new(event);
        if (item.config.lock().events | config.events).contains(EpollEvents::EPOLLEXCLUSIVE) {
            return Err(Errno::EINVAL);
        }
        match self.entry(fd, file, event) {
            Some((desc, entry)) => self.ask(ask::CHANGE, desc, entry)?,
            None => self.edit(),
        }
        *item.config.lock() = config;
        self.offer(&item);
        Ok(())
    }

    /// EPOLL_CTL_DEL.
    pub fn remove(&self, fd: i32, file: &Arc<OpenFile>) -> SysResult<()> {
        self.sync();
        let item = self.find(fd, file)?;
        match self.entry(fd, file, EpollEvent::default()) {
            Some((desc, entry)) => self.ask(ask::REMOVE, desc, entry)?,
            None => self.edit(),
        }
        self.forget(&item);
        Ok(())
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
        let mut longest = level;
        for file in self.all().iter().filter_map(|i| i.file()) {
            if let Ok(inner) = Self::of(&file) {
                longest = longest.max(inner.depth(outer, level + 1)?);
            }
        }
        Ok(longest)
    }

    /// Items that may be ready without an event: all of them after a fork, those that time makes ready always.
    fn refill(&self) {
        self.sync();
        let (timed, forked) = {
            let mut s = self.state.lock();
            let epoch = core::mem::replace(&mut s.epoch, self.host.epoch());
            (s.timed > 0, epoch != self.host.epoch())
        };
        if timed || forked {
            self.all().iter().filter(|i| forked || i.timed).for_each(|i| i.queue(self));
        }
    }

    /// Reports up to `max` ready files to `emit`; how many. An error of `emit` counts only if it is the first's.
    pub fn collect(&self, max: usize, emit: &mut dyn FnMut(EpollEvent) -> SysResult<()>) -> SysResult<usize> {
        self.refill();
        let (mut found, mut rounds) = (0, self.state.lock().ready.len());
        while found < max && rounds > 0 {
            rounds -= 1;
            let Some(item) = self.state.lock().ready.pop_front() else { break };
            item.dequeued();
            let Some(file) = item.file() else {
                self.forget(&item);
                continue;
            };
            let Some(event) = item.look(&file).filter(|_| self.may_report(&item)) else { continue };
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
        if self.state.lock().timed == 0 {
            return None;
        }
        self.all().iter().filter(|i| i.timed).filter_map(|i| i.file()?.deadline()).min()
    }

    /// What fdinfo shows of the watched files, a line each.
    pub fn describe(&self) -> alloc::string::String {
        use core::fmt::Write;
        self.sync();
        let mut text = alloc::string::String::new();
        for item in self.all() {
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
        let any = ready.iter().any(|item| item.is_ready());
        if any { PollEvents::POLLIN | PollEvents::POLLRDNORM } else { PollEvents::empty() }
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
    fn shared(&self) -> Option<&DescInfo> {
        self.shared.get()
    }
    fn share(&self) -> SysResult<DescInfo> {
        self.share_list()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        self.detach();
    }
}
