//! The member's kernel on the hosted platform: the one place that names both the platform and the kernel.
#![cfg_attr(freestanding, no_std, no_main)]

use platform::machine::Entry;
use platform_hosted::start::Kernel;

/// What the platform runs.
#[cfg_attr(freestanding, unsafe(no_mangle))]
fn offshoot_kernel() -> Kernel {
    Kernel { entry: Entry { trap: posix::trap }, start: posix::start }
}

/// Stands in outside of the profile `kernel`: whoever is about to use it as a member's kernel is told.
#[cfg(not(freestanding))]
fn main() -> std::process::ExitCode {
    let _ = offshoot_kernel;
    eprintln!("offshoot: this kernel was not built to be one; build it with `cargo xtask build`");
    std::process::ExitCode::FAILURE
}
