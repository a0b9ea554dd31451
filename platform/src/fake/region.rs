//! Regions on the heap.
//!
//! The allocator zeroes memory lazily only if no great alignment is asked for, and most of a region is never touched: so a
//! region is aligned here, within an allocation that is a page longer, and its address there is kept in front of it.

use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};

use crate::RegionView;

const PAGE: usize = 4096;
const WORD: usize = size_of::<usize>();

fn layout(len: usize) -> Layout {
    Layout::from_size_align(len + PAGE + WORD, WORD).expect("a region's size fits the address space")
}

/// A zeroed region.
pub fn new(len: usize) -> RegionView {
    // SAFETY: the layout is not empty.
    let Some(start) = NonNull::new(unsafe { alloc_zeroed(layout(len)) }) else {
        handle_alloc_error(layout(len))
    };
    let skip = (start.addr().get() + WORD).next_multiple_of(PAGE) - start.addr().get();
    // SAFETY: 1. WORD <= skip < PAGE + WORD, so the word before the region and all `len` bytes of it are within the
    // allocation; 2. the word is aligned, as the region is.
    let ptr = unsafe {
        let ptr = start.add(skip);
        ptr.sub(WORD).cast::<usize>().write(skip);
        ptr
    };
    // SAFETY: 1. the memory is zeroed, page-aligned and ours until `free`; 2. nobody else has its address.
    unsafe { RegionView::new(ptr, len, free) }
}

fn free(ptr: NonNull<u8>, len: usize) {
    // SAFETY: 1. `new` put the distance to the allocation's start there; 2. it was allocated with this layout; 3. the last
    // view is gone.
    unsafe {
        let skip = ptr.sub(WORD).cast::<usize>().read();
        dealloc(ptr.sub(skip).as_ptr(), layout(len));
    }
}
