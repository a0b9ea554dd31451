//! The Xen platform's backend: members are PVH domains, which the monitor builds, serves and ends from dom0.
//!
//! docs/xen.md has the mechanisms. Here, by file: `hyper` what is needed of Xen, `real` that over `xenctl`,
//! `window` its pages in our address space; `holder` the
//! domain that owns the pages of regions, `pages` and `file_pages` what those pages hold; `door`, `watch` and `serve` what
//! members ask for; `tokens` and `clone` copy-on-write; `host` the domains and the pool of shells; `end` how they go.

mod check;
mod clone;
mod common_file;
mod commons;
mod crash;
mod domain;
mod door;
mod end;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod fake_window;
pub mod file_pages;
mod grantor;
mod holder;
mod host;
mod hyper;
mod memory;
mod pages;
mod ports;
mod real;
mod register;
mod serve;
mod shed;
mod sweep;
#[cfg(test)]
mod tests;
mod tokens;
mod touches;
mod watch;
mod window;

pub use file_pages::FilePages;
pub use holder::Holder;
pub use host::Host;
pub use hyper::Status;
pub use pages::Pages;
pub use ports::Ports;
pub use serve::{attend, do_chore, doors_rang};
pub use sweep::{is_dom0, sweep};
pub use watch::{is_asked, look_away, serve_watched};

use crate::backend::Backend;
use crate::family::Family;

/// Files were cut: whoever has pages of them is told.
pub fn tell_cuts(fam: &mut Family) {
    for file in file_pages::take_cut() {
        let Backend::Xen(host) = &mut fam.backend else { return };
        for (region, slot) in fam.regions.of_file(&file) {
            host.cut(slot, region);
        }
    }
}

/// Nanoseconds until the backend wants the loop's attention.
pub fn next_look(fam: &Family) -> Option<u64> {
    match &fam.backend {
        Backend::Hosted(_) => None,
        Backend::Xen(host) => Some(host.next_look().as_nanos() as u64),
    }
}
