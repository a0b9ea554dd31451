//! A mapped region.

use alloc::sync::Arc;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64};

use protocol::SharedMem;

struct Mapping {
    ptr: NonNull<u8>,
    len: usize,
    unmap: fn(NonNull<u8>, usize),
}

// SAFETY: 1. the mapping is only accessed through atomics and raw copies that tolerate concurrent change;
// 2. its address is valid in every thread of the member until `unmap`, which runs once, in drop.
unsafe impl Send for Mapping {}
// SAFETY: as for Send.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        (self.unmap)(self.ptr, self.len);
    }
}

/// A region mapped into the kernel's part of the address space; unmapped with its last clone.
#[derive(Clone)]
pub struct RegionView(Arc<Mapping>);

impl RegionView {
    /// Wraps a mapping.
    ///
    /// # Safety
    /// 1. `ptr..ptr+len` is mapped readable (and writable, if anyone will write) and page-aligned, and stays so until
    ///    `unmap` is called. 2. Nothing else creates Rust references into it.
    pub unsafe fn new(ptr: NonNull<u8>, len: usize, unmap: fn(NonNull<u8>, usize)) -> Self {
        Self(Arc::new(Mapping { ptr, len, unmap }))
    }

    /// Address of byte `off`; `len` bytes from there are inside (or this panics). For platforms' copy routines.
    pub fn addr(&self, off: usize, len: usize) -> NonNull<u8> {
        assert!(off <= self.0.len && len <= self.0.len - off, "region access out of range");
        // SAFETY: off is within the mapping, checked above.
        unsafe { self.0.ptr.add(off) }
    }

    /// Copies `len` bytes of another region's `from` to `off` here; also within one region, even if the ranges overlap.
    pub fn copy_from(&self, off: usize, other: &RegionView, from: usize, len: usize) {
        let (dst, src) = (self.addr(off, len), other.addr(from, len));
        // SAFETY: both ranges are in their mappings (addr checks), which are mapped as long as self and other live.
        unsafe { core::ptr::copy(src.as_ptr(), dst.as_ptr(), len) }
    }
}

impl SharedMem for RegionView {
    fn len(&self) -> usize {
        self.0.len
    }
    fn u32_at(&self, off: usize) -> &AtomicU32 {
        assert!(off.is_multiple_of(4));
        // SAFETY: 1. in range (addr checks), aligned (the mapping is page-aligned, off a multiple of 4);
        // 2. others access it only atomically or by raw copies; 3. it lives as long as self.
        unsafe { self.addr(off, 4).cast::<AtomicU32>().as_ref() }
    }
    fn u64_at(&self, off: usize) -> &AtomicU64 {
        assert!(off.is_multiple_of(8));
        // SAFETY: as for u32_at.
        unsafe { self.addr(off, 8).cast::<AtomicU64>().as_ref() }
    }
    fn read(&self, off: usize, dst: &mut [u8]) {
        let src = self.addr(off, dst.len());
        // SAFETY: source in range, destination a distinct Rust slice; tearing is tolerated by the callers.
        unsafe { core::ptr::copy_nonoverlapping(src.as_ptr(), dst.as_mut_ptr(), dst.len()) }
    }
    fn write(&self, off: usize, src: &[u8]) {
        let dst = self.addr(off, src.len());
        // SAFETY: as for read; the caller holds the ring's lock where the layout wants one.
        unsafe { core::ptr::copy_nonoverlapping(src.as_ptr(), dst.as_ptr(), src.len()) }
    }
}
