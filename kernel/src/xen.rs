//! The member's kernel on Xen: the one place that names both the platform and the kernel.
#![cfg_attr(freestanding, no_std, no_main)]

use platform::machine::Entry;
use platform_xen::shell::Kernel;

/// What the platform runs.
#[cfg_attr(freestanding, unsafe(no_mangle))]
fn offshoot_kernel() -> Kernel {
    Kernel { entry: Entry { trap: posix::trap }, start: posix::start }
}

/// Stands in outside of the profile `kernel`.
#[cfg(not(freestanding))]
fn main() {
    let _ = offshoot_kernel;
}
