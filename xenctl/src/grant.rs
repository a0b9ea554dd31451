//! Entries of a domain's grant table (version 1), written from dom0.
//!
//! Guests under our kernel never touch their tables: whoever owns the [`GrantTable`] of a domain decides who may see which
//! of its pages. The protocol of an entry with Xen is in xen/include/public/grant_table.h: the frame first, then flags
//! and domain in one store; to end, a compare-and-exchange that fails while someone has the page mapped.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::foreign::map_grant_frames;
use crate::hypercall::Xen;
use crate::sys::Mapping;
use crate::{DomId, Error, PAGE, Result};

/// Bytes of an entry.
const ENTRY: usize = 8;
/// Entries of one frame of the table.
pub const ENTRIES_PER_FRAME: usize = PAGE / ENTRY;
/// The first entries are for the console, xenstore and the like (GNTTAB_NR_RESERVED_ENTRIES).
pub const RESERVED: u32 = 8;
/// GNTTAB_RESERVED_CONSOLE: the console's ring.
pub const CONSOLE: GrantRef = GrantRef(0);
/// GNTTAB_RESERVED_XENSTORE: xenstore's ring.
pub const XENSTORE: GrantRef = GrantRef(1);

/// GTF_permit_access, GTF_readonly; GTF_reading | GTF_writing.
const PERMIT: u32 = 1;
const READ_ONLY: u32 = 1 << 2;
const IN_USE: u32 = 1 << 3 | 1 << 4;

/// The number of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantRef(pub u32);

/// What the other domain may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read, copy from.
    ReadOnly,
    /// Write as well.
    ReadWrite,
}

/// The grant table of a domain.
#[derive(Debug)]
pub struct GrantTable {
    xen: Xen,
    domain: DomId,
    max_frames: usize,
    frames: Vec<Mapping>,
    /// One bit per entry of the mapped frames: taken.
    taken: Vec<u64>,
    /// Entries that were ended while someone had them mapped.
    stuck: Vec<GrantRef>,
    /// Where the next search begins.
    hint: usize,
    in_use: usize,
}

impl GrantTable {
    /// Opens a domain's table. It grows frame by frame up to `max_frames`, or to what the domain was created with.
    pub fn open(xen: &Xen, domain: DomId, max_frames: u32) -> Result<GrantTable> {
        let mut table = GrantTable {
            xen: xen.clone(),
            domain,
            max_frames: max_frames as usize,
            frames: Vec::new(),
            taken: Vec::new(),
            stuck: Vec::new(),
            hint: 0,
            in_use: 0,
        };
        table.grow()?;
        table.taken[0] |= (1 << RESERVED) - 1;
        Ok(table)
    }

    /// The domain whose table this is.
    pub fn domain(&self) -> DomId {
        self.domain
    }

    /// How many entries are in use, those that are [stuck](GrantTable::collect) included.
    pub fn in_use(&self) -> usize {
        self.in_use
    }

    /// Whether so many more grants can be given; the table grows for them.
    pub fn has_room(&mut self, count: usize) -> bool {
        while self.taken.len() * 64 - (RESERVED as usize) < self.in_use + count {
            if self.grow().is_err() {
                return false;
            }
        }
        true
    }

    /// Lets `to` have this frame of the domain.
    pub fn grant(&mut self, to: DomId, gfn: u64, access: Access) -> Result<GrantRef> {
        self.grant_all(to, [gfn], access)
    }

    /// Lets `to` have these frames, by references that follow each other from the one given back.
    pub fn grant_all<I>(&mut self, to: DomId, gfns: I, access: Access) -> Result<GrantRef>
    where
        I: IntoIterator<Item = u64, IntoIter: ExactSizeIterator>,
    {
        let gfns = gfns.into_iter();
        let first = self.take(gfns.len())?;
        for (index, gfn) in (first..).zip(gfns) {
            self.set(index, to, gfn, access);
        }
        Ok(GrantRef(first as u32))
    }

    /// Writes one of the entries below [`RESERVED`].
    pub fn grant_reserved(&mut self, reference: GrantRef, to: DomId, gfn: u64) {
        assert!(reference.0 < RESERVED, "an entry that is not reserved");
        self.set(reference.0 as usize, to, gfn, Access::ReadWrite);
    }

    /// Ends a grant. True if that is done; false if someone still has the page mapped: then the entry stays as it is, and
    /// is tried again by [`collect`](GrantTable::collect).
    pub fn end(&mut self, reference: GrantRef) -> bool {
        let ended = self.try_end(reference);
        if !ended {
            self.stuck.push(reference);
        }
        ended
    }

    /// Ends grants whose references follow each other. True if all are done.
    pub fn end_all(&mut self, first: GrantRef, count: usize) -> bool {
        let busy = (first.0..).take(count).filter(|reference| !self.end(GrantRef(*reference))).count();
        busy == 0
    }

    /// Tries again what could not be ended. Gives how many are still mapped by someone.
    pub fn collect(&mut self) -> usize {
        let stuck = std::mem::take(&mut self.stuck);
        self.stuck = stuck.into_iter().filter(|reference| !self.try_end(*reference)).collect();
        self.stuck.len()
    }

    /// Whether someone has the page of this grant mapped.
    pub fn is_mapped(&self, reference: GrantRef) -> bool {
        self.flags(reference.0 as usize).load(Ordering::Acquire) & IN_USE != 0
    }

    fn try_end(&mut self, reference: GrantRef) -> bool {
        let index = reference.0 as usize;
        let flags = self.flags(index);
        let mut now = flags.load(Ordering::Acquire);
        loop {
            if now & IN_USE != 0 {
                return false;
            }
            match flags.compare_exchange(now, 0, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(other) => now = other,
            }
        }
        let (word, bit) = (index / 64, 1 << (index % 64));
        if index >= RESERVED as usize && self.taken[word] & bit != 0 {
            self.taken[word] &= !bit;
            self.in_use -= 1;
        }
        true
    }

    fn set(&self, index: usize, to: DomId, gfn: u64, access: Access) {
        let read_only = if access == Access::ReadOnly { READ_ONLY } else { 0 };
        self.word(index, 1).store(gfn as u32, Ordering::Relaxed);
        self.flags(index).store(PERMIT | read_only | u32::from(to.0) << 16, Ordering::Release);
    }

    /// Finds a run of free entries and takes it.
    fn take(&mut self, count: usize) -> Result<usize> {
        loop {
            let end = self.taken.len() * 64;
            let found = self.find(self.hint, end, count).or_else(|| self.find(0, end, count));
            if let Some(first) = found {
                for index in first..first + count {
                    self.taken[index / 64] |= 1 << (index % 64);
                }
                self.hint = first + count;
                self.in_use += count;
                return Ok(first);
            }
            self.grow()?;
        }
    }

    /// The first run of `count` free entries in a range.
    fn find(&self, from: usize, to: usize, count: usize) -> Option<usize> {
        let (mut first, mut index) = (from, from);
        while index - first < count {
            if index >= to {
                return None;
            }
            if index.is_multiple_of(64) && self.taken[index / 64] == u64::MAX {
                index += 64;
                first = index;
            } else if self.taken[index / 64] & 1 << (index % 64) != 0 {
                index += 1;
                first = index;
            } else {
                index += 1;
            }
        }
        Some(first)
    }

    fn grow(&mut self) -> Result<()> {
        if self.frames.len() >= self.max_frames {
            return Err(Error::Full("the grant table is full (gnttab_max_frames)"));
        }
        let frame = map_grant_frames(&self.xen, self.domain, self.frames.len() as u32, 1)?;
        self.frames.push(frame);
        self.taken.resize(self.frames.len() * ENTRIES_PER_FRAME / 64, 0);
        Ok(())
    }

    /// Flags and domain of an entry.
    fn flags(&self, index: usize) -> &AtomicU32 {
        self.word(index, 0)
    }

    /// One of the two words of an entry.
    fn word(&self, index: usize, word: usize) -> &AtomicU32 {
        let frame = &self.frames[index / ENTRIES_PER_FRAME];
        let offset = index % ENTRIES_PER_FRAME * ENTRY + word * 4;
        // SAFETY: a frame is a page, in which the offset lies, aligned to 4; the domain may write its table at any time,
        // and atomics allow for that.
        unsafe { &*frame.base().add(offset).cast::<AtomicU32>() }
    }
}
