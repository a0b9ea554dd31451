//! Which entries of a grant table are taken. They come in blocks of 64: a table that several processes write is divided
//! among them by blocks.

/// Entries of a block.
pub const BLOCK: usize = 64;

/// The entries that are this process's to give.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// One word per block, a bit per entry: taken, or not ours.
    taken: Vec<u64>,
    /// How many are ours to give.
    ours: usize,
    in_use: usize,
    /// Where the next search begins.
    hint: usize,
}

impl Entries {
    /// A block is ours from here on, but for its first `reserved` entries.
    pub fn open(&mut self, block: usize, reserved: u32) {
        self.taken.resize(self.taken.len().max(block + 1), u64::MAX);
        self.taken[block] = (1 << reserved) - 1;
        self.ours += BLOCK - reserved as usize;
    }

    /// How many are taken.
    pub fn in_use(&self) -> usize {
        self.in_use
    }

    /// How many are ours and free.
    pub fn free(&self) -> usize {
        self.ours - self.in_use
    }

    /// Takes entries that follow each other; the first. None where there are not so many in a row.
    pub fn take(&mut self, count: usize) -> Option<usize> {
        let end = self.taken.len() * BLOCK;
        let first = self.find(self.hint, end, count).or_else(|| self.find(0, end, count))?;
        for index in first..first + count {
            self.taken[index / BLOCK] |= 1 << (index % BLOCK);
        }
        self.hint = first + count;
        self.in_use += count;
        Some(first)
    }

    /// An entry that was taken is free again.
    pub fn release(&mut self, index: usize) {
        let (block, bit) = (index / BLOCK, 1 << (index % BLOCK));
        if let Some(taken) = self.taken.get_mut(block).filter(|taken| **taken & bit != 0) {
            *taken &= !bit;
            self.in_use -= 1;
        }
    }

    /// The first run of `count` free entries in a range.
    fn find(&self, from: usize, to: usize, count: usize) -> Option<usize> {
        let (mut first, mut index) = (from, from);
        while index - first < count {
            if index >= to {
                return None;
            }
            if index.is_multiple_of(BLOCK) && self.taken[index / BLOCK] == u64::MAX {
                index += BLOCK;
                first = index;
            } else if self.taken[index / BLOCK] & 1 << (index % BLOCK) != 0 {
                index += 1;
                first = index;
            } else {
                index += 1;
            }
        }
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_entries_of_open_blocks_are_given() {
        let mut entries = Entries::default();
        assert_eq!(entries.take(1), None);
        entries.open(2, 0);
        assert_eq!((entries.take(1), entries.take(63)), (Some(128), Some(129)));
        assert_eq!((entries.take(1), entries.free(), entries.in_use()), (None, 0, 64));
        entries.open(0, 8);
        assert_eq!((entries.take(57), entries.take(56)), (None, Some(8)));
        entries.release(130);
        assert_eq!((entries.take(1), entries.in_use()), (Some(130), 120));
    }

    #[test]
    fn runs_cross_blocks_that_are_both_open() {
        let mut entries = Entries::default();
        (0..2).for_each(|block| entries.open(block, 0));
        assert_eq!((entries.take(60), entries.take(10)), (Some(0), Some(60)));
        entries.open(3, 0);
        assert_eq!(entries.take(60), Some(192));
        assert_eq!((entries.take(60), entries.free()), (None, 62));
    }
}
