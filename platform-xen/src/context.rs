//! Where contexts lie, how their memory and their fs base are the domain's, and what of them a clone leaves out.

use alloc::vec::Vec;

use abi::mm::PAGE_SIZE;
use platform_x86::context::{Contexts, Ground, SLOT, base};

use crate::layout::STACKS;
use crate::xen::Xen;
use crate::{cpu, space};

/// The member's contexts.
pub static CONTEXTS: Contexts<Xen> = Contexts::new();

impl Ground for Xen {
    const RANGE: (usize, usize) = STACKS;
    const KEPT: usize = 4;

    fn map(at: usize, len: usize) -> bool {
        let mapped = space::map_kernel(at, len / PAGE_SIZE);
        if !mapped {
            space::unmap_kernel(at, len / PAGE_SIZE);
        }
        mapped
    }
    unsafe fn unmap(at: usize, len: usize) {
        space::unmap_kernel(at, len / PAGE_SIZE);
    }
    fn fs_base() -> Option<usize> {
        cpu::fs_base()
    }
    fn set_fs_base(base: usize) {
        cpu::set_fs_base(base);
    }
}

/// The current context's slot, behind its guard page.
pub fn current_slot() -> (usize, usize) {
    let start = base::<Xen>(CONTEXTS.current().0);
    (start + PAGE_SIZE, start + SLOT)
}

/// Frames of stacks that a clone need not copy, in order: what is unused of this one, and all of others, which do not exist
/// in the child.
pub fn not_worth_copying(rsp: usize, frames: &mut Vec<u32>) {
    let current = CONTEXTS.current().0;
    for id in 0..CONTEXTS.used() {
        let start = base::<Xen>(id);
        let end = if id == current { rsp & !(PAGE_SIZE - 1) } else { start + SLOT };
        space::clone::frames_of(start, end, frames);
    }
    frames.sort_unstable();
}
