//! Tables of pages that are frozen whole. A clone names all own pages of the app, but most are not written before it ends.
//! So a clone takes the right to write from the entries that lead to tables, and leaves the tables as they are: the cost goes
//! with the tables, not with the pages. A table's entries learn what they are when something is to become of one of them.

use super::{Live, Space};
use crate::layout::APP;
use crate::tables::{self, COW, Tables, WRITABLE};

impl Space {
    /// Freezes everything that the app has for a clone; translations are to be forgotten afterwards.
    pub(super) fn freeze(&mut self) {
        let Self { frames, frozen, root, .. } = self;
        let clone = frames.begin_clone();
        tables::walk_tables(&mut Live, *root, APP.0, APP.1, &mut |entry| {
            if *entry & COW != 0 {
                return;
            }
            let table = tables::frame(*entry) as usize;
            if frozen.len() <= table {
                frozen.resize(table + 1, 0);
            }
            frozen[table] = clone;
            *entry = *entry & !WRITABLE | COW;
        });
    }

    /// Makes the entries of a range say for themselves what they are. Where no clone wants their pages any more these are
    /// thawed, all at once. Nothing becomes writable that was cached otherwise, so that no translation need be forgotten.
    pub(super) fn open(&mut self, start: usize, end: usize) {
        let Self { frames, frozen, root, .. } = self;
        tables::walk_tables(&mut Live, *root, start, end, &mut |entry| {
            if *entry & COW == 0 {
                return;
            }
            *entry = *entry & !COW | WRITABLE;
            let table = tables::frame(*entry);
            let clone = frozen.get(table as usize).copied().unwrap_or(0);
            if !frames.is_out(clone) {
                return;
            }
            for entry in Live.table(table) {
                let own = tables::frozen(*entry);
                if own != *entry {
                    frames.freeze(tables::frame(own), clone);
                    *entry = own;
                }
            }
        });
    }

    /// In a clone: all that was own is an ancestor's, and no table is frozen.
    pub(super) fn open_all(&mut self) {
        self.frozen.clear();
        tables::walk_tables(&mut Live, self.root, APP.0, APP.1, &mut |entry| {
            *entry = *entry & !COW | WRITABLE
        });
    }
}
