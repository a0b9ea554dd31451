//! The Xen platform: the seam's traits in a PVH domain. docs/xen.md has the mechanisms.
//!
//! The way through this crate:
//! - [`boot`] goes from Xen's entry point to Rust; [`shell`] waits at the [`door`] for what to become.
//! - [`segments`], [`traps`] and [`entry`] are the ways between the app and the kernel; [`context`] holds what a thread is.
//! - [`hypercall`] and [`interface`] are Xen's interface; [`shared_info`] the page that it shares with us.
//! - [`space`] is the address space, over [`vmas`], [`tables`], [`frames`] and [`grants`];
//!   [`ahead`] is how many pages come at a time; [`kmem`] the kernel's own memory.
//! - [`seal`] gives the kernel's image its rights.
//! - [`rest`], [`stow`] and [`deep`] give back what a member can have again when it has nothing to do.
//! - [`cloning`] is a fork; [`memory`], [`regions`], [`events`], [`clock`], [`random`] implement the traits; [`xen`] is the
//!   type that has them all.
//!
//! Only what is pure is there in unit tests; the rest needs the machine.
//!
//! There is one virtual CPU, whose interrupts are off while our code runs: nothing here is ever contended.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod ahead;
#[cfg(not(test))]
pub mod boot;
#[cfg(not(test))]
pub mod clock;
#[cfg(not(test))]
pub mod cloning;
#[cfg(not(test))]
pub mod context;
#[cfg(not(test))]
pub mod cpu;
#[cfg(not(test))]
mod deep;
#[cfg(not(test))]
pub mod door;
#[cfg(not(test))]
pub mod entry;
#[cfg(not(test))]
pub mod events;
mod extents;
pub mod frames;
#[cfg(not(test))]
pub mod grants;
#[cfg(freestanding)]
pub mod heap;
#[cfg(not(test))]
mod hot;
#[cfg(not(test))]
pub mod hypercall;
pub mod interface;
#[cfg(not(test))]
pub mod kmem;
pub mod layout;
#[cfg(not(test))]
pub mod memory;
mod packed;
#[cfg(not(test))]
pub mod panic;
#[cfg(not(test))]
mod pool;
#[cfg(not(test))]
pub mod random;
#[cfg(not(test))]
pub mod regions;
#[cfg(not(test))]
mod rest;
#[cfg(not(test))]
pub mod seal;
#[cfg(not(test))]
pub mod segments;
pub mod shared_info;
#[cfg(not(test))]
pub mod shell;
#[cfg(not(test))]
pub mod snapshot;
#[cfg(not(test))]
pub mod space;
mod sparse;
#[cfg(not(test))]
mod stow;
pub mod tables;
#[cfg(not(test))]
pub mod traps;
#[cfg(not(test))]
mod turns;
pub mod vmas;
#[cfg(not(test))]
pub mod xen;

#[cfg(not(test))]
pub use xen::{XEN, Xen};
