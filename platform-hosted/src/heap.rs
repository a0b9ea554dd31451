//! The kernel's heap: dlmalloc over pages that grow like a break in the lower half of the kernel's heap range.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

use platform_x86::heap::Heap;
use protocol::hosted::KERNEL_HEAP;

use crate::context::STACKS;
use crate::host;

/// One past the last mapped byte of the heap.
static TOP: AtomicUsize = AtomicUsize::new(KERNEL_HEAP.0);

/// Pages from the host. Only the end can be given back; dlmalloc keeps the rest for itself.
struct Pages;

// SAFETY: 1. `alloc` answers fresh, exclusive pages; 2. `free` and `free_part` unmap only what dlmalloc gives back.
unsafe impl dlmalloc::Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let size = size.next_multiple_of(self.page_size());
        let at = TOP.load(Ordering::Relaxed);
        if size > STACKS - at {
            return (null_mut(), 0, 0);
        }
        // SAFETY: nothing was ever mapped, or is mapped any more, above the top.
        match unsafe { host::map_kernel(at, size) } {
            Ok(addr) => {
                TOP.store(at + size, Ordering::Relaxed);
                (addr as *mut u8, size, 0)
            }
            Err(_) => (null_mut(), 0, 0),
        }
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        null_mut()
    }

    fn free_part(&self, ptr: *mut u8, old: usize, new: usize) -> bool {
        let (start, end) = (ptr as usize + new, ptr as usize + old);
        if end != TOP.load(Ordering::Relaxed) {
            return false;
        }
        // SAFETY: the range is the heap's end, which dlmalloc gives back.
        let freed = unsafe { host::unmap(start, end - start) }.is_ok();
        if freed {
            TOP.store(start, Ordering::Relaxed);
        }
        freed
    }

    fn free(&self, ptr: *mut u8, size: usize) -> bool {
        self.free_part(ptr, size, 0)
    }

    fn can_release_part(&self, _: u32) -> bool {
        true
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        abi::mm::PAGE_SIZE
    }
}

#[global_allocator]
static HEAP: Heap<Pages> = Heap::new(Pages);
