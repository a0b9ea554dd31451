//! Page tables: entries and the walk over them. Pure logic over memory that the caller reaches.
//!
//! An entry that is zero maps nothing. One that is not present but not zero keeps its frame: it is either remote (an
//! ancestor's, to be copied at the first touch) or hidden (mapped without rights).

use abi::mm::PAGE_SIZE;
use x86_64::structures::paging::PageTableFlags as F;

/// Entries of a table.
pub const ENTRIES: usize = 512;
const LEVELS: u32 = 4;

/// The entry can be used.
pub const PRESENT: u64 = F::PRESENT.bits();
pub const WRITABLE: u64 = F::WRITABLE.bits();
pub const USER: u64 = F::USER_ACCESSIBLE.bits();
pub const NO_EXECUTE: u64 = F::NO_EXECUTE.bits();
pub const ACCESSED: u64 = F::ACCESSED.bits();
pub const DIRTY: u64 = F::DIRTY.bits();
/// Ours: an own frame that may be frozen, so that a write must ask first. Of an entry that leads to a table of pages: that
/// stands for all own pages of the table, whose entries were left as they were.
pub const COW: u64 = F::BIT_9.bits();
/// Ours: a page of a region, mapped at a number set aside for that.
pub const GRANT: u64 = F::BIT_10.bits();
/// Ours, of a region's page: it was granted for writing. Of an entry that is not present: remote.
pub const GRANT_WRITABLE: u64 = F::BIT_11.bits();
/// Ours: an ancestor's frame.
pub const REMOTE: u64 = F::BIT_52.bits();
/// Ours: a copy of a region's page that nobody has written to, so that it can be had again.
pub const CLEAN: u64 = F::BIT_53.bits();
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// The frame of an entry.
pub const fn frame(entry: u64) -> u32 {
    ((entry & ADDRESS) >> 12) as u32
}

/// An entry's address bits for a frame.
pub const fn to(frame: u32) -> u64 {
    (frame as u64) << 12
}

/// How tables are reached.
pub trait Tables {
    /// The table in a frame.
    fn table(&mut self, frame: u32) -> &mut [u64; ENTRIES];
    /// A frame for a table, zeroed.
    fn new_table(&mut self) -> Option<u32>;
    /// A table is of no use any more.
    fn free_table(&mut self, frame: u32);
}

const fn index(addr: usize, level: u32) -> usize {
    addr >> (12 + 9 * (level - 1)) & (ENTRIES - 1)
}

/// Bytes that an entry of a table of this level maps.
const fn span(level: u32) -> usize {
    PAGE_SIZE << (9 * (level - 1))
}

/// What an entry of a table that was frozen whole stands for.
pub const fn frozen(entry: u64) -> u64 {
    let own = entry != 0 && entry & (GRANT | REMOTE) == 0;
    if own { entry & !WRITABLE | COW } else { entry }
}

/// The entry of a page; 0 where there is no table.
pub fn get(tables: &mut impl Tables, root: u32, addr: usize) -> u64 {
    let mut at = root;
    let mut whole = false;
    for level in (2..=LEVELS).rev() {
        let entry = tables.table(at)[index(addr, level)];
        if entry & PRESENT == 0 {
            return 0;
        }
        whole = entry & COW != 0;
        at = frame(entry);
    }
    let entry = tables.table(at)[index(addr, 1)];
    if whole { frozen(entry) } else { entry }
}

/// Sets the entry of a page, whose table is not frozen whole; false when there is no memory for a table.
pub fn set(tables: &mut impl Tables, root: u32, addr: usize, entry: u64) -> bool {
    let mut at = root;
    for level in (2..=LEVELS).rev() {
        let slot = index(addr, level);
        let mut next = tables.table(at)[slot];
        if next & PRESENT == 0 {
            let Some(new) = tables.new_table() else { return false };
            next = to(new) | PRESENT | WRITABLE | USER;
            tables.table(at)[slot] = next;
        }
        at = frame(next);
    }
    tables.table(at)[index(addr, 1)] = entry;
    true
}

/// Calls `f` with every entry in `start..end` that is not zero, for it to change. With `free`, tables whose whole span is
/// in the range and that are empty afterwards are freed.
pub fn walk(
    tables: &mut impl Tables,
    root: u32,
    start: usize,
    end: usize,
    free: bool,
    f: &mut dyn FnMut(usize, &mut u64),
) {
    if start < end {
        Walk { tables, lowest: 1, free, f }.level(root, LEVELS, start, end - 1);
    }
}

/// Calls `f` with every entry that leads to a table of pages some of which are in `start..end`, for it to change its bits.
pub fn walk_tables(
    tables: &mut impl Tables,
    root: u32,
    start: usize,
    end: usize,
    f: &mut dyn FnMut(&mut u64),
) {
    if start < end {
        Walk { tables, lowest: 2, free: false, f: &mut |_, entry: &mut u64| f(entry) }.level(
            root,
            LEVELS,
            start,
            end - 1,
        );
    }
}

/// Calls `f` with the frame of every table through which some of `start..end` is reached, but for the root.
pub fn tables_of(tables: &mut impl Tables, root: u32, start: usize, end: usize, f: &mut dyn FnMut(u32)) {
    for lowest in 2..=LEVELS {
        let f = &mut |_, entry: &mut u64| f(frame(*entry));
        Walk { tables: &mut *tables, lowest, free: false, f }.level(root, LEVELS, start, end - 1);
    }
}

struct Walk<'a, T> {
    tables: &'a mut T,
    /// Whose entries are told.
    lowest: u32,
    free: bool,
    f: &'a mut dyn FnMut(usize, &mut u64),
}

impl<T: Tables> Walk<'_, T> {
    /// `last` is the last byte. Addresses of the upper half keep their high bits through `start`.
    fn level(&mut self, table: u32, level: u32, start: usize, last: usize) {
        let first = start & !(span(level) - 1);
        let (from, to) = (index(start, level), index(last, level));
        if level == self.lowest {
            let entries = &mut self.tables.table(table)[from..=to];
            for (i, entry) in entries.iter_mut().enumerate().filter(|(_, entry)| **entry != 0) {
                (self.f)(first + i * span(level), entry);
            }
            return;
        }
        for slot in from..=to {
            let entry = self.tables.table(table)[slot];
            if entry & PRESENT == 0 {
                continue;
            }
            let base = first + (slot - from) * span(level);
            let end = base + (span(level) - 1);
            let below = frame(entry);
            self.level(below, level - 1, start.max(base), last.min(end));
            let whole = start <= base && end <= last;
            if self.free && whole && self.tables.table(below).iter().all(|e| *e == 0) {
                self.tables.table(table)[slot] = 0;
                self.tables.free_table(below);
            }
        }
    }
}

#[cfg(test)]
mod tests;
