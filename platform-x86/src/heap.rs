//! The kernel's heap: dlmalloc over a platform's pages.

use core::alloc::{GlobalAlloc, Layout};

use dlmalloc::{Allocator, Dlmalloc};

/// A global allocator over these pages.
pub struct Heap<P>(spin::Mutex<Dlmalloc<P>>);

impl<P: Allocator> Heap<P> {
    /// An empty heap.
    pub const fn new(pages: P) -> Self {
        Heap(spin::Mutex::new(Dlmalloc::new_with_allocator(pages)))
    }
}

// SAFETY: dlmalloc's own guarantees, under a lock.
unsafe impl<P: Allocator> GlobalAlloc for Heap<P> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        unsafe { self.0.lock().malloc(layout.size(), layout.align()) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { self.0.lock().free(ptr, layout.size(), layout.align()) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        unsafe { self.0.lock().calloc(layout.size(), layout.align()) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's.
        unsafe { self.0.lock().realloc(ptr, layout.size(), layout.align(), new_size) }
    }
}
