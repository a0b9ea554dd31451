//! The seam below the kernel: five small traits shaped like a machine, and an in-memory fake for tests.
//!
//! Nothing POSIX-shaped crosses it. `platform-hosted` and `platform-xen` implement it; everything above is the same
//! code on both.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "fake"))]
extern crate std;

pub mod clock;
pub mod clone;
pub mod events;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod machine;
pub mod regions;
pub mod sync;
pub mod view;

pub use clock::Clock;
pub use clone::{CloneError, CloneMember, ClonePlan, Cloned};
pub use events::Events;
pub use machine::{Backing, CodeSpace, ContextId, Fault, Machine, MemError, Prot, TRAMPOLINES_LEN};
pub use regions::Regions;
pub use view::RegionView;

/// A whole platform.
pub trait Platform: Machine + Clock + Events + Regions + CloneMember + Sync {}
impl<T: Machine + Clock + Events + Regions + CloneMember + Sync> Platform for T {}
