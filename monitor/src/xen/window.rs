//! Windows: pages of the monitor's address space onto frames of domains, and whole pages moved through them.

use std::ptr::NonNull;

use abi::Errno;

use super::pages::PAGE;

/// A window of pages onto frames of domains.
pub trait Window {
    /// Its first byte; it stays there as long as the window lives.
    fn base(&self) -> NonNull<u8>;
    /// Bytes of it.
    fn len(&self) -> usize;
    /// Maps frames of a domain at consecutive pages where nothing is mapped yet.
    fn map(&self, page: usize, domain: u32, gfns: &[u64]) -> Result<(), Errno>;
    /// Makes a hole of these pages again.
    fn unmap(&self, page: usize, pages: usize) -> Result<(), Errno>;
}

/// A page of the window.
fn at(window: &dyn Window, page: usize) -> NonNull<u8> {
    assert!(page < window.len() / PAGE, "access outside of a window");
    // SAFETY: within the window, checked above.
    unsafe { window.base().add(page * PAGE) }
}

/// Fills a page that is mapped.
pub fn store(window: &dyn Window, page: usize, bytes: &[u8; PAGE]) {
    // SAFETY: 1. the page lies in the window (`at` checks) and the caller has it mapped; 2. members that have it too
    // tolerate tearing, as with a file's own pages on a host.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), at(window, page).as_ptr(), PAGE) }
}

/// Copies a page that is mapped.
pub fn fetch(window: &dyn Window, page: usize) -> [u8; PAGE] {
    let mut bytes = [0; PAGE];
    // SAFETY: as for `store`.
    unsafe { std::ptr::copy_nonoverlapping(at(window, page).as_ptr(), bytes.as_mut_ptr(), PAGE) }
    bytes
}
