//! File descriptors of a process.

use core::sync::atomic::{AtomicBool, Ordering};

use abi::errno::{Errno, SysResult};
use alloc::sync::Arc;
use alloc::vec::Vec;
use platform::sync::{Mutex, Rank};
use protocol::Op;
use protocol::boot::BootFd;
use protocol::desc::Kind;

use crate::file::OpenFile;
use crate::host::Host;

#[derive(Clone)]
struct Entry {
    file: Arc<OpenFile>,
    cloexec: bool,
}

#[derive(Default)]
struct Slots {
    list: Vec<Option<Entry>>,
    /// No number below this is free.
    full: usize,
}

impl Slots {
    fn lowest(&mut self, min: usize) -> usize {
        let from = min.max(self.full);
        let at =
            (from..self.list.len()).find(|i| self.list[*i].is_none()).unwrap_or(self.list.len().max(min));
        if min <= self.full {
            self.full = at;
        }
        at
    }

    fn put(&mut self, at: usize, entry: Entry) -> Option<Entry> {
        if at >= self.list.len() {
            self.list.resize(at + 1, None);
        }
        self.list[at].replace(entry)
    }

    fn take(&mut self, at: usize) -> Option<Entry> {
        let old = self.list.get_mut(at).and_then(Option::take);
        self.full = self.full.min(at);
        old
    }

    fn get(&self, fd: i32) -> SysResult<&Entry> {
        let entry = usize::try_from(fd).ok().and_then(|i| self.list.get(i)).and_then(Option::as_ref);
        entry.ok_or(Errno::EBADF)
    }
}

/// Descriptor numbers to open files. Shared by threads (CLONE_FILES).
pub struct FdTable {
    slots: Mutex<Slots>,
    /// The process has taken record locks: closing any descriptor of a file drops them (fcntl(2)).
    locks: AtomicBool,
}

impl Default for FdTable {
    fn default() -> Self {
        Self { slots: Mutex::new(Rank::FdTable, Slots::default()), locks: AtomicBool::new(false) }
    }
}

impl FdTable {
    /// The file behind a descriptor; EBADF.
    pub fn get(&self, fd: i32) -> SysResult<Arc<OpenFile>> {
        self.slots.lock().get(fd).map(|e| e.file.clone())
    }

    /// Puts a file at the lowest free number from `min` on. EMFILE when that is `limit` (RLIMIT_NOFILE) or above.
    pub fn insert(&self, min: i32, file: Arc<OpenFile>, cloexec: bool, limit: u64) -> SysResult<i32> {
        let mut slots = self.slots.lock();
        let at = slots.lowest(min as usize);
        if at as u64 >= limit.min(i32::MAX as u64) {
            // The file may be closed by its drop, which must not happen with the table locked.
            drop(slots);
            return Err(Errno::EMFILE);
        }
        slots.put(at, Entry { file, cloexec });
        Ok(at as i32)
    }

    /// EMFILE if [`FdTable::insert`] would say so for `n` files: asked before something is created.
    pub fn room(&self, n: usize, limit: u64) -> SysResult<()> {
        let mut slots = self.slots.lock();
        let lowest = slots.lowest(0);
        let taken = |i: &usize| slots.list.get(*i).is_some_and(Option::is_some);
        let last = (lowest..).filter(|i| !taken(i)).nth(n.saturating_sub(1)).unwrap_or(lowest);
        if last as u64 >= limit.min(i32::MAX as u64) { Err(Errno::EMFILE) } else { Ok(()) }
    }

    /// Puts a file at a number, closing what was there. EBADF beyond the limit.
    pub fn insert_at(&self, fd: i32, file: Arc<OpenFile>, cloexec: bool, limit: u64) -> SysResult<()> {
        let at = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        if at as u64 >= limit {
            return Err(Errno::EBADF);
        }
        let old = self.slots.lock().put(at, Entry { file, cloexec });
        if let Some(old) = old {
            self.closed(&old.file);
        }
        Ok(())
    }

    /// close(2).
    pub fn remove(&self, fd: i32) -> SysResult<()> {
        let at = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        let old = self.slots.lock().take(at).ok_or(Errno::EBADF)?;
        self.closed(&old.file);
        Ok(())
    }

    /// What closing a descriptor does beside giving the number back; never with the table locked.
    fn closed(&self, file: &OpenFile) {
        if file.kind() == Kind::File && self.locks.load(Ordering::Relaxed) {
            let whole = [u64::from(file.desc()), u64::from(abi::fs::F_SETLK), abi::fs::F_UNLCK as u64, 0, 0];
            // A file on which there was no lock has none afterwards either.
            let _ = file.host().call(Op::Lock, &whole);
        }
    }

    /// The process has taken a record lock.
    pub fn note_lock(&self) {
        self.locks.store(true, Ordering::Relaxed);
    }

    /// The open file that stands for a description, if there is one.
    pub fn find(&self, desc: u32) -> Option<Arc<OpenFile>> {
        let slots = self.slots.lock();
        slots.list.iter().flatten().find(|e| e.file.known_desc() == desc).map(|e| e.file.clone())
    }

    /// FD_CLOEXEC of a descriptor.
    pub fn cloexec(&self, fd: i32) -> SysResult<bool> {
        self.slots.lock().get(fd).map(|e| e.cloexec)
    }

    /// Sets FD_CLOEXEC of a descriptor.
    pub fn set_cloexec(&self, fd: i32, on: bool) -> SysResult<()> {
        let mut slots = self.slots.lock();
        let entry = usize::try_from(fd).ok().and_then(|i| slots.list.get_mut(i)).and_then(Option::as_mut);
        entry.map(|e| e.cloexec = on).ok_or(Errno::EBADF)
    }

    /// Takes the entries in a range of numbers for which `which` holds.
    fn take_where(&self, first: usize, last: usize, which: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let mut slots = self.slots.lock();
        let end = last.saturating_add(1).min(slots.list.len());
        let chosen = (first..end).filter(|i| slots.list[*i].as_ref().is_some_and(&which));
        let chosen: Vec<usize> = chosen.collect();
        chosen.into_iter().filter_map(|i| slots.take(i)).collect()
    }

    /// close_range(2): closes the open descriptors from `first` to `last`, or marks them.
    pub fn range(&self, first: u32, last: u32, cloexec: bool) {
        if cloexec {
            let mut slots = self.slots.lock();
            let end = (last as usize).saturating_add(1).min(slots.list.len());
            let marked = slots.list.get_mut(first as usize..end).unwrap_or_default();
            marked.iter_mut().flatten().for_each(|e| e.cloexec = true);
            return;
        }
        let gone = self.take_where(first as usize, last as usize, |_| true);
        gone.iter().for_each(|e| self.closed(&e.file));
    }

    /// The open descriptors.
    pub fn list(&self) -> Vec<i32> {
        let slots = self.slots.lock();
        (0..slots.list.len()).filter(|i| slots.list[*i].is_some()).map(|i| i as i32).collect()
    }

    /// The monitor's descriptions behind the open descriptors, as `Op::Holdings` lists them.
    pub fn holdings(&self) -> Vec<u8> {
        let slots = self.slots.lock();
        let held = slots.list.iter().flatten().map(|e| e.file.known_desc()).filter(|d| *d != 0);
        held.flat_map(u32::to_le_bytes).collect()
    }

    /// How many descriptors are open.
    pub fn count(&self) -> usize {
        self.slots.lock().list.iter().flatten().count()
    }

    /// At exec: closes the descriptors that are marked so.
    pub fn close_on_exec(&self, host: &Host) {
        host.forget_names();
        let gone = self.take_where(0, usize::MAX - 1, |e| e.cloexec);
        gone.iter().for_each(|e| self.closed(&e.file));
    }

    /// At the process's end: closes all.
    pub fn close_all(&self, _host: &Host) {
        let gone = core::mem::take(&mut *self.slots.lock());
        self.locks.store(false, Ordering::Relaxed);
        drop(gone);
    }

    /// The process lives in another member now, or is gone for the monitor too: forgets all without closing anything.
    pub fn forget_all(&self) {
        let gone = core::mem::take(&mut *self.slots.lock());
        gone.list.iter().flatten().for_each(|e| e.file.give_away());
    }

    /// A table of its own for a vfork child, which the monitor has made a holder of all that the parent holds.
    pub fn duplicate(&self, _pid: u32) -> Self {
        self.copy(OpenFile::for_child)
    }

    /// In a clone: record locks are not inherited; fork(2).
    pub fn child(&self, _pid: u32) {
        self.locks.store(false, Ordering::Relaxed);
    }

    fn copy(&self, make: fn(&OpenFile) -> Arc<OpenFile>) -> Self {
        let slots = self.slots.lock();
        let mut made: Vec<(Arc<OpenFile>, Arc<OpenFile>)> = Vec::new();
        let mut copies = Vec::with_capacity(slots.list.len());
        for slot in slots.list.iter() {
            copies.push(slot.as_ref().map(|e| {
                let known =
                    made.iter().find(|(from, _)| Arc::ptr_eq(from, &e.file)).map(|(_, to)| to.clone());
                let file = known.unwrap_or_else(|| {
                    let to = make(&e.file);
                    made.push((e.file.clone(), to.clone()));
                    to
                });
                Entry { file, cloexec: e.cloexec }
            }));
        }
        let copies = Slots { list: copies, full: 0 };
        Self { slots: Mutex::new(Rank::FdTable, copies), locks: AtomicBool::new(false) }
    }

    /// What a fresh member needs to go on with these descriptors. Those marked close-on-exec are listed too, so that the
    /// fresh member closes them once it cannot fail any more; local files do not survive.
    pub fn to_boot(&self) -> Vec<BootFd> {
        // A cached file becomes a description by this, which may wait: not with the table locked.
        let entries: Vec<(usize, Entry)> = {
            let slots = self.slots.lock();
            slots.list.iter().enumerate().filter_map(|(i, s)| Some((i, s.clone()?))).collect()
        };
        let boot = |(i, e): &(usize, Entry)| {
            Some(BootFd { fd: *i as u32, cloexec: e.cloexec, info: e.file.boot_info()? })
        };
        entries.iter().filter_map(boot).collect()
    }

    /// Fills the empty table of a fresh member. Entries marked close-on-exec are closed, so a thread must be there that
    /// can ask the monitor.
    pub fn fill(&self, host: &'static Host, fds: &[BootFd]) {
        let mut made: Vec<Arc<OpenFile>> = Vec::new();
        for b in fds {
            let known = made.iter().find(|f| f.desc() == b.info.desc).cloned();
            let file = known.unwrap_or_else(|| {
                let f = OpenFile::new(host, b.info, None, false);
                made.push(f.clone());
                f
            });
            if let (false, Ok(fd)) = (b.cloexec, i32::try_from(b.fd)) {
                // Numbers in a boot record are in range: they were descriptors before.
                let _ = self.insert_at(fd, file, false, u64::MAX);
            }
        }
    }

    /// Before descriptions get another holder: the monitor gets the offsets that are ours, and keeps them while the guard
    /// lives.
    pub fn prepare_fork<'h>(&self, host: &'h Host) -> Recalled<'h> {
        host.fork_begins();
        let files: Vec<_> = self.slots.lock().list.iter().flatten().map(|e| e.file.clone()).collect();
        files.iter().for_each(|f| f.recall());
        Recalled(host)
    }
}

/// Descriptions stay with the monitor as long as this lives.
#[must_use]
pub struct Recalled<'h>(&'h Host);

impl Drop for Recalled<'_> {
    fn drop(&mut self) {
        self.0.fork_done();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Lab;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(i32, bool),
        InsertAt(i32),
        Remove(i32),
        Range(u32, u32, bool),
        Exec,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..20i32, any::<bool>()).prop_map(|(min, c)| Step::Insert(min, c)),
            2 => (-1..35i32).prop_map(Step::InsertAt),
            3 => (-1..35i32).prop_map(Step::Remove),
            1 => (0..30u32, 0..30u32, any::<bool>()).prop_map(|(a, b, c)| Step::Range(a, b, c)),
            1 => Just(Step::Exec),
        ];
        proptest::collection::vec(step, 0..60)
    }

    proptest! {
        /// The lowest free number, always; a file is closed with its last number and not before.
        #[test]
        fn numbers_are_the_lowest_free(steps in steps()) {
            const LIMIT: u64 = 30;
            let lab = Lab::new();
            let table = FdTable::default();
            let mut model: BTreeMap<i32, (u32, bool)> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Insert(min, cloexec) => {
                        let file = lab.file(b"", 0);
                        let desc = file.desc();
                        let lowest = (min..).find(|fd| !model.contains_key(fd)).expect("a number");
                        let want = if lowest < LIMIT as i32 { Ok(lowest) } else { Err(Errno::EMFILE) };
                        prop_assert_eq!(table.room(1, LIMIT).is_ok(), (0..LIMIT as i32).any(|fd| !model.contains_key(&fd)));
                        prop_assert_eq!(table.insert(min, file, cloexec, LIMIT), want);
                        if let Ok(fd) = want {
                            model.insert(fd, (desc, cloexec));
                        }
                    }
                    Step::InsertAt(fd) => {
                        let Some((_, (desc, _))) = model.first_key_value() else { continue };
                        let desc = *desc;
                        let file = table.find(desc).expect("open");
                        let want = if (0..LIMIT as i32).contains(&fd) { Ok(()) } else { Err(Errno::EBADF) };
                        prop_assert_eq!(table.insert_at(fd, file, false, LIMIT), want);
                        if want.is_ok() {
                            model.insert(fd, (desc, false));
                        }
                    }
                    Step::Remove(fd) => {
                        prop_assert_eq!(table.remove(fd).is_ok(), model.remove(&fd).is_some());
                    }
                    Step::Range(a, b, cloexec) => {
                        table.range(a, b, cloexec);
                        let inside = |fd: &i32| (a as i32..=b as i32).contains(fd);
                        if cloexec {
                            model.iter_mut().filter(|(fd, _)| inside(fd)).for_each(|(_, v)| v.1 = true);
                        } else {
                            model.retain(|fd, _| !inside(fd));
                        }
                    }
                    Step::Exec => {
                        table.close_on_exec(lab.host);
                        model.retain(|_, v| !v.1);
                    }
                }
                prop_assert_eq!(table.list(), model.keys().copied().collect::<Vec<_>>());
                for (fd, (desc, cloexec)) in &model {
                    prop_assert_eq!(table.get(*fd).map(|f| f.desc()), Ok(*desc));
                    prop_assert_eq!(table.cloexec(*fd), Ok(*cloexec));
                    prop_assert!(!lab.closed().contains(desc));
                }
            }
        }
    }
}
