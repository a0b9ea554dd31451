//! Regions on the heap.

use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};

use crate::RegionView;

const PAGE: usize = 4096;

fn layout(len: usize) -> Layout {
    Layout::from_size_align(len.max(1), PAGE).expect("a region's size fits the address space")
}

/// A zeroed region.
pub fn new(len: usize) -> RegionView {
    // SAFETY: the layout is not empty.
    let Some(ptr) = NonNull::new(unsafe { alloc_zeroed(layout(len)) }) else {
        handle_alloc_error(layout(len))
    };
    // SAFETY: 1. the memory is zeroed, page-aligned and ours until `free`; 2. nobody else has its address.
    unsafe { RegionView::new(ptr, len, free) }
}

fn free(ptr: NonNull<u8>, len: usize) {
    // SAFETY: allocated by `new` with this layout; the last view is gone.
    unsafe { dealloc(ptr.as_ptr(), layout(len)) }
}
