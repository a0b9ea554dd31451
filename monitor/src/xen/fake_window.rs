//! Windows of the hypervisor in memory: shared mappings of its domains' files.

use std::os::fd::AsRawFd;
use std::ptr::NonNull;

use abi::Errno;

use super::fake::{Fake, FakeDomain};
use super::pages::PAGE;
use super::window::Window;

pub(super) struct FakeWindow {
    fake: Fake,
    base: NonNull<u8>,
    len: usize,
}

impl FakeWindow {
    pub(super) fn new(fake: &Fake, pages: usize) -> Self {
        let len = pages * PAGE;
        // SAFETY: a new mapping at a place that the host chooses.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        assert_ne!(base, libc::MAP_FAILED);
        Self { fake: fake.clone(), base: NonNull::new(base.cast()).expect("an address"), len }
    }
}

impl Window for FakeWindow {
    fn base(&self) -> NonNull<u8> {
        self.base
    }
    fn len(&self) -> usize {
        self.len
    }
    fn map(&self, page: usize, domain: u32, gfns: &[u64]) -> Result<(), Errno> {
        self.fake.with(domain, |d| self.map_frames(page, d, gfns)).ok_or(Errno::ESRCH)?
    }
    fn unmap(&self, page: usize, pages: usize) -> Result<(), Errno> {
        // SAFETY: the pages are the window's.
        let ret = unsafe {
            libc::mprotect(self.base.as_ptr().add(page * PAGE).cast(), pages * PAGE, libc::PROT_NONE)
        };
        assert_eq!(ret, 0);
        Ok(())
    }
}

impl FakeWindow {
    fn map_frames(&self, page: usize, d: &FakeDomain, gfns: &[u64]) -> Result<(), Errno> {
        for (i, gfn) in gfns.iter().enumerate() {
            assert!((page + i) * PAGE < self.len, "outside of a window");
            if !d.populated.contains(gfn) {
                return Err(Errno::EINVAL);
            }
            // SAFETY: the page is the window's.
            let at = unsafe {
                libc::mmap(
                    self.base.as_ptr().add((page + i) * PAGE).cast(),
                    PAGE,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_SHARED | libc::MAP_FIXED,
                    d.memory.as_raw_fd(),
                    (*gfn as usize * PAGE) as i64,
                )
            };
            assert_ne!(at, libc::MAP_FAILED);
        }
        Ok(())
    }
}

impl Drop for FakeWindow {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and nobody has it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}
