//! Memory for trampolines near the code that uses them.

use alloc::boxed::Box;

use platform::TRAMPOLINES_LEN;

/// Trampolines begin at multiples of this.
const GRAIN: usize = 8;
const GRAINS: usize = TRAMPOLINES_LEN / GRAIN;

/// One block of trampolines.
pub struct Arena {
    pub base: usize,
    used: Box<[u64; GRAINS / 64]>,
}

impl Arena {
    /// An empty one.
    pub fn new(base: usize) -> Self {
        Self { base, used: Box::new([0; GRAINS / 64]) }
    }

    fn is_used(&self, grain: usize) -> bool {
        self.used[grain / 64] & (1 << (grain % 64)) != 0
    }

    fn grains(at: usize, len: usize) -> core::ops::Range<usize> {
        at / GRAIN..(at + len).div_ceil(GRAIN)
    }

    /// Takes `len` bytes at a place that suits.
    pub fn take(&mut self, len: usize, suits: impl Fn(usize) -> bool) -> Option<usize> {
        let mut grain = 0;
        while grain * GRAIN + len <= TRAMPOLINES_LEN {
            let range = Self::grains(grain * GRAIN, len);
            if let Some(taken) = range.clone().rev().find(|g| self.is_used(*g)) {
                grain = taken + 1;
                continue;
            }
            let at = self.base + grain * GRAIN;
            if suits(at) {
                range.for_each(|g| self.used[g / 64] |= 1 << (g % 64));
                return Some(at);
            }
            grain += 1;
        }
        None
    }

    /// Gives them back.
    pub fn give(&mut self, at: usize, len: usize) {
        Self::grains(at - self.base, len).for_each(|g| self.used[g / 64] &= !(1 << (g % 64)));
    }

    /// True if `at` is inside.
    pub fn contains(&self, at: usize) -> bool {
        self.base <= at && at < self.base + TRAMPOLINES_LEN
    }
}
