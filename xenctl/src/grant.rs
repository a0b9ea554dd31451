//! Entries of a domain's grant table (version 1), written from dom0.
//!
//! Guests under our kernel never touch their tables: whoever owns the [`GrantTable`] of a domain decides who may see which
//! of its pages. The protocol of an entry with Xen is in xen/include/public/grant_table.h: the frame first, then flags
//! and domain in one store; to end, a compare-and-exchange that fails while someone has the page mapped.

use std::sync::atomic::{AtomicU32, Ordering};

use zerocopy::FromBytes;

use crate::entries::{BLOCK, Entries};
use crate::foreign::map_grant_frames;
use crate::hypercall::{Xen, number};
use crate::sys::Mapping;
use crate::wire::QuerySize;
use crate::{DomId, Error, PAGE, Result};

/// Bytes of an entry.
const ENTRY: usize = 8;
/// Entries of one frame of the table.
pub const ENTRIES_PER_FRAME: usize = PAGE / ENTRY;
/// Blocks of one frame: what is divided among processes that write one table.
pub const BLOCKS_PER_FRAME: usize = ENTRIES_PER_FRAME / BLOCK;
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

/// GNTTABOP_query_size (xen/include/public/grant_table.h).
const QUERY_SIZE: u64 = 6;

impl Xen {
    /// How many frames the domain's grant table may have.
    pub fn grant_frames(&self, domain: DomId) -> Result<u32> {
        const NAME: &str = "GNTTABOP_query_size";
        let question = QuerySize { dom: domain.0, ..Default::default() };
        let answer = self.call(
            NAME,
            Some(domain),
            number::GRANT_TABLE_OP,
            |arguments| {
                let place = arguments.put(&question);
                [QUERY_SIZE, arguments.address(place), 1, 0, 0]
            },
            |arguments, _| QuerySize::read_from_bytes(&arguments.last(size_of::<QuerySize>())).ok(),
        )?;
        match answer {
            Some(QuerySize { status: 0, max_nr_frames, .. }) => Ok(max_nr_frames),
            _ => Err(Error::call(NAME, Some(domain), std::io::Error::from_raw_os_error(libc::EINVAL))),
        }
    }
}

/// Who may write which blocks of a table that several processes write.
pub trait Blocks: std::fmt::Debug {
    /// A block that nobody had; none when all are somebody's.
    fn claim(&self) -> Option<usize>;
    /// A block that was claimed, and was not written to, is nobody's again.
    fn release(&self, block: usize);
}

/// The grant table of a domain.
#[derive(Debug)]
pub struct GrantTable {
    xen: Xen,
    domain: DomId,
    max_frames: usize,
    frames: Vec<Option<Mapping>>,
    entries: Entries,
    /// Where others write entries too: what divides them.
    blocks: Option<Box<dyn Blocks>>,
    /// Entries that were ended while someone had them mapped.
    stuck: Vec<GrantRef>,
}

impl GrantTable {
    /// Opens a domain's table. It grows frame by frame up to `max_frames`, or to what the domain was created with.
    pub fn open(xen: &Xen, domain: DomId, max_frames: u32) -> Result<GrantTable> {
        let mut table = GrantTable::empty(xen, domain, max_frames as usize, None);
        table.grow()?;
        Ok(table)
    }

    /// Opens a domain's table of which other processes write other blocks.
    pub fn shared(xen: &Xen, domain: DomId, blocks: Box<dyn Blocks>) -> GrantTable {
        GrantTable::empty(xen, domain, usize::MAX, Some(blocks))
    }

    fn empty(xen: &Xen, domain: DomId, max_frames: usize, blocks: Option<Box<dyn Blocks>>) -> GrantTable {
        let (frames, entries, stuck) = (Vec::new(), Entries::default(), Vec::new());
        GrantTable { xen: xen.clone(), domain, max_frames, frames, entries, blocks, stuck }
    }

    /// Ends what a process that is no more has given of a domain's table by entries of this block. False if someone still has
    /// a page of them mapped.
    pub fn clear(xen: &Xen, domain: DomId, block: usize) -> Result<bool> {
        let mut table = GrantTable::empty(xen, domain, usize::MAX, None);
        table.reach(block / BLOCKS_PER_FRAME)?;
        let entries = block * BLOCK..(block + 1) * BLOCK;
        let ended = |index: &usize| *index < RESERVED as usize || table.try_end(GrantRef(*index as u32));
        Ok(entries.filter(|index| !ended(index)).count() == 0)
    }

    /// The domain whose table this is.
    pub fn domain(&self) -> DomId {
        self.domain
    }

    /// How many entries are in use, those that are [stuck](GrantTable::collect) included.
    pub fn in_use(&self) -> usize {
        self.entries.in_use()
    }

    /// Whether so many more grants can be given; the table grows for them.
    pub fn has_room(&mut self, count: usize) -> bool {
        while self.entries.free() < count {
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
        } else if reference.0 >= RESERVED {
            self.entries.release(reference.0 as usize);
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
        for reference in std::mem::take(&mut self.stuck) {
            self.end(reference);
        }
        self.stuck.len()
    }

    /// Whether someone has the page of this grant mapped.
    pub fn is_mapped(&self, reference: GrantRef) -> bool {
        self.flags(reference.0 as usize).load(Ordering::Acquire) & IN_USE != 0
    }

    fn try_end(&self, reference: GrantRef) -> bool {
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
            if let Some(first) = self.entries.take(count) {
                return Ok(first);
            }
            self.grow()?;
        }
    }

    /// More entries: a further frame of them, or, where others have their own, a further block.
    fn grow(&mut self) -> Result<()> {
        const FULL: Error = Error::Full("the grant table is full (gnttab_max_frames)");
        let Some(blocks) = &self.blocks else {
            let frame = self.frames.len();
            if frame >= self.max_frames {
                return Err(FULL);
            }
            self.reach(frame)?;
            let first = frame * BLOCKS_PER_FRAME;
            (first..first + BLOCKS_PER_FRAME).for_each(|block| self.add(block));
            return Ok(());
        };
        let block = blocks.claim().ok_or(FULL)?;
        if let Err(error) = self.reach(block / BLOCKS_PER_FRAME) {
            if let Some(blocks) = &self.blocks {
                blocks.release(block);
            }
            return Err(error);
        }
        self.add(block);
        Ok(())
    }

    fn add(&mut self, block: usize) {
        self.entries.open(block, if block == 0 { RESERVED } else { 0 });
    }

    /// Maps a frame of the table, if it is not yet; Xen makes those that there are none of.
    fn reach(&mut self, frame: usize) -> Result<()> {
        if self.frames.get(frame).is_none_or(Option::is_none) {
            let mapping = map_grant_frames(&self.xen, self.domain, frame as u32, 1)?;
            let len = self.frames.len().max(frame + 1);
            self.frames.resize_with(len, || None);
            self.frames[frame] = Some(mapping);
        }
        Ok(())
    }

    /// Flags and domain of an entry.
    fn flags(&self, index: usize) -> &AtomicU32 {
        self.word(index, 0)
    }

    /// One of the two words of an entry.
    fn word(&self, index: usize, word: usize) -> &AtomicU32 {
        let frame =
            self.frames[index / ENTRIES_PER_FRAME].as_ref().expect("a frame of which entries were given");
        let offset = index % ENTRIES_PER_FRAME * ENTRY + word * 4;
        // SAFETY: a frame is a page, in which the offset lies, aligned to 4; the domain may write its table at any time,
        // and atomics allow for that.
        unsafe { &*frame.base().add(offset).cast::<AtomicU32>() }
    }
}
