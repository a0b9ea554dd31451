//! Control of a Xen host from its dom0, over the kernel's devices alone: no library of Xen is linked, so that one static
//! binary serves Xen 4.16 to 4.22.
//!
//! Start at [`Xen::open`]. What there is, by file:
//!
//! | module | what it does |
//! |---|---|
//! | [`domain`] | create, limit, list, pause, unpause, destroy domains; TSC mode, paging pool |
//! | [`memory`] | frames of a domain: populate, give back, where the highest is |
//! | [`foreign`] | [`ForeignMap`]: a reserved window in which frames of domains appear one by one |
//! | [`grant`] | [`GrantTable`]: entries of another domain's grant table, written from here |
//! | [`event`] | [`EventChannels`]: ports of this program; unbound ports on behalf of a domain |
//! | [`hvm`] | the vCPU's context and the HVM parameters |
//! | [`registers`] | the vCPU's registers, for reports |
//! | [`policy`] | the CPUID leaves and MSRs that a domain sees |
//! | [`store`] | [`Store`]: a small xenstore client |
//! | [`build`] | a PVH domain from an ELF kernel, up to (not including) the first unpause |
//! | [`names`] | the xenstore nodes by which `xl` knows a domain |
//!
//! A whole life:
//!
//! ```no_run
//! use offshoot_xenctl::{Xen, build::{self, Image, Recipe}};
//!
//! # fn main() -> offshoot_xenctl::Result<()> {
//! let xen = Xen::open()?;
//! let image = Image::read(std::fs::File::open("kernel").unwrap())?;
//! let recipe = Recipe { door: 0x10..0x20, ..Recipe::default() };
//! let built = build::build(&xen, &image, &recipe, |door| {
//!     // The door's pages are zero; the facts that the guest needs go in here.
//!     door.map.write(0, &u32::from(door.domain.0).to_le_bytes());
//!     Ok(())
//! })?;
//! xen.unpause(built.domain)?;
//! // ...
//! xen.destroy(built.domain)?;
//! # Ok(())
//! # }
//! ```
//!
//! Every operation that fails says which hypercall refused, for which domain, and why ([`Error`]). A [`Xen`] is a handle
//! that is cheap to clone and may be used from any thread; calls of one handle and its clones take turns, so a thread
//! that destroys large domains had better open a handle of its own.

pub mod build;
mod control;
pub mod domain;
mod entries;
mod error;
pub mod event;
pub mod foreign;
pub mod grant;
pub mod hvm;
mod hypercall;
mod image;
pub mod memory;
pub mod names;
mod negotiate;
pub mod policy;
pub mod registers;
pub mod store;
mod sys;
mod turns;
mod wire;

pub use domain::{DomId, DomainConfig, DomainInfo};
pub use error::{Error, Result};
pub use event::EventChannels;
pub use foreign::ForeignMap;
pub use grant::{Access, Blocks, GrantRef, GrantTable};
pub use hypercall::Xen;
pub use store::Store;

/// Bytes of a page, the unit of all of Xen's memory interfaces.
pub const PAGE: usize = 4096;
