//! Epoll instances that several processes hold, epoll(7): what they watch. Who waits is each member's own affair; the list
//! is here, so that what one process adds the others see, and an entry ends with the last reference to its file.

use std::collections::BTreeMap;

use abi::Errno;
use abi::fs::{O_RDWR, S_IRUSR, S_IWUSR};
use abi::poll::EpollEvents;
use protocol::desc::{DescInfo, Kind};
use protocol::epoll::{DISABLED, Entry, FIRST, LAST, MARKED, MAX_ENTRIES, ask};
use zerocopy::{FromBytes, IntoBytes};

use crate::call::{Answer, Call, OpResult};
use crate::descs::Body;
use crate::family::Family;
use crate::objects::{ANON_DEV, ANON_INO};
use crate::ops::descs::info as told_of;

struct Watched {
    entry: Entry,
    /// Not told again yet by whoever is telling the whole list anew.
    stale: bool,
}

/// An instance.
pub struct Epoll {
    object: u32,
    list: BTreeMap<(u32, i32), Watched>,
    changes: u32,
}

impl Epoll {
    /// Changes with the list.
    pub fn changes(&self) -> u32 {
        self.changes
    }

    /// Its event.
    pub fn object(&self) -> u32 {
        self.object
    }

    /// The descriptions that it watches, each once for each entry.
    pub fn watched(&self) -> impl Iterator<Item = u32> {
        self.list.keys().map(|(desc, _)| *desc)
    }

    /// A description is no more.
    pub fn forget(&mut self, desc: u32) {
        self.list.retain(|(of, _), _| *of != desc);
        self.changed();
    }

    fn changed(&mut self) {
        self.changes = self.changes.wrapping_add(1);
    }

    /// The instance's entry that `entry` names may be reported by the caller: EAGAIN when another has done so.
    fn take(&mut self, entry: &Entry) -> Result<(), Errno> {
        let known = &mut self.list.get_mut(&(entry.desc, entry.fd)).ok_or(Errno::ENOENT)?.entry;
        let told = entry.state & known.state & MARKED != 0 && entry.mark == known.mark;
        if known.state & DISABLED != 0 || told {
            return Err(Errno::EAGAIN);
        }
        known.mark = entry.mark;
        known.state = entry.state & MARKED;
        if EpollEvents::from_bits_retain(known.events).contains(EpollEvents::EPOLLONESHOT) {
            known.state |= DISABLED;
        }
        Ok(())
    }
}

/// What members are told of an instance.
pub fn info(epoll: &Epoll) -> DescInfo {
    DescInfo {
        kind: Kind::Epoll as u32,
        object: epoll.object,
        mode: S_IRUSR | S_IWUSR,
        ino: ANON_INO,
        dev: ANON_DEV,
        ..DescInfo::default()
    }
}

/// `Op::Epoll`.
pub fn handle(fam: &mut Family, call: &Call) -> OpResult {
    if call.arg(0) == ask::MAKE {
        let object = fam.objects.alloc()?;
        let body = Body::Epoll(Epoll { object, list: BTreeMap::new(), changes: 1 });
        let desc = fam.open_desc(call.pid, body, O_RDWR)?;
        return Ok(Answer::default().with_struct(&told_of(fam, desc)));
    }
    let desc = call.arg32(1)?;
    if call.arg(0) == ask::LIST {
        return list(fam, call, desc);
    }
    of(fam, desc, call.pid)?;
    match call.arg(0) {
        ask::TELL => tell(fam, call, desc)?,
        ask::TAKE => of(fam, desc, call.pid)?.take(&one(call)?)?,
        ask::ADD => add(fam, call, desc)?,
        ask::CHANGE => {
            let entry = one(call)?;
            let known =
                of(fam, desc, call.pid)?.list.get_mut(&(entry.desc, entry.fd)).ok_or(Errno::ENOENT)?;
            known.entry = Entry { state: 0, ..entry };
        }
        ask::REMOVE => {
            let entry = one(call)?;
            of(fam, desc, call.pid)?.list.remove(&(entry.desc, entry.fd)).ok_or(Errno::ENOENT)?;
            fam.descs.unwatch(entry.desc, desc);
        }
        _ => return Err(Errno::EINVAL),
    }
    if call.arg(0) != ask::TAKE {
        of(fam, desc, call.pid)?.changed();
        fam.descs.republish(desc);
        announce(fam, call, desc);
    }
    Ok(Answer::default().with_ret(0, of(fam, desc, call.pid)?.changes.into()))
}

/// The instance, if `pid` holds it.
fn of(fam: &mut Family, desc: u32, pid: u32) -> Result<&mut Epoll, Errno> {
    match &mut fam.descs.get_mut(desc, pid)?.body {
        Body::Epoll(epoll) => Ok(epoll),
        _ => Err(Errno::EINVAL),
    }
}

/// The request's one entry.
fn one(call: &Call) -> Result<Entry, Errno> {
    Entry::read_from_bytes(call.data).map_err(|_| Errno::EINVAL)
}

fn add(fam: &mut Family, call: &Call, desc: u32) -> Result<(), Errno> {
    let entry = one(call)?;
    fam.descs.get(entry.desc, call.pid)?;
    let epoll = of(fam, desc, call.pid)?;
    if epoll.list.contains_key(&(entry.desc, entry.fd)) {
        return Err(Errno::EEXIST);
    }
    if epoll.list.len() >= MAX_ENTRIES {
        return Err(Errno::ENOSPC);
    }
    epoll.list.insert((entry.desc, entry.fd), Watched { entry: Entry { state: 0, ..entry }, stale: false });
    fam.descs.watch(entry.desc, desc);
    Ok(())
}

/// The whole list from the one process that held the instance until now. What it may not watch is left out.
fn tell(fam: &mut Family, call: &Call, desc: u32) -> Result<(), Errno> {
    if call.arg(2) & FIRST != 0 {
        of(fam, desc, call.pid)?.list.values_mut().for_each(|w| w.stale = true);
    }
    for raw in call.data.chunks(size_of::<Entry>()) {
        let entry = Entry::read_from_bytes(raw).map_err(|_| Errno::EINVAL)?;
        if fam.descs.holder_for(entry.desc, call.pid).is_none() {
            continue;
        }
        let epoll = of(fam, desc, call.pid)?;
        if epoll.list.len() >= MAX_ENTRIES {
            return Err(Errno::ENOSPC);
        }
        let entry = Entry { state: entry.state & (DISABLED | MARKED), ..entry };
        if epoll.list.insert((entry.desc, entry.fd), Watched { entry, stale: false }).is_none() {
            fam.descs.watch(entry.desc, desc);
        }
    }
    if call.arg(2) & LAST != 0 {
        let gone = of(fam, desc, call.pid)?.list.extract_if(.., |_, w| w.stale);
        let gone: Vec<u32> = gone.map(|((of, _), _)| of).collect();
        gone.into_iter().for_each(|of| fam.descs.unwatch(of, desc));
    }
    Ok(())
}

/// Entries for who holds the instance, or watches it by another.
fn list(fam: &mut Family, call: &Call, desc: u32) -> OpResult {
    let holder = fam.descs.holder_for(desc, call.pid).ok_or(Errno::EBADF)?;
    let epoll = of(fam, desc, holder)?;
    let skip = usize::try_from(call.arg(2)).map_err(|_| Errno::EINVAL)?;
    let room = protocol::control::SLOT_DATA / size_of::<Entry>();
    let mut data = Vec::new();
    epoll.list.values().skip(skip).take(room).for_each(|w| data.extend_from_slice(w.entry.as_bytes()));
    Ok(Answer::value(epoll.list.len()).with_data(data).with_ret(0, epoll.changes.into()))
}

/// Wakes the other members that hold or watch the instance: what they wait for may be another now.
fn announce(fam: &Family, call: &Call, desc: u32) {
    let Some(Body::Epoll(epoll)) = fam.descs.any(desc).map(|d| &d.body) else { return };
    let slots =
        fam.descs.audience(desc).into_iter().filter_map(|pid| fam.procs.get(pid).ok()).map(|p| p.slot);
    slots.filter(|slot| *slot != call.slot).for_each(|slot| fam.notify(slot, epoll.object));
}
