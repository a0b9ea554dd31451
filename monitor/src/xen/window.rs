//! Windows: pages of the monitor's address space onto frames of domains, and whole pages moved through them.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::rc::Rc;

use abi::Errno;
use rustix::buffer::spare_capacity;

use super::pages::PAGE;
use crate::mapping::Pages;

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

/// A window that is mapped wherever it is looked at.
pub struct Whole(pub Rc<dyn Window>);

impl Pages for Whole {
    fn base(&self) -> NonNull<u8> {
        self.0.base()
    }
    fn size(&self) -> usize {
        self.0.len()
    }
    fn need(&self, _off: usize, _len: usize) {}
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

/// Fills pages that are mapped from a file, from a place in it on; what the file does not have is zero.
pub fn read_file(
    window: &dyn Window,
    page: usize,
    pages: usize,
    file: BorrowedFd<'_>,
    from: u64,
) -> Result<(), Errno> {
    assert!(pages > 0 && page + pages <= window.len() / PAGE, "access outside of a window");
    let (to, len) = (at(window, page).as_ptr(), pages * PAGE);
    let mut done = 0;
    while done < len {
        // SAFETY: 1. the pages lie in the window (checked above) and the caller has them mapped; 2. the kernel writes
        // there, and nothing of Rust's relies on what they hold.
        let got = unsafe {
            let off = (from + done as u64) as libc::off_t;
            libc::pread(file.as_raw_fd(), to.add(done).cast(), len - done, off)
        };
        let refused = (got < 0).then(std::io::Error::last_os_error).and_then(|e| e.raw_os_error());
        done += match refused {
            None if got == 0 => break,
            None => got as usize,
            Some(libc::EINTR) => 0,
            // Some file systems read only to what is the process's own memory: as much as possible at a time, since such
            // a read may be a question to another machine.
            Some(libc::EFAULT) => {
                let mut bytes = Vec::with_capacity(len - done);
                let got = rustix::io::pread(file, spare_capacity(&mut bytes), from + done as u64)
                    .map_err(|e| Errno(e.raw_os_error()))?;
                if got == 0 {
                    break;
                }
                // SAFETY: as above; no more was read than there was room for.
                unsafe { to.add(done).copy_from_nonoverlapping(bytes.as_ptr(), got) };
                got
            }
            Some(error) => return Err(Errno(error)),
        };
    }
    // SAFETY: as above; members that have the pages tolerate tearing, as for `store`.
    unsafe { to.add(done).write_bytes(0, len - done) };
    Ok(())
}

/// Copies a page that is mapped.
pub fn fetch(window: &dyn Window, page: usize) -> [u8; PAGE] {
    let mut bytes = [0; PAGE];
    // SAFETY: as for `store`.
    unsafe { std::ptr::copy_nonoverlapping(at(window, page).as_ptr(), bytes.as_mut_ptr(), PAGE) }
    bytes
}
