//! Regions: memory files and host files that members map.
//!
//! A region lives while it has an owner inside the monitor (a pipe, a file node …) or a member that has it attached.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use abi::Errno;

use crate::mapping::{Mapped, memory_file, page_align};
use crate::xen::{FilePages, Holder, Pages};

/// Where the bytes of a region are.
pub enum Backing {
    /// In a memory file or host file, which hosted members map.
    File(OwnedFd),
    /// In pages of the family's holder domain, which are granted to members one by one.
    Held(Rc<Pages>),
}

impl Backing {
    /// The file that a hosted member gets.
    pub fn file(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Backing::File(file) => Some(file.as_fd()),
            Backing::Held(_) => None,
        }
    }

    /// The pages that Xen members are granted.
    pub fn pages(&self) -> Option<&Rc<Pages>> {
        match self {
            Backing::File(_) => None,
            Backing::Held(pages) => Some(pages),
        }
    }

    fn map(&self, size: u64) -> Result<Mapped, Errno> {
        match self {
            Backing::File(file) => {
                Mapped::new(file.as_fd(), size as usize).map_err(|e| Errno(e.raw_os_error()))
            }
            Backing::Held(pages) => Ok(Mapped::of_pages(pages.clone())),
        }
    }
}

/// Who provides the memory of a family's regions.
#[derive(Clone, Default)]
pub enum Memory {
    /// The host: memory files.
    #[default]
    Host,
    /// The holder domain.
    Holder(Rc<Holder>),
}

impl Memory {
    /// Zeroed memory of at least `size` bytes.
    pub fn create(&self, name: &str, size: u64) -> Result<Backing, Errno> {
        match self {
            Memory::Host => Ok(Backing::File(memory_file(name, size).map_err(|e| Errno(e.raw_os_error()))?)),
            Memory::Holder(holder) => Ok(Backing::Held(Pages::memory(holder, page_align(size))?)),
        }
    }

    /// Zeroed memory and the monitor's own view of it.
    pub fn create_mapped(&self, name: &str, size: u64) -> Result<(Backing, Mapped), Errno> {
        let backing = self.create(name, size)?;
        let map = backing.map(page_align(size))?;
        Ok((backing, map))
    }

    fn of_file(&self, file: OwnedFd, writable: bool, fixed: bool) -> Result<Backing, Errno> {
        match self {
            Memory::Host => Ok(Backing::File(file)),
            Memory::Holder(holder) => Ok(Backing::Held(Pages::file(holder, file, writable, fixed)?)),
        }
    }
}

/// Number of a region, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionId(pub u64);

impl fmt::Display for RegionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

struct Region {
    backing: Backing,
    size: u64,
    /// Only memory files whose size is sealed are ever mapped here.
    mappable: bool,
    view: Option<Rc<Mapped>>,
    owners: u32,
    attached: BTreeSet<u32>,
}

/// All regions of a family.
#[derive(Default)]
pub struct RegionTable {
    memory: Memory,
    map: BTreeMap<RegionId, Region>,
    last: u64,
}

impl RegionTable {
    /// No region, and where the memory of those to come is from.
    pub fn new(memory: Memory) -> Self {
        Self { memory, ..Self::default() }
    }

    /// A new zeroed memory region with one owner, the caller.
    pub fn create(&mut self, name: &str, size: u64) -> Result<RegionId, Errno> {
        let size = page_align(size);
        let backing = self.memory.create(name, size)?;
        Ok(self.insert(backing, size, true))
    }

    /// Makes a file a region with one owner, the caller: a host file, opened as members may map it, or a memory file
    /// that can change its size. The monitor never maps it. One that is `fixed` nobody in the family can write.
    pub fn add_file(
        &mut self,
        file: OwnedFd,
        size: u64,
        writable: bool,
        fixed: bool,
    ) -> Result<RegionId, Errno> {
        let backing = self.memory.of_file(file, writable, fixed)?;
        Ok(self.insert(backing, size, false))
    }

    /// What [`Memory::create_mapped`] made.
    pub fn add_mapped(&mut self, backing: Backing, view: Rc<Mapped>, size: u64) -> RegionId {
        let id = self.insert(backing, size, true);
        if let Some(r) = self.map.get_mut(&id) {
            r.view = Some(view);
        }
        id
    }

    fn insert(&mut self, backing: Backing, size: u64, mappable: bool) -> RegionId {
        self.last += 1;
        let id = RegionId(self.last);
        let attached = BTreeSet::new();
        self.map.insert(id, Region { backing, size, mappable, view: None, owners: 1, attached });
        id
    }

    /// The region mapped into the monitor (made on first use).
    pub fn view(&mut self, id: RegionId) -> Result<Rc<Mapped>, Errno> {
        let r = self.map.get_mut(&id).filter(|r| r.mappable).ok_or(Errno::EINVAL)?;
        if let Some(v) = &r.view {
            return Ok(v.clone());
        }
        let map = Rc::new(r.backing.map(r.size)?);
        r.view = Some(map.clone());
        Ok(map)
    }

    /// Size in bytes, 0 for a region that does not exist.
    pub fn size(&self, id: RegionId) -> u64 {
        self.map.get(&id).map_or(0, |r| r.size)
    }

    /// The file's size as it is now, for file regions.
    pub fn set_size(&mut self, id: RegionId, size: u64) {
        if let Some(r) = self.map.get_mut(&id) {
            r.size = size;
        }
    }

    /// The file behind a region, on the hosted platform.
    pub fn file(&self, id: RegionId) -> Option<BorrowedFd<'_>> {
        self.map.get(&id)?.backing.file()
    }

    /// The pages of a region that member `slot` has, on Xen.
    pub fn pages(&self, id: RegionId, slot: u32) -> Option<Rc<Pages>> {
        self.map.get(&id).filter(|r| r.attached.contains(&slot))?.backing.pages().cloned()
    }

    /// The regions of a file on Xen, with each member that has one.
    pub fn of_file(&self, file: &Rc<FilePages>) -> Vec<(RegionId, u32)> {
        let same = |r: &Region| r.backing.pages().is_some_and(|pages| pages.are_of(file));
        let of =
            |(id, r): (&RegionId, &Region)| r.attached.iter().map(|slot| (*id, *slot)).collect::<Vec<_>>();
        self.map.iter().filter(|(_, r)| same(r)).flat_map(of).collect()
    }

    /// True when the region exists.
    pub fn exists(&self, id: RegionId) -> bool {
        self.map.contains_key(&id)
    }

    /// One more owner inside the monitor.
    pub fn own(&mut self, id: RegionId) {
        if let Some(r) = self.map.get_mut(&id) {
            r.owners += 1;
        }
    }

    /// One owner fewer.
    pub fn disown(&mut self, id: RegionId) {
        if let Some(r) = self.map.get_mut(&id) {
            r.owners = r.owners.saturating_sub(1);
        }
        self.collect(id);
    }

    /// True when member `slot` has the region.
    pub fn is_attached(&self, id: RegionId, slot: u32) -> bool {
        self.map.get(&id).is_some_and(|r| r.attached.contains(&slot))
    }

    /// The slots of the members that have the region.
    pub fn attached_to(&self, id: RegionId) -> impl Iterator<Item = u32> {
        self.map.get(&id).into_iter().flat_map(|r| r.attached.iter().copied())
    }

    /// Notes that member `slot` has the region; true when that is new.
    pub fn attach(&mut self, id: RegionId, slot: u32) -> bool {
        self.map.get_mut(&id).is_some_and(|r| r.attached.insert(slot))
    }

    /// Member `slot` no longer has the region (or must get it anew with the next reply that names it).
    pub fn detach(&mut self, id: RegionId, slot: u32) {
        if let Some(r) = self.map.get_mut(&id) {
            r.attached.remove(&slot);
        }
        self.collect(id);
    }

    /// A clone: `child` has what `parent` has.
    pub fn clone_attached(&mut self, parent: u32, child: u32) {
        for r in self.map.values_mut() {
            if r.attached.contains(&parent) {
                r.attached.insert(child);
            }
        }
    }

    /// The member is gone.
    pub fn detach_all(&mut self, slot: u32) {
        self.map.retain(|_, r| {
            r.attached.remove(&slot);
            r.owners > 0 || !r.attached.is_empty()
        });
    }

    fn collect(&mut self, id: RegionId) {
        if self.map.get(&id).is_some_and(|r| r.owners == 0 && r.attached.is_empty()) {
            self.map.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_lives_while_owned_or_attached() {
        let mut t = RegionTable::default();
        let id = t.create("t", 1).expect("region");
        assert_eq!(t.size(id), 4096);
        assert!(t.attach(id, 3));
        assert!(!t.attach(id, 3));
        t.clone_attached(3, 4);
        t.disown(id);
        t.detach(id, 3);
        assert!(t.exists(id));
        t.detach_all(4);
        assert!(!t.exists(id));
    }
}
