//! The boundary to the kernel: opening its Xen devices, their ioctls, and memory mapped from them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::ptr;

use crate::{Error, PAGE, Result};

/// A number of `_IOC(_IOC_NONE, kind, number, size)`, as all of Linux's Xen devices use.
pub const fn ioc(kind: u8, number: u8, size: usize) -> u64 {
    ((size as u64) << 16) | ((kind as u64) << 8) | number as u64
}

/// Opens a device for this process alone.
pub fn open(path: &str, flags: i32) -> Result<File> {
    let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_CLOEXEC | flags).open(path);
    file.map_err(|source| Error::Device { path: path.to_owned(), source })
}

/// One ioctl with a structure as its argument.
///
/// # Safety
/// `number` must be an ioctl of the file whose argument is a `T`, and every address in it must be valid for what the
/// kernel (or the hypercall) does with it.
pub unsafe fn ioctl<T>(file: &File, number: u64, argument: &mut T) -> io::Result<i64> {
    // SAFETY: the descriptor is open, `argument` is a live T, and the caller vouches for the rest.
    let ret = unsafe { libc::ioctl(file.as_raw_fd(), number, ptr::from_mut(argument)) };
    if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(ret.into()) }
}

/// Pages mapped from a device, unmapped when dropped.
#[derive(Debug)]
pub struct Mapping {
    base: *mut u8,
    len: usize,
}

// SAFETY: a mapping is plain memory that belongs to the process, not to a thread.
unsafe impl Send for Mapping {}
// SAFETY: as above; whoever reads or writes through `base` answers for races.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `pages` pages of a device, shared, readable and writable.
    pub fn new(file: &File, pages: usize) -> io::Result<Mapping> {
        let len = pages * PAGE;
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh mapping at an address that the kernel chooses touches no memory in use.
        let base = unsafe { libc::mmap(ptr::null_mut(), len, prot, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Mapping { base: base.cast(), len })
    }

    /// Reserves the addresses of `pages` pages, with nothing there.
    pub fn reserve(pages: usize) -> io::Result<Mapping> {
        let len = pages * PAGE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh mapping at an address that the kernel chooses touches no memory in use.
        let base = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Mapping { base: base.cast(), len })
    }

    /// Maps the device over these pages of the mapping, in place of what was there.
    pub fn place(&self, file: &File, page: usize, pages: usize) -> io::Result<()> {
        assert!(page.checked_add(pages).is_some_and(|end| end * PAGE <= self.len), "outside of the mapping");
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        // SAFETY: the range lies in this mapping (checked above), so nothing else is replaced.
        let base = unsafe {
            let at = self.base.add(page * PAGE).cast();
            libc::mmap(at, pages * PAGE, prot, flags, file.as_raw_fd(), 0)
        };
        if base == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// The first byte.
    pub fn base(&self) -> *mut u8 {
        self.base
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new` with this length, and nobody holds it any more. An error would mean
        // that it is not there, which is what is wanted.
        unsafe { libc::munmap(self.base.cast(), self.len) };
    }
}
