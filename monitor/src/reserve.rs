//! The allocator of a process that does not end when it gets no more memory. What is large asks for memory in ways that can
//! fail, and is then told as ENOMEM; what is small (a list that grows, a line of text) cannot, so some addresses are set
//! aside for that, and are had again when there is memory again. Nothing is in them, so they cost none.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// What is set aside: more than all that is small and comes between two looks at it. The C library maps it by itself and
/// gives it back as a whole.
const SIZE: usize = 1 << 20;
/// What is small.
const SMALL: usize = 1 << 16;

const LAYOUT: Layout = match Layout::from_size_align(SIZE, 16) {
    Ok(layout) => layout,
    Err(_) => panic!(),
};

/// The system's allocator, with something set aside.
struct Reserving(AtomicPtr<u8>);

#[global_allocator]
static ALLOCATOR: Reserving = Reserving(AtomicPtr::new(null_mut()));

/// Sets memory aside if there is none and some is to be had.
pub fn fill() {
    if !ALLOCATOR.0.load(Ordering::Relaxed).is_null() {
        return;
    }
    // SAFETY: the layout's size is not zero.
    let fresh = unsafe { System.alloc(LAYOUT) };
    let empty = ALLOCATOR.0.compare_exchange(null_mut(), fresh, Ordering::AcqRel, Ordering::Relaxed);
    if empty.is_err() && !fresh.is_null() {
        // SAFETY: it was allocated above with this layout, and nobody else has it.
        unsafe { System.dealloc(fresh, LAYOUT) };
    }
}

impl Reserving {
    /// Gives what is set aside to the system's allocator; false when there is nothing, or it would not do.
    fn give_up(&self, wanted: usize) -> bool {
        if wanted > SMALL {
            return false;
        }
        let reserve = self.0.swap(null_mut(), Ordering::AcqRel);
        if reserve.is_null() {
            return false;
        }
        // SAFETY: `fill` allocated it with this layout, and the swap gave it to this thread alone.
        unsafe { System.dealloc(reserve, LAYOUT) };
        true
    }
}

// SAFETY: 1. every block comes from the system's allocator and goes back to it with its own layout; 2. a call that failed is
// repeated with the same arguments, which a failure leaves valid.
unsafe impl GlobalAlloc for Reserving {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that the system's allocator wants.
        let block = unsafe { System.alloc(layout) };
        if block.is_null() && self.give_up(layout.size()) {
            // SAFETY: as above.
            return unsafe { System.alloc(layout) };
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        let block = unsafe { System.alloc_zeroed(layout) };
        if block.is_null() && self.give_up(layout.size()) {
            // SAFETY: as in `alloc`.
            return unsafe { System.alloc_zeroed(layout) };
        }
        block
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as in `alloc`.
        let moved = unsafe { System.realloc(block, layout, size) };
        if moved.is_null() && self.give_up(size) {
            // SAFETY: as in `alloc`; after a failure the block is still the caller's.
            return unsafe { System.realloc(block, layout, size) };
        }
        moved
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        unsafe { System.dealloc(block, layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_is_given_up_once_and_for_small_things_only() {
        let own = Reserving(AtomicPtr::new(null_mut()));
        assert!(!own.give_up(16));
        // SAFETY: the layout's size is not zero.
        own.0.store(unsafe { System.alloc(LAYOUT) }, Ordering::Relaxed);
        assert!(!own.give_up(SMALL + 1));
        assert!(own.give_up(16));
        assert!(!own.give_up(16));
    }
}
