//! Open file descriptions: what is open, with which status flags, and which processes hold it.
//!
//! A process holds a description once, however many fds name it. A message on its way (SCM_RIGHTS) holds it too.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use abi::Errno;
use protocol::MAX_DESCS;
use protocol::family::DescState;

use crate::epoll::Epoll;
use crate::pidfd::PidFd;
use crate::published::FamilyRegion;
use crate::{fs, ipc, net, objects, streams};

/// What a description refers to; owned by the module named.
pub enum Body {
    Node(fs::OpenNode),
    INotify(fs::INotifyId),
    Pipe(objects::PipeEnd),
    EventFd(objects::EventFd),
    Socket(net::SocketId),
    Stream(streams::StreamId),
    Pty(streams::PtyEnd),
    PidFd(PidFd),
    MQueue(ipc::mqueue::MqId),
    Epoll(Epoll),
}

/// An open file description.
pub struct Desc {
    pub body: Body,
    /// Access mode and status flags, as F_GETFL gives them.
    pub flags: u32,
    generation: u32,
    holders: BTreeSet<u32>,
    /// Messages on their way that carry it.
    transit: u32,
    /// Epoll instances that watch it, by how many entries each.
    watchers: BTreeMap<u32, u32>,
}

/// All descriptions of a family.
pub struct DescTable {
    descs: Vec<Option<Desc>>,
    generations: Vec<u32>,
    free: Vec<u32>,
    held: BTreeMap<u32, BTreeSet<u32>>,
    published: Rc<FamilyRegion>,
}

impl DescTable {
    /// An empty table that publishes in `published`.
    pub fn new(published: Rc<FamilyRegion>) -> Self {
        // Number 0 is never given out, so that a zeroed record names nothing.
        Self { descs: vec![None], generations: vec![0], free: Vec::new(), held: BTreeMap::new(), published }
    }

    /// A new description held by `pid`. When the table is full (ENFILE) the body comes back for release.
    pub fn open(&mut self, pid: u32, body: Body, flags: u32) -> Result<u32, Box<(Errno, Body)>> {
        let n = match self.free.pop() {
            Some(n) => n,
            None if self.descs.len() < MAX_DESCS as usize => {
                self.descs.push(None);
                self.generations.push(0);
                self.descs.len() as u32 - 1
            }
            None => return Err(Box::new((Errno::ENFILE, body))),
        };
        let generation = self.generations[n as usize].wrapping_add(1);
        self.generations[n as usize] = generation;
        let holders = BTreeSet::from([pid]);
        let watchers = BTreeMap::new();
        self.descs[n as usize] = Some(Desc { body, flags, generation, holders, transit: 0, watchers });
        self.held.entry(pid).or_default().insert(n);
        self.publish(n);
        Ok(n)
    }

    fn publish(&self, n: u32) {
        let state = match self.slot(n) {
            Some(d) => DescState {
                flags: d.flags,
                holders: d.holders.len() as u32 + d.transit,
                generation: d.generation,
                changes: if let Body::Epoll(e) = &d.body { e.changes() } else { 0 },
            },
            None => DescState { generation: self.generations[n as usize], ..DescState::default() },
        };
        self.published.set_desc(n, state);
    }

    fn slot(&self, n: u32) -> Option<&Desc> {
        self.descs.get(n as usize)?.as_ref()
    }

    /// The description, whoever holds it.
    pub fn any(&self, n: u32) -> Option<&Desc> {
        self.slot(n)
    }

    /// The description, whoever holds it.
    pub fn any_mut(&mut self, n: u32) -> Option<&mut Desc> {
        self.descs.get_mut(n as usize)?.as_mut()
    }

    /// Changes when the number is used for another description.
    pub fn generation(&self, n: u32) -> u32 {
        self.generations.get(n as usize).copied().unwrap_or(0)
    }

    /// All descriptions with their numbers.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Desc)> {
        (0..).zip(&mut self.descs).filter_map(|(n, d)| Some((n, d.as_mut()?)))
    }

    /// The description, if `pid` holds it; EBADF otherwise.
    pub fn get(&self, n: u32, pid: u32) -> Result<&Desc, Errno> {
        self.slot(n).filter(|d| d.holders.contains(&pid)).ok_or(Errno::EBADF)
    }

    /// The description, if `pid` holds it; EBADF otherwise. Change flags through [`DescTable::set_flags`].
    pub fn get_mut(&mut self, n: u32, pid: u32) -> Result<&mut Desc, Errno> {
        self.any_mut(n).filter(|d| d.holders.contains(&pid)).ok_or(Errno::EBADF)
    }

    /// Status flags from now on.
    pub fn set_flags(&mut self, n: u32, flags: u32) {
        if let Some(d) = self.any_mut(n) {
            d.flags = flags;
            self.publish(n);
        }
    }

    /// `pid` holds the description from now on.
    pub fn hold(&mut self, n: u32, pid: u32) {
        if let Some(d) = self.any_mut(n) {
            d.holders.insert(pid);
            self.held.entry(pid).or_default().insert(n);
            self.publish(n);
        }
    }

    /// A message carries the description from now on.
    pub fn hold_transit(&mut self, n: u32) {
        if let Some(d) = self.any_mut(n) {
            d.transit += 1;
            self.publish(n);
        }
    }

    /// A message no longer carries it; gives the body for release when that was the last reference.
    pub fn drop_transit(&mut self, n: u32) -> Option<Body> {
        let d = self.any_mut(n)?;
        d.transit = d.transit.saturating_sub(1);
        self.after_drop(n)
    }

    /// `pid` no longer holds it; gives the body for release when that was the last reference.
    pub fn drop_holder(&mut self, n: u32, pid: u32) -> Option<Body> {
        if !self.any_mut(n)?.holders.remove(&pid) {
            return None;
        }
        if let Some(set) = self.held.get_mut(&pid) {
            set.remove(&n);
            if set.is_empty() {
                self.held.remove(&pid);
            }
        }
        self.after_drop(n)
    }

    fn after_drop(&mut self, n: u32) -> Option<Body> {
        let d = self.slot(n)?;
        let last = d.holders.is_empty() && d.transit == 0;
        let gone = if last { self.descs[n as usize].take() } else { None };
        if let Some(gone) = &gone {
            self.free.push(n);
            self.unlink(n, gone);
        }
        self.publish(n);
        gone.map(|d| d.body)
    }

    /// A description is no more: instances that watched it forget it, and it watches nothing.
    fn unlink(&mut self, n: u32, gone: &Desc) {
        for watcher in gone.watchers.keys() {
            if let Some(Body::Epoll(epoll)) = self.any_mut(*watcher).map(|d| &mut d.body) {
                epoll.forget(n);
                self.publish(*watcher);
            }
        }
        if let Body::Epoll(epoll) = &gone.body {
            epoll.watched().for_each(|watched| self.unwatch(watched, n));
        }
    }

    /// The epoll instance `epoll` has one more entry for the description.
    pub fn watch(&mut self, n: u32, epoll: u32) {
        if let Some(d) = self.any_mut(n) {
            *d.watchers.entry(epoll).or_default() += 1;
        }
    }

    /// It has one less.
    pub fn unwatch(&mut self, n: u32, epoll: u32) {
        let Some(d) = self.any_mut(n) else { return };
        if let Some(count) = d.watchers.get_mut(&epoll) {
            *count -= 1;
            if *count == 0 {
                d.watchers.remove(&epoll);
            }
        }
    }

    /// Descriptions know of exactly those epoll entries that there are.
    #[cfg(test)]
    pub fn watchers_are_sound(&self) -> bool {
        let (mut listed, mut known) = (BTreeMap::<(u32, u32), u32>::new(), BTreeMap::new());
        for (n, d) in (0..).zip(&self.descs).filter_map(|(n, d)| Some((n, d.as_ref()?))) {
            if let Body::Epoll(epoll) = &d.body {
                epoll.watched().for_each(|of| *listed.entry((of, n)).or_default() += 1);
            }
            known.extend(d.watchers.iter().map(|(epoll, count)| ((n, *epoll), *count)));
        }
        listed == known
    }

    /// What is published of it is another now.
    pub fn republish(&self, n: u32) {
        self.publish(n);
    }

    /// On whose behalf `pid` may ask whether the description is ready: its own if it holds it, a holder's if it holds an epoll
    /// instance that watches it.
    pub fn holder_for(&self, n: u32, pid: u32) -> Option<u32> {
        let d = self.slot(n)?;
        if d.holders.contains(&pid) {
            return Some(pid);
        }
        self.audience(n).contains(&pid).then(|| d.holders.first().copied())?
    }

    /// Who hears of what happens to the description: its holders, and those of the epoll instances that watch it.
    pub fn audience(&self, n: u32) -> BTreeSet<u32> {
        let (mut all, mut seen, mut next) = (BTreeSet::new(), BTreeSet::from([n]), vec![n]);
        while let Some(d) = next.pop().map(|n| self.slot(n)) {
            let Some(d) = d else { continue };
            all.extend(d.holders.iter().copied());
            next.extend(d.watchers.keys().copied().filter(|w| seen.insert(*w)));
        }
        all
    }

    /// What `pid` holds.
    pub fn held_by(&self, pid: u32) -> Vec<u32> {
        self.held.get(&pid).map(|s| s.iter().copied().collect()).unwrap_or_default()
    }

    /// Processes that hold `n`.
    pub fn holders(&self, n: u32) -> impl Iterator<Item = u32> {
        self.slot(n).into_iter().flat_map(|d| d.holders.iter().copied())
    }

    /// Holders plus messages on their way.
    pub fn references(&self, n: u32) -> u32 {
        self.slot(n).map_or(0, |d| d.holders.len() as u32 + d.transit)
    }

    /// `child` holds all that `parent` holds.
    pub fn fork(&mut self, parent: u32, child: u32) {
        for n in self.held_by(parent) {
            self.hold(n, child);
        }
    }
}
