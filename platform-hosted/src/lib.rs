//! The hosted platform: the seam's traits inside a seccomp'd Linux process.
//!
//! The way through this crate:
//! - [`start`] sets the process up: regions mapped, handlers, filter, first context.
//! - [`gate`] is the only place from which host calls are possible; [`host`] gives them types; [`filter`] is the seccomp
//!   program that enforces both.
//! - [`entry`] is the way from the app into the kernel and back; [`signals`] turns host signals (trapped calls, faults,
//!   kicks) into such entries; [`patch`] rewrites system-call sites so that they need no signal.
//! - [`context`] and [`xstate`] hold what a kernel thread and a user thread consist of.
//! - [`memory`], [`usercopy`], [`regions`], [`events`], [`clock`], [`cloning`] implement the traits; [`hosted`] is the
//!   type that has them all.
//!
//! One host thread is the one virtual CPU: nothing here is ever contended, and a host signal never runs kernel logic.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod clock;
pub mod cloning;
pub mod context;
pub mod cpu;
pub mod entry;
pub mod events;
pub mod filter;
pub mod gate;
#[cfg(freestanding)]
pub mod heap;
pub mod host;
pub mod hosted;
pub mod memory;
pub mod panic;
pub mod patch;
pub mod regions;
pub mod signals;
mod spinning;
pub mod start;
pub mod vdso;

pub use hosted::{HOSTED, Hosted};
pub use platform_x86::{usercopy, xstate};
