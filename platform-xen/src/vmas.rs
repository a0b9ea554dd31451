//! What is mapped where: ranges of addresses with their rights and backing. Pure bookkeeping.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use abi::mm::PAGE_SIZE;
use platform::{Backing, Prot};

/// One range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vma {
    /// One past the last byte.
    pub end: usize,
    pub prot: Prot,
    pub backing: Backing,
}

impl Vma {
    /// True when its pages are others' too: never copied on a write.
    pub fn is_shared(&self) -> bool {
        matches!(self.backing, Backing::Region { shared: true, .. })
    }

    /// The same, seen from `by` bytes further on.
    fn shifted(&self, by: usize) -> Self {
        let backing = match self.backing {
            Backing::Anon => Backing::Anon,
            Backing::Region { id, offset, shared } => {
                Backing::Region { id, offset: offset + by as u64, shared }
            }
        };
        Self { backing, ..*self }
    }
}

/// All ranges; none overlap.
#[derive(Default)]
pub struct Vmas(BTreeMap<usize, Vma>);

impl Vmas {
    /// Nothing is mapped.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The range that holds `addr`, with its start.
    pub fn at(&self, addr: usize) -> Option<(usize, Vma)> {
        let (start, vma) = self.0.range(..=addr).next_back()?;
        (addr < vma.end).then_some((*start, *vma))
    }

    /// The ranges that overlap `start..end`, cut to it.
    pub fn within(&self, start: usize, end: usize) -> Vec<(usize, Vma)> {
        let first = self.at(start).map_or(start, |(at, _)| at);
        self.0
            .range(first..end)
            .map(|(at, vma)| {
                let from = (*at).max(start);
                (from, Vma { end: vma.end.min(end), ..vma.shifted(from - at) })
            })
            .collect()
    }

    /// Cuts the range that holds `addr`, so that one begins there.
    fn cut(&mut self, addr: usize) {
        if let Some((start, vma)) = self.at(addr)
            && start < addr
        {
            self.0.insert(start, Vma { end: addr, ..vma });
            self.0.insert(addr, vma.shifted(addr - start));
        }
    }

    /// Takes `start..end` out.
    pub fn remove(&mut self, start: usize, end: usize) {
        self.cut(start);
        self.cut(end);
        while let Some((at, _)) = self.0.range(start..end).next() {
            let at = *at;
            self.0.remove(&at);
        }
    }

    /// Puts a range in place of whatever was there, and joins it with neighbours that are alike.
    pub fn insert(&mut self, start: usize, vma: Vma) {
        self.remove(start, vma.end);
        self.0.insert(start, vma);
        self.join(start);
        self.join(vma.end);
    }

    /// Changes the rights of what is mapped in `start..end`.
    pub fn protect(&mut self, start: usize, end: usize, prot: Prot) {
        self.cut(start);
        self.cut(end);
        for (_, vma) in self.0.range_mut(start..end) {
            vma.prot = prot;
        }
        let cuts: Vec<usize> = self.0.range(start..=end).map(|(at, _)| *at).collect();
        for at in cuts {
            self.join(at);
        }
    }

    /// Joins the range that begins at `addr` to the one that ends there, if they are alike.
    fn join(&mut self, addr: usize) {
        let Some(right) = self.0.get(&addr).copied() else { return };
        let Some((start, left)) = self.0.range(..addr).next_back().map(|(at, vma)| (*at, *vma)) else {
            return;
        };
        if left.end == addr && left.prot == right.prot && left.shifted(addr - start).backing == right.backing
        {
            self.0.remove(&addr);
            self.0.insert(start, Vma { end: right.end, ..left });
        }
    }

    /// Pages that are mapped in `start..end`.
    #[cfg(test)]
    pub fn pages(&self, start: usize, end: usize) -> usize {
        self.within(start, end).iter().map(|(at, vma)| (vma.end - at) / PAGE_SIZE).sum()
    }
}

/// The page of a region behind `addr` in a range that begins at `start`.
pub fn region_page(start: usize, addr: usize, offset: u64) -> u64 {
    (offset + (addr - start) as u64) / PAGE_SIZE as u64
}

#[cfg(test)]
mod tests;
