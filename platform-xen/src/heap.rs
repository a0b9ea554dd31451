//! The kernel's heap: dlmalloc over runs of the kernel's frames in the direct map.

use core::ptr::null_mut;

use abi::mm::PAGE_SIZE;
use platform_x86::heap::Heap;

use crate::kmem;
use crate::layout::{direct, frame_of};

struct Pages;

// SAFETY: 1. `alloc` answers fresh, exclusive frames; 2. `free` takes only what dlmalloc gives back.
unsafe impl dlmalloc::Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let count = size.div_ceil(PAGE_SIZE);
        match kmem::alloc_run(count as u32) {
            Some(frame) => (direct(frame) as *mut u8, count * PAGE_SIZE, 0),
            None => (null_mut(), 0, 0),
        }
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        null_mut()
    }

    fn free_part(&self, ptr: *mut u8, old: usize, new: usize) -> bool {
        kmem::free_run(frame_of(ptr as usize + new), ((old - new) / PAGE_SIZE) as u32);
        true
    }

    fn free(&self, ptr: *mut u8, size: usize) -> bool {
        self.free_part(ptr, size, 0)
    }

    fn can_release_part(&self, _: u32) -> bool {
        true
    }

    fn allocates_zeros(&self) -> bool {
        false
    }

    fn page_size(&self) -> usize {
        PAGE_SIZE
    }
}

#[global_allocator]
static HEAP: Heap<Pages> = Heap::new(Pages);
