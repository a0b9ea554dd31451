//! Shared memory as the protocol sees it: atomic words at offsets and byte ranges that another party may
//! change at any time.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Memory that other members or the monitor map too.
///
/// Offsets are in bytes. An access outside the memory or misaligned panics: offsets are computed by our own
/// code from validated values only.
pub trait SharedMem {
    /// Size in bytes.
    fn len(&self) -> usize;
    /// True when the memory has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The 32-bit word at `off` (a multiple of 4).
    fn u32_at(&self, off: usize) -> &AtomicU32;
    /// The 64-bit word at `off` (a multiple of 8).
    fn u64_at(&self, off: usize) -> &AtomicU64;
    /// Copies bytes out of the memory; concurrent writers may tear them.
    fn read(&self, off: usize, dst: &mut [u8]);
    /// Copies bytes into the memory.
    fn write(&self, off: usize, src: &[u8]);
}

/// Memory of one process for tests of the state machines.
pub struct HeapMem {
    words: Box<[AtomicU64]>,
    halves: Box<[AtomicU32]>,
}

impl HeapMem {
    /// `len` bytes (rounded up to 8), zeroed. 64-bit words live apart from 32-bit words and bytes, which is
    /// enough for layouts that never mix both views of one place.
    pub fn new(len: usize) -> Self {
        let n = len.div_ceil(8);
        Self {
            words: (0..n).map(|_| AtomicU64::new(0)).collect(),
            halves: (0..n * 2).map(|_| AtomicU32::new(0)).collect(),
        }
    }
}

impl SharedMem for HeapMem {
    fn len(&self) -> usize {
        self.words.len() * 8
    }
    fn u32_at(&self, off: usize) -> &AtomicU32 {
        assert!(off.is_multiple_of(4));
        &self.halves[off / 4]
    }
    fn u64_at(&self, off: usize) -> &AtomicU64 {
        assert!(off.is_multiple_of(8));
        &self.words[off / 8]
    }
    fn read(&self, off: usize, dst: &mut [u8]) {
        for (i, b) in dst.iter_mut().enumerate() {
            let at = off + i;
            *b = (self.halves[at / 4].load(Ordering::Relaxed) >> ((at % 4) * 8)) as u8;
        }
    }
    fn write(&self, off: usize, src: &[u8]) {
        for (i, b) in src.iter().enumerate() {
            let at = off + i;
            let word = &self.halves[at / 4];
            let shift = (at % 4) * 8;
            let old = word.load(Ordering::Relaxed);
            word.store((old & !(0xff << shift)) | (u32::from(*b) << shift), Ordering::Relaxed);
        }
    }
}
