//! The set of mappings as a pure state machine: disjoint ranges with attributes, split and joined as operations ask.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use abi::mm::PAGE_SIZE;
use platform::Prot;

use crate::mempolicy::Policy;

/// A region behind mappings, held as long as one of them is there.
#[derive(Clone)]
pub struct MappedRegion {
    pub id: u64,
    /// Whose drop gives the region back (`vfs::region::Held`).
    pub keep: Option<Arc<dyn Any + Send + Sync>>,
}

/// The file behind a mapping, as /proc/PID/maps shows it.
#[derive(Clone)]
pub struct MappedFile {
    /// Region of its pages.
    pub region: MappedRegion,
    pub path: Arc<[u8]>,
    pub dev: u64,
    pub ino: u64,
}

/// What is mapped.
#[derive(Clone)]
pub enum Source {
    /// Private zero pages, with the name that maps shows ("[heap]", "[stack]" or nothing).
    Anon(&'static str),
    /// Shared anonymous memory: region, offset of the mapping's first byte.
    Shared(MappedRegion, u64),
    /// File pages from this offset on.
    File(MappedFile, u64),
}

impl Source {
    /// The same thing from `by` bytes further on.
    pub fn advanced(&self, by: usize) -> Self {
        match self {
            Source::Anon(n) => Source::Anon(n),
            Source::Shared(r, off) => Source::Shared(r.clone(), off + by as u64),
            Source::File(f, off) => Source::File(f.clone(), off + by as u64),
        }
    }

    fn continues(&self, len: usize, next: &Self) -> bool {
        match (self, next) {
            (Source::Anon(a), Source::Anon(b)) => a == b,
            (Source::Shared(a, x), Source::Shared(b, y)) => a.id == b.id && x + len as u64 == *y,
            (Source::File(a, x), Source::File(b, y)) => a.region.id == b.region.id && x + len as u64 == *y,
            _ => false,
        }
    }
}

/// Mapped bytes, as limits count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub all: usize,
    /// Private and writable.
    pub private: usize,
    /// The same without the stack: what RLIMIT_DATA bounds.
    pub data: usize,
}

impl Totals {
    /// What one mapping counts.
    pub fn of(len: usize, source: &Source, prot: Prot, shared: bool) -> Self {
        let private = if !shared && prot.contains(Prot::WRITE) { len } else { 0 };
        let stack = matches!(source, Source::Anon("[stack]"));
        Self { all: len, private, data: if stack { 0 } else { private } }
    }

    fn add(&mut self, other: &Self) {
        self.all += other.all;
        self.private += other.private;
        self.data += other.data;
    }
}

/// What a clone of the member gets of a mapping; madvise(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFork {
    /// The same, copied on write or shared.
    Keep,
    /// MADV_WIPEONFORK: zero pages.
    Wipe,
    /// MADV_DONTFORK: nothing.
    Omit,
}

/// One mapping.
#[derive(Clone)]
pub struct Vma {
    pub end: usize,
    pub prot: Prot,
    /// The most that mprotect may give (a shared mapping of a file opened for reading has no WRITE).
    pub max_prot: Prot,
    pub shared: bool,
    pub on_fork: OnFork,
    /// mlock(2): its pages stay in memory, and are not given up by msync(2).
    pub locked: bool,
    /// mbind(2).
    pub policy: Policy,
    pub source: Source,
}

/// Mappings by start address.
#[derive(Default, Clone)]
pub struct VmaSet {
    map: BTreeMap<usize, Vma>,
    /// The place found last, until it is taken.
    found: Option<Full>,
    /// Spares the search what is known to be full: many mappings lie side by side.
    full: Option<Full>,
}

/// Between `from` and `high` there is no gap of `len` bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Full {
    len: usize,
    from: usize,
    high: usize,
}

impl VmaSet {
    /// Mappings that overlap `start..end`, in order.
    pub fn overlapping(&self, start: usize, end: usize) -> impl Iterator<Item = (usize, &Vma)> {
        let first = self.map.range(..=start).next_back().map_or(start, |(s, _)| *s);
        self.map.range(first..end).filter(move |(_, v)| v.end > start).map(|(s, v)| (*s, v))
    }

    /// The mapping at an address.
    pub fn at(&self, addr: usize) -> Option<(usize, &Vma)> {
        self.map.range(..=addr).next_back().filter(|(_, v)| addr < v.end).map(|(s, v)| (*s, v))
    }

    /// All mappings in order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Vma)> {
        self.map.iter().map(|(s, v)| (*s, v))
    }

    /// Number of mappings.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// True without mappings.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// True when every page of the range is mapped.
    pub fn covers(&self, start: usize, end: usize) -> bool {
        let mut at = start;
        for (s, v) in self.overlapping(start, end) {
            if s > at {
                return false;
            }
            at = v.end;
        }
        at >= end
    }

    /// True when no page of the range is mapped.
    pub fn is_free(&self, start: usize, end: usize) -> bool {
        self.overlapping(start, end).next().is_none()
    }

    /// Splits the mapping at `at`, if one crosses it.
    fn split(&mut self, at: usize) {
        let Some((start, v)) = self.at(at).filter(|(s, _)| *s != at) else { return };
        let mut right = v.clone();
        right.source = v.source.advanced(at - start);
        if let Some(left) = self.map.get_mut(&start) {
            left.end = at;
        }
        self.map.insert(at, right);
    }

    /// Removes the range; gives what was there.
    pub fn remove(&mut self, start: usize, end: usize) -> Vec<(usize, Vma)> {
        self.split(start);
        self.split(end);
        let keys: Vec<usize> = self.map.range(start..end).map(|(s, _)| *s).collect();
        if !keys.is_empty() {
            (self.found, self.full) = (None, None);
        }
        keys.into_iter().filter_map(|k| self.map.remove(&k).map(|v| (k, v))).collect()
    }

    /// Puts a mapping in place of what was there, and joins it with equal neighbours.
    pub fn insert(&mut self, start: usize, vma: Vma) -> Vec<(usize, Vma)> {
        let old = self.remove(start, vma.end);
        let end = vma.end;
        if let Some(found) = self.found.take_if(|found| found.from == start && end - start >= found.len) {
            self.full = Some(found);
        }
        self.map.insert(start, vma);
        self.join(end);
        self.join(start);
        old
    }

    /// Changes rights in the range.
    pub fn protect(&mut self, start: usize, end: usize, prot: Prot) {
        self.change(start, end, |v| v.prot = prot);
    }

    /// Changes attributes of all mappings in the range.
    pub fn change(&mut self, start: usize, end: usize, change: impl Fn(&mut Vma)) {
        self.split(start);
        self.split(end);
        self.map.range_mut(start..end).for_each(|(_, v)| change(v));
        let keys: Vec<usize> = self.map.range(start..=end).map(|(s, _)| *s).collect();
        for k in keys.into_iter().rev() {
            self.join(k);
        }
    }

    /// Joins the mapping that starts at `at` to the one before it if they are one.
    fn join(&mut self, at: usize) {
        let Some(right) = self.map.get(&at) else { return };
        let Some((start, left)) = self.map.range(..at).next_back() else { return };
        let same = left.end == at
            && left.prot == right.prot
            && left.max_prot == right.max_prot
            && left.shared == right.shared
            && left.on_fork == right.on_fork
            && left.locked == right.locked
            && left.policy == right.policy
            && left.source.continues(at - *start, &right.source);
        let (start, end) = (*start, right.end);
        if same {
            self.map.remove(&at);
            if let Some(left) = self.map.get_mut(&start) {
                left.end = end;
            }
        }
    }

    /// The highest free place of `len` bytes in `low..high`.
    pub fn find_gap_down(&mut self, low: usize, high: usize, len: usize) -> Option<usize> {
        let known = self.full.filter(|full| full.high == high && full.len <= len);
        let at = self.gap_below(low, known.map_or(high, |full| full.from), len)?;
        self.found = Some(Full { len, from: at, high });
        Some(at)
    }

    fn gap_below(&self, low: usize, high: usize, len: usize) -> Option<usize> {
        let mut top = high;
        for (s, v) in self.map.range(..high).rev().map(|(s, v)| (*s, v)) {
            if v.end <= top && top - v.end >= len && top - len >= low {
                return Some(top - len);
            }
            top = top.min(s);
            if top < low + len {
                return None;
            }
        }
        (top >= low + len).then(|| top - len)
    }

    /// What is mapped.
    pub fn totals(&self) -> Totals {
        self.totals_within(0, usize::MAX)
    }

    /// The private memory between two addresses if all of it were writable.
    pub fn writable_within(&self, start: usize, end: usize) -> Totals {
        let mut sum = Totals::default();
        for (s, v) in self.overlapping(start, end) {
            let one = Totals::of(v.end.min(end) - s.max(start), &v.source, v.prot | Prot::WRITE, v.shared);
            sum.add(&Totals { all: 0, ..one });
        }
        sum
    }

    /// What of it lies between two addresses.
    pub fn totals_within(&self, start: usize, end: usize) -> Totals {
        let mut sum = Totals::default();
        for (s, v) in self.overlapping(start, end) {
            sum.add(&Totals::of(v.end.min(end) - s.max(start), &v.source, v.prot, v.shared));
        }
        sum
    }
}

/// Rounds up to a page; `None` on overflow.
pub fn page_up(n: usize) -> Option<usize> {
    n.checked_add(PAGE_SIZE - 1).map(|n| n & !(PAGE_SIZE - 1))
}

/// Rounds down to a page.
pub fn page_down(n: usize) -> usize {
    n & !(PAGE_SIZE - 1)
}
