//! Operations on the address space: each changes the set of mappings and what the platform has mapped, together.

use abi::errno::{Errno, SysResult};
use abi::mm::PAGE_SIZE;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU64;
use platform::sync::{Mutex, Rank};
use platform::{Backing, MemError, Platform, Prot};

use crate::mempolicy::Policy;

use super::vma::{OnFork, Source, Totals, Vma, VmaSet};

/// Most mappings: vm.max_map_count's default, less what a platform that is bounded by it itself keeps for its own.
const MAX_MAPS: usize = 65_530 - 1024;

/// Where a new mapping may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Here if free, else anywhere (0: no wish).
    Hint(usize),
    /// Exactly here, over whatever is there.
    Fixed(usize),
    /// Exactly here, EEXIST if something is there.
    FixedFree(usize),
    /// Below 2 GiB.
    Low,
}

pub(super) struct State {
    pub(super) vmas: VmaSet,
    /// Top of the area in which places are searched downwards.
    pub(super) mmap_top: usize,
    pub(super) brk_start: usize,
    pub(super) brk_end: usize,
    /// MCL_FUTURE of mlockall(2).
    pub(super) lock_future: bool,
}

/// The app's mappings. Shared by a process and its vfork children.
pub struct AddressSpace {
    pub(super) state: Mutex<State>,
    /// Limit on private writable memory in bytes (0: none), from the member's memory limit.
    pub limit: AtomicU64,
}

impl From<SpaceError> for Errno {
    fn from(e: SpaceError) -> Errno {
        match e.0 {
            MemError::NoMemory | MemError::BadRange => Errno::ENOMEM,
            MemError::Denied => Errno::EACCES,
        }
    }
}

/// What a new mapping is of, and how it may be used.
pub struct Content {
    pub source: Source,
    pub prot: Prot,
    /// What mprotect may give it later.
    pub max_prot: Prot,
    pub shared: bool,
}

impl Content {
    /// Private, and free to be protected in any way later.
    pub fn private(source: Source, prot: Prot) -> Self {
        Self { source, prot, max_prot: Prot::all(), shared: false }
    }
}

/// A platform's memory error on its way to an errno.
pub(super) struct SpaceError(pub(super) MemError);

impl AddressSpace {
    /// No mappings; places are searched below `mmap_top`.
    pub fn new(mmap_top: usize) -> Self {
        Self {
            state: Mutex::new(
                Rank::AddressSpace,
                State { vmas: VmaSet::default(), mmap_top, brk_start: 0, brk_end: 0, lock_future: false },
            ),
            limit: AtomicU64::new(0),
        }
    }

    /// Maps. `len` is a positive multiple of the page size. Gives the address.
    pub fn map(&self, pf: &dyn Platform, place: Place, len: usize, content: Content) -> SysResult<usize> {
        let Content { source, prot, max_prot, shared } = content;
        let mut st = self.state.lock();
        let addr = st.choose(pf, place, len)?;
        if st.vmas.len() >= MAX_MAPS {
            return Err(Errno::ENOMEM);
        }
        // What a mapping at a fixed place replaces no longer counts.
        let gone = st.vmas.totals_within(addr, addr + len);
        self.may_expand(&st, Totals::of(len, &source, prot, shared), gone)?;
        let backing = match &source {
            Source::Anon(_) => Backing::Anon,
            Source::Shared(r, offset) => Backing::Region { id: r.id, offset: *offset, shared: true },
            Source::File(f, offset) => Backing::Region { id: f.region.id, offset: *offset, shared },
        };
        pf.forget_sites(addr, len);
        pf.map(addr, len, prot, backing).map_err(SpaceError)?;
        let locked = st.lock_future;
        let vma = Vma {
            end: addr + len,
            prot,
            max_prot,
            shared,
            on_fork: OnFork::Keep,
            locked,
            policy: Policy::default(),
            source,
        };
        let gone = st.vmas.insert(addr, vma);
        drop(st);
        drop(gone);
        Ok(addr)
    }

    /// Unmaps a page-aligned range; holes are fine.
    pub fn unmap(&self, pf: &dyn Platform, addr: usize, len: usize) -> SysResult<()> {
        let mut st = self.state.lock();
        if !in_ranges(pf, addr, len) {
            return Err(Errno::EINVAL);
        }
        pf.forget_sites(addr, len);
        pf.unmap(addr, len).map_err(SpaceError)?;
        let gone = st.vmas.remove(addr, addr + len);
        drop(st);
        drop(gone);
        Ok(())
    }

    /// Changes rights of a page-aligned range, all of which must be mapped (ENOMEM).
    pub fn protect(&self, pf: &dyn Platform, addr: usize, len: usize, prot: Prot) -> SysResult<()> {
        let mut st = self.state.lock();
        if !in_ranges(pf, addr, len) || !st.vmas.covers(addr, addr + len) {
            return Err(Errno::ENOMEM);
        }
        if st.vmas.overlapping(addr, addr + len).any(|(_, v)| !v.max_prot.contains(prot)) {
            return Err(Errno::EACCES);
        }
        if prot.contains(Prot::WRITE) {
            // Nothing new is mapped, so that RLIMIT_AS is no matter.
            let (now, then) =
                (st.vmas.totals_within(addr, addr + len), st.vmas.writable_within(addr, addr + len));
            if then.private > now.private {
                self.may_expand(&st, then, now)?;
            }
        }
        pf.protect(addr, len, prot).map_err(SpaceError)?;
        st.vmas.protect(addr, addr + len, prot);
        Ok(())
    }

    /// mremap(2) on one mapping. `to`: `None` stay or (if `may_move`) go anywhere, `Some` exactly there.
    pub fn remap(
        &self,
        pf: &dyn Platform,
        old: usize,
        old_len: usize,
        new_len: usize,
        may_move: bool,
        to: Option<usize>,
    ) -> SysResult<usize> {
        let mut st = self.state.lock();
        let (start, vma) = st.vmas.at(old).map(|(s, v)| (s, v.clone())).ok_or(Errno::EFAULT)?;
        let span = old_len.max(PAGE_SIZE);
        if old + span > vma.end {
            return Err(Errno::EFAULT);
        }
        let source = vma.source.advanced(old - start);
        if to.is_none() && new_len <= old_len {
            if new_len < old_len {
                pf.unmap(old + new_len, old_len - new_len).map_err(SpaceError)?;
                let gone = st.vmas.remove(old + new_len, old + old_len);
                drop(st);
                drop(gone);
            }
            return Ok(old);
        }
        if new_len > old_len {
            let more = Totals::of(new_len - old_len, &vma.source, vma.prot, vma.shared);
            self.may_expand(&st, more, Totals::default())?;
        }
        let grown_end = old.checked_add(new_len).ok_or(Errno::ENOMEM)?;
        let target = match to {
            Some(at) => {
                if !in_ranges(pf, at, new_len) || (at < old + old_len && old < at + new_len) {
                    return Err(Errno::EINVAL);
                }
                at
            }
            None if old_len != 0
                && old + old_len == vma.end
                && st.vmas.is_free(vma.end, grown_end)
                && in_ranges(pf, old, new_len) =>
            {
                old
            }
            None if may_move => st.choose(pf, Place::Hint(0), new_len)?,
            None => return Err(Errno::ENOMEM),
        };
        let mut gone = Vec::new();
        if to.is_some() {
            gone = st.vmas.remove(target, target + new_len);
            pf.unmap(target, new_len).map_err(SpaceError)?;
        }
        pf.forget_sites(old, old_len);
        if old_len > new_len {
            pf.unmap(old + new_len, old_len - new_len).map_err(SpaceError)?;
        }
        if old_len == 0 {
            // A second mapping of shared pages (mremap with old size 0).
            if !vma.shared {
                return Err(Errno::EINVAL);
            }
            let backing = match &source {
                Source::Shared(r, offset) => Backing::Region { id: r.id, offset: *offset, shared: true },
                Source::File(f, offset) => Backing::Region { id: f.region.id, offset: *offset, shared: true },
                Source::Anon(_) => return Err(Errno::EINVAL),
            };
            pf.map(target, new_len, vma.prot, backing).map_err(SpaceError)?;
        } else {
            pf.move_pages(old, old_len.min(new_len), target, new_len).map_err(SpaceError)?;
            let _ = st.vmas.remove(old, old + old_len);
        }
        st.vmas.insert(target, Vma { end: target + new_len, source, ..vma });
        drop(st);
        drop(gone);
        Ok(target)
    }

    /// Drops all mappings (exec).
    pub fn clear(&self, pf: &dyn Platform, mmap_top: usize) {
        let mut st = self.state.lock();
        // Holes are fine, and one call for all is cheaper than one for each.
        for (start, end) in pf.app_ranges() {
            pf.forget_sites(*start, end - start);
            let _ = pf.unmap(*start, end - start);
        }
        let gone = core::mem::take(&mut st.vmas);
        st.mmap_top = mmap_top;
        st.brk_start = 0;
        st.brk_end = 0;
        st.lock_future = false;
        drop(st);
        drop(gone);
    }

    /// mlock(2) and munlock(2): ENOMEM unless all of the range is mapped.
    pub fn set_locked(&self, start: usize, end: usize, locked: bool) -> SysResult<()> {
        let mut st = self.state.lock();
        if !st.vmas.covers(start, end) {
            return Err(Errno::ENOMEM);
        }
        if start < end {
            st.vmas.change(start, end, |v| v.locked = locked);
        }
        Ok(())
    }

    /// mbind(2): EFAULT unless all of the range is mapped.
    pub fn set_policy(&self, start: usize, end: usize, policy: Policy) -> SysResult<()> {
        let mut st = self.state.lock();
        if !st.vmas.covers(start, end) {
            return Err(Errno::EFAULT);
        }
        st.vmas.change(start, end, |v| v.policy = policy);
        Ok(())
    }

    /// mlockall(2) and munlockall(2): what is mapped now, if it is to be changed, and what will be mapped.
    pub fn set_all_locked(&self, now: Option<bool>, future: bool) {
        let mut st = self.state.lock();
        st.lock_future = future;
        if let Some(locked) = now {
            st.vmas.change(0, usize::MAX & !(PAGE_SIZE - 1), |v| v.locked = locked);
        }
    }

    /// MADV_DONTFORK and its relatives. Wiping is for private anonymous memory only (EINVAL).
    pub fn set_on_fork(&self, addr: usize, len: usize, how: OnFork) -> SysResult<()> {
        let mut st = self.state.lock();
        let wipeable = |v: &Vma| !v.shared && matches!(v.source, Source::Anon(_));
        if how == OnFork::Wipe && st.vmas.overlapping(addr, addr + len).any(|(_, v)| !wipeable(v)) {
            return Err(Errno::EINVAL);
        }
        st.vmas.change(addr, addr + len, |v| v.on_fork = how);
        Ok(())
    }

    /// In a clone: what the parent asked to be wiped or left out.
    pub fn child(&self, pf: &dyn Platform) {
        let mut st = self.state.lock();
        // A child inherits no locks, mlock(2).
        st.lock_future = false;
        if st.vmas.iter().any(|(_, v)| v.locked) {
            st.vmas.change(0, usize::MAX & !(PAGE_SIZE - 1), |v| v.locked = false);
        }
        let special: Vec<(usize, usize, OnFork)> = st
            .vmas
            .iter()
            .filter(|(_, v)| v.on_fork != OnFork::Keep)
            .map(|(s, v)| (s, v.end, v.on_fork))
            .collect();
        let mut gone = Vec::new();
        for (start, end, how) in special {
            // These ranges are mapped; the platform has no reason to refuse.
            if how == OnFork::Wipe {
                let _ = pf.discard(start, end - start);
            } else {
                let _ = pf.unmap(start, end - start);
                gone.extend(st.vmas.remove(start, end));
            }
        }
        drop(st);
        drop(gone);
    }

    /// Calls `f` with the mappings (for /proc/PID/maps, msync, madvise, mincore).
    pub fn with<R>(&self, f: impl FnOnce(&VmaSet) -> R) -> R {
        f(&self.state.lock().vmas)
    }

    /// Region and offset behind a shared mapping's address: the key of a shared futex there.
    pub fn region_at(&self, addr: usize) -> Option<(u64, u64)> {
        let st = self.state.lock();
        let (start, v) = st.vmas.at(addr)?;
        if !v.shared {
            return None;
        }
        match &v.source {
            Source::Shared(r, off) => Some((r.id, off + (addr - start) as u64)),
            Source::File(f, off) => Some((f.region.id, off + (addr - start) as u64)),
            Source::Anon(_) => None,
        }
    }
}

impl State {
    fn choose(&mut self, pf: &dyn Platform, place: Place, len: usize) -> SysResult<usize> {
        match place {
            Place::Fixed(at) if in_ranges(pf, at, len) => Ok(at),
            Place::FixedFree(at) if in_ranges(pf, at, len) => {
                if self.vmas.is_free(at, at + len) {
                    Ok(at)
                } else {
                    Err(Errno::EEXIST)
                }
            }
            Place::Fixed(_) | Place::FixedFree(_) => Err(Errno::ENOMEM),
            Place::Hint(at) if at != 0 && in_ranges(pf, at, len) && self.vmas.is_free(at, at + len) => Ok(at),
            Place::Hint(_) => self.anywhere(pf, len),
            Place::Low => {
                let (s, e) = pf.app_ranges().first().copied().ok_or(Errno::ENOMEM)?;
                self.vmas.find_gap_down(s, e.min(0x8000_0000), len).ok_or(Errno::ENOMEM)
            }
        }
    }

    /// A free place in the area for mappings, or else wherever there is one.
    fn anywhere(&mut self, pf: &dyn Platform, len: usize) -> SysResult<usize> {
        let top = self.mmap_top;
        let high = pf.app_ranges().iter().find(|(s, e)| top > *s && top <= *e);
        let (low, _) = high.copied().ok_or(Errno::ENOMEM)?;
        let below = self.vmas.find_gap_down(low, top, len);
        let mut above =
            || pf.app_ranges().iter().rev().find_map(|(s, e)| self.vmas.find_gap_down(*s, *e, len));
        below.or_else(&mut above).ok_or(Errno::ENOMEM)
    }
}

/// True when the whole range is the app's to use.
pub(super) fn in_ranges(pf: &dyn Platform, addr: usize, len: usize) -> bool {
    let Some(end) = addr.checked_add(len) else { return false };
    pf.app_ranges().iter().any(|(s, e)| addr >= *s && end <= *e)
}
