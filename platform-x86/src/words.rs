//! A region that holds words only and lies at a fixed place: no lookup on the way to a word.

use core::sync::atomic::{AtomicU32, AtomicU64};

use protocol::SharedMem;

/// Shared words at a fixed place.
pub struct Words {
    at: usize,
    len: usize,
}

impl Words {
    /// `len` bytes from `at`.
    ///
    /// # Safety
    /// The range is mapped (on demand, perhaps) for as long as it is used, 8-byte aligned, and accessed only atomically.
    pub const unsafe fn new(at: usize, len: usize) -> Words {
        Words { at, len }
    }
}

impl SharedMem for Words {
    fn len(&self) -> usize {
        self.len
    }
    fn u32_at(&self, off: usize) -> &AtomicU32 {
        assert!(off.is_multiple_of(4) && off < self.len);
        // SAFETY: in range and aligned; the rest is `new`'s.
        unsafe { &*((self.at + off) as *const AtomicU32) }
    }
    fn u64_at(&self, off: usize) -> &AtomicU64 {
        assert!(off.is_multiple_of(8) && off < self.len);
        // SAFETY: as for u32_at.
        unsafe { &*((self.at + off) as *const AtomicU64) }
    }
    fn read(&self, _: usize, _: &mut [u8]) {
        unreachable!("the region holds words only");
    }
    fn write(&self, _: usize, _: &[u8]) {
        unreachable!("the region holds words only");
    }
}
