//! Where things lie: the kernel's half of the address space, and the zones of guest frame numbers.
//!
//! Frame numbers are names, cheap and sparse: zones keep the kernel's frames (few, copied at a clone) apart from the app's
//! and from the numbers at which pages of others are mapped.

use abi::mm::PAGE_SIZE;
use protocol::xen::IMAGE_VIRT;

/// The app's half, without the first pages and the last one.
pub const APP: (usize, usize) = (0x1_0000, 0x7fff_ffff_f000);
/// Where guest-physical address 0 is in the direct map.
pub const DIRECT: usize = 0xffff_8800_0000_0000;
/// Regions mapped for the kernel.
pub const VIEWS: (usize, usize) = (0xffff_a000_0000_0000, 0xffff_a080_0000_0000);
/// Stacks of contexts.
pub const STACKS: (usize, usize) = (0xffff_b000_0000_0000, 0xffff_b000_4000_0000);

/// The kernel's frames end here; they begin behind what the builder populated.
pub const KERNEL_END: u32 = 0x4000;
/// The app's frames.
pub const OWN: (u32, u32) = (KERNEL_END, 0xc_0000);
/// Frame numbers for pages of others.
pub const GRANTS: (u32, u32) = (0xc_0000, 0xf_0000);
/// Frames in which the kernel is copied for a clone.
pub const SNAPSHOT: (u32, u32) = (GRANTS.1, GRANTS.1 + KERNEL_END);

/// The page of a frame in the direct map.
pub const fn direct(gfn: u32) -> usize {
    DIRECT + gfn as usize * PAGE_SIZE
}

/// The frame of an address in the direct map or the image.
pub const fn frame_of(addr: usize) -> u32 {
    let base = if addr >= IMAGE_VIRT as usize { IMAGE_VIRT as usize } else { DIRECT };
    ((addr - base) / PAGE_SIZE) as u32
}
