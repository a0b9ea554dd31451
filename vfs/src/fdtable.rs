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

/// Descriptor numbers to open files. Shared by threads (CLONE_FILES).
pub struct FdTable {
    slots: Mutex<Vec<Option<Entry>>>,
    /// The process has taken record locks: closing any descriptor of a file drops them (fcntl(2)).
    locks: AtomicBool,
}

impl Default for FdTable {
    fn default() -> Self {
        Self { slots: Mutex::new(Rank::FdTable, Vec::new()), locks: AtomicBool::new(false) }
    }
}

impl FdTable {
    /// The file behind a descriptor; EBADF.
    pub fn get(&self, fd: i32) -> SysResult<Arc<OpenFile>> {
        let slots = self.slots.lock();
        let entry = usize::try_from(fd).ok().and_then(|i| slots.get(i)).and_then(Option::as_ref);
        entry.map(|e| e.file.clone()).ok_or(Errno::EBADF)
    }

    /// Puts a file at the lowest free number from `min` on. EMFILE when that is `limit` (RLIMIT_NOFILE) or above.
    pub fn insert(&self, min: i32, file: Arc<OpenFile>, cloexec: bool, limit: u64) -> SysResult<i32> {
        let mut slots = self.slots.lock();
        let min = min as usize;
        let at = (min..slots.len()).find(|i| slots[*i].is_none()).unwrap_or(slots.len().max(min));
        if at as u64 >= limit.min(i32::MAX as u64) {
            drop(slots);
            return Err(Errno::EMFILE);
        }
        if at >= slots.len() {
            slots.resize(at + 1, None);
        }
        slots[at] = Some(Entry { file, cloexec });
        Ok(at as i32)
    }

    /// Puts a file at a number, closing what was there. EBADF beyond the limit.
    pub fn insert_at(&self, fd: i32, file: Arc<OpenFile>, cloexec: bool, limit: u64) -> SysResult<()> {
        let at = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        if at as u64 >= limit {
            return Err(Errno::EBADF);
        }
        let old = {
            let mut slots = self.slots.lock();
            if at >= slots.len() {
                slots.resize(at + 1, None);
            }
            slots[at].replace(Entry { file, cloexec })
        };
        if let Some(old) = old {
            self.closed(&old.file);
        }
        Ok(())
    }

    /// close(2).
    pub fn remove(&self, fd: i32) -> SysResult<()> {
        let at = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        let old = self.slots.lock().get_mut(at).and_then(Option::take).ok_or(Errno::EBADF)?;
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

    /// FD_CLOEXEC of a descriptor.
    pub fn cloexec(&self, fd: i32) -> SysResult<bool> {
        let slots = self.slots.lock();
        let entry = usize::try_from(fd).ok().and_then(|i| slots.get(i)).and_then(Option::as_ref);
        entry.map(|e| e.cloexec).ok_or(Errno::EBADF)
    }

    /// Sets FD_CLOEXEC of a descriptor.
    pub fn set_cloexec(&self, fd: i32, on: bool) -> SysResult<()> {
        let mut slots = self.slots.lock();
        let entry = usize::try_from(fd).ok().and_then(|i| slots.get_mut(i)).and_then(Option::as_mut);
        entry.map(|e| e.cloexec = on).ok_or(Errno::EBADF)
    }

    /// close_range(2): closes the open descriptors from `first` to `last`, or marks them.
    pub fn range(&self, first: u32, last: u32, cloexec: bool) {
        let mut gone = Vec::new();
        {
            let mut slots = self.slots.lock();
            let end = (last as usize).saturating_add(1).min(slots.len());
            for slot in slots.get_mut(first as usize..end).unwrap_or_default() {
                match slot {
                    Some(e) if cloexec => e.cloexec = true,
                    _ => gone.extend(slot.take()),
                }
            }
        }
        gone.iter().for_each(|e| self.closed(&e.file));
    }

    /// The open descriptors.
    pub fn list(&self) -> Vec<i32> {
        let slots = self.slots.lock();
        (0..slots.len()).filter(|i| slots[*i].is_some()).map(|i| i as i32).collect()
    }

    /// How many descriptors are open.
    pub fn count(&self) -> usize {
        self.slots.lock().iter().flatten().count()
    }

    /// At exec: closes the descriptors that are marked so.
    pub fn close_on_exec(&self, _host: &Host) {
        let gone: Vec<_> = {
            let mut slots = self.slots.lock();
            slots
                .iter_mut()
                .filter(|s| s.as_ref().is_some_and(|e| e.cloexec))
                .filter_map(Option::take)
                .collect()
        };
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
        gone.iter().flatten().for_each(|e| e.file.give_away());
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
        let mut copies = Vec::with_capacity(slots.len());
        for slot in slots.iter() {
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
        Self { slots: Mutex::new(Rank::FdTable, copies), locks: AtomicBool::new(false) }
    }

    /// What a fresh member needs to go on with these descriptors. Those marked close-on-exec are listed too, so that the
    /// fresh member closes them once it cannot fail any more; local files do not survive.
    pub fn to_boot(&self) -> Vec<BootFd> {
        let slots = self.slots.lock();
        let known = slots.iter().enumerate().filter_map(|(i, s)| Some((i, s.as_ref()?)));
        known
            .filter(|(_, e)| e.file.desc() != 0)
            .map(|(i, e)| BootFd { fd: i as u32, cloexec: e.cloexec, info: *e.file.info() })
            .collect()
    }

    /// The table of a fresh member. Entries marked close-on-exec are closed.
    pub fn from_boot(host: &'static Host, fds: &[BootFd]) -> Self {
        let table = Self::default();
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
                let _ = table.insert_at(fd, file, false, u64::MAX);
            }
        }
        table
    }

    /// Before descriptions get another holder: the monitor gets the offsets that are ours, and keeps them while the guard
    /// lives.
    pub fn prepare_fork<'h>(&self, host: &'h Host) -> Recalled<'h> {
        host.fork_begins();
        let files: Vec<_> = self.slots.lock().iter().flatten().map(|e| e.file.clone()).collect();
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
