//! Where contexts lie, and how their memory and their fs base are the host's.

use platform_x86::context::{Contexts, Ground};
use protocol::hosted::KERNEL_HEAP;

use crate::hosted::Hosted;
use crate::{cpu, host};

/// Where the stacks begin: half-way through the kernel's heap range.
pub const STACKS: usize = KERNEL_HEAP.0 + (KERNEL_HEAP.1 - KERNEL_HEAP.0) / 2;

/// The member's contexts.
pub static CONTEXTS: Contexts<Hosted> = Contexts::new();

impl Ground for Hosted {
    const RANGE: (usize, usize) = (STACKS, KERNEL_HEAP.1);
    const KEPT: usize = 32;

    fn map(at: usize, len: usize) -> bool {
        // SAFETY: the slot is nobody's.
        unsafe { host::map_kernel(at, len) }.is_ok()
    }
    unsafe fn unmap(at: usize, len: usize) {
        // SAFETY: the caller's. If the host refuses, the memory stays, unused.
        let _ = unsafe { host::unmap(at, len) };
    }
    fn fs_base() -> Option<usize> {
        cpu::fs_base()
    }
    fn set_fs_base(base: usize) {
        cpu::set_fs_base(base);
    }
}
