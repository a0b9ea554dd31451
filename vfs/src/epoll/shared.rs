//! An epoll instance that several processes hold: from the first fork on (or when it is passed on otherwise) it is a
//! description, and the list of what it watches is the monitor's. Each member keeps items for the list, and brings them in
//! line when the published number of changes is another than it knows. As long as one process alone holds the instance its
//! items are the truth, nothing is asked or told, and the monitor gets the list again before the next fork.

use abi::errno::{Errno, SysResult};
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use protocol::Op;
use protocol::desc::DescInfo;
use protocol::epoll::{Entry, FIRST, LAST, MARKED, ask};
use zerocopy::{FromBytes, IntoBytes};

use super::Epoll;
use super::item::{Config, Item};
use crate::host::{Host, Watch};

/// How far this member and the monitor agree.
#[derive(Default)]
pub(super) struct Link {
    /// The monitor's list is, or was, ours.
    told: bool,
    /// Others held it when it was looked at last: what they reported is known to the monitor alone.
    others: bool,
    /// The changes up to which its list is known here.
    seen: u32,
    /// Changes made here that it does not know of.
    edits: u32,
}

impl Link {
    /// Changed here alone.
    pub fn edited(&mut self) {
        self.told = false;
        self.edits = self.edits.wrapping_add(1);
    }

    /// The list must be asked for.
    fn lose(&mut self) {
        self.seen = self.seen.wrapping_sub(1);
    }
}

/// Another process must not change the instance while this one tells or asks; so often it is tried anew.
const ATTEMPTS: usize = 8;
/// Entries that fit a request.
const AT_ONCE: usize = protocol::control::SLOT_DATA / size_of::<Entry>();

impl Watch for Epoll {
    fn changed(&self, host: &Host) {
        host.changed(self.key);
    }
    fn gone(&self) {}
}

impl Epoll {
    /// The instance behind a description.
    pub(crate) fn of_desc(host: &'static Host, info: DescInfo) -> Arc<Self> {
        let epoll = Self::new(host);
        epoll.state.lock().link.told = true;
        epoll.attach(info);
        epoll
    }

    fn attach(&self, info: DescInfo) {
        let mut fresh = false;
        self.shared.call_once(|| {
            fresh = true;
            info
        });
        if fresh {
            self.host.watch(info.object, self.watch());
        } else {
            // Another thread was faster. NOREPLY without data cannot fail.
            let _ = self.host.post(Op::Close, &[info.desc.into()], &[]);
        }
    }

    fn watch(&self) -> Weak<dyn Watch> {
        self.me.clone()
    }

    pub(super) fn detach(&self) {
        if let Some(info) = self.shared.get() {
            self.host.unwatch(info.object, &self.watch());
        }
    }

    /// The description, if other processes hold it too.
    pub(super) fn with_others(&self) -> Option<u32> {
        let desc = self.shared.get()?.desc;
        (self.host.desc_state(desc).holders > 1).then_some(desc)
    }

    /// Before others get hold of it: it is a description from here on, and the monitor has the list.
    pub(super) fn share_list(&self) -> SysResult<DescInfo> {
        if !self.shared.is_completed() {
            self.attach(self.host.call(Op::Epoll, &[ask::MAKE])?.get(0)?);
        }
        let info = *self.shared.get().ok_or(Errno::ENOMEM)?;
        self.tell(info.desc)?;
        self.state.lock().link.others = true;
        Ok(info)
    }

    /// Gives the monitor the list, unless it has it.
    fn tell(&self, desc: u32) -> SysResult<()> {
        for _ in 0..ATTEMPTS {
            let (told, edits) = {
                let s = self.state.lock();
                (s.link.told, s.link.edits)
            };
            if told {
                return Ok(());
            }
            let entries = self.entries();
            let mut rest = entries.as_slice();
            let mut which = FIRST;
            let changes = loop {
                let (now, later) = rest.split_at(rest.len().min(AT_ONCE));
                rest = later;
                which |= if rest.is_empty() { LAST } else { 0 };
                let answer =
                    self.host.call_with(Op::Epoll, &[ask::TELL, desc.into(), which], now.as_bytes())?;
                if rest.is_empty() {
                    break answer.value(0) as u32;
                }
                which = 0;
            };
            let mut s = self.state.lock();
            s.link.told = s.link.edits == edits;
            s.link.seen = changes;
        }
        Ok(())
    }

    /// What the monitor is to know of the items. Instances among them are shared as well.
    fn entries(&self) -> Vec<Entry> {
        let items = self.all();
        for file in items.iter().filter_map(|i| i.file()) {
            // What cannot be shared stays this member's.
            let _ = Self::of(&file).map(Self::share_list);
        }
        items.iter().filter_map(|i| i.entry()).collect()
    }

    /// Brings the items in line with the monitor's list, where others may have changed it.
    pub(super) fn sync(&self) {
        let Some(info) = self.shared.get() else { return };
        let now = self.host.desc_state(info.desc);
        let others = now.holders > 1;
        let (told, left, seen) = {
            let mut s = self.state.lock();
            let left = s.link.others && !others;
            s.link.others = others;
            (s.link.told, left, s.link.seen)
        };
        // Without memory at the monitor the items stay as they are for now.
        if told && (left || now.changes != seen) {
            let _ = self.fetch(info.desc);
        } else if !told && others {
            let _ = self.tell(info.desc);
        }
    }

    fn fetch(&self, desc: u32) -> SysResult<()> {
        for _ in 0..ATTEMPTS {
            let (mut entries, mut changes) = (Vec::new(), None);
            let whole = loop {
                let answer = self.host.call(Op::Epoll, &[ask::LIST, desc.into(), entries.len() as u64])?;
                let now = answer.value(0) as u32;
                if *changes.get_or_insert(now) != now {
                    break false;
                }
                let data = answer.to_vec();
                let part =
                    data.chunks_exact(size_of::<Entry>()).filter_map(|c| Entry::read_from_bytes(c).ok());
                entries.extend(part);
                if data.is_empty() || entries.len() as u64 >= answer.ret() {
                    break true;
                }
            };
            if let (true, Some(changes)) = (whole, changes) {
                self.apply(&entries, changes);
                return Ok(());
            }
        }
        Err(Errno::EAGAIN)
    }

    /// The items become what the list says.
    fn apply(&self, entries: &[Entry], changes: u32) {
        let keyed = |i: Arc<Item>| i.entry().map(|e| ((e.desc, e.fd), i));
        let mut known: BTreeMap<_, _> = self.all().into_iter().filter_map(keyed).collect();
        for entry in entries {
            match known.remove(&(entry.desc, entry.fd)) {
                Some(item) => {
                    let now = Config::of(entry);
                    let old = core::mem::replace(&mut *item.config.lock(), now);
                    if old != now {
                        self.offer(&item);
                    }
                }
                // What is closed meanwhile is not in the next list.
                None => {
                    if let Ok(item) = Item::lent(self.host, self.me.clone(), entry) {
                        self.insert(&item);
                        self.offer(&item);
                    }
                }
            }
        }
        known.values().for_each(|item| self.forget(item));
        self.state.lock().link.seen = changes;
    }

    /// Asks the monitor to add, change or remove an entry; what it was the answer for is then done here.
    pub(super) fn ask(&self, what: u64, desc: u32, entry: Entry) -> SysResult<()> {
        let changes = {
            let answer = self.host.call_with(Op::Epoll, &[what, desc.into()], entry.as_bytes())?;
            answer.value(0) as u32
        };
        let mut s = self.state.lock();
        if changes == s.link.seen.wrapping_add(1) {
            s.link.seen = changes;
        }
        Ok(())
    }

    /// True if this member may report the item: of several that see it ready at once one does.
    pub(super) fn may_report(&self, item: &Item) -> bool {
        if !item.once() {
            return true;
        }
        let ours = {
            let mut s = self.state.lock();
            let ours = !s.link.others;
            if ours {
                s.link.edited();
            }
            ours
        };
        let (Some(info), Some(entry), false) = (self.shared.get(), item.entry(), ours) else { return true };
        let entry = Entry { state: entry.state & MARKED, ..entry };
        self.host.call_with(Op::Epoll, &[ask::TAKE, info.desc.into()], entry.as_bytes()).is_ok()
    }

    /// The process has closed an item's file. Others may hold it still, and then it is watched on.
    pub(super) fn closed(&self, item: &Arc<Item>) {
        self.forget(item);
        let others = self.with_others().is_some();
        let mut s = self.state.lock();
        if others && s.link.told { s.link.lose() } else { s.link.edited() }
    }
}
