//! Memory of regions mapped into the monitor: a memory file of the host, or pages that come one by one.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use protocol::SharedMem;
use protocol::ring::Spans;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A new memory file of `size` bytes (rounded up to pages) that nobody can resize, so that a mapping of it never
/// faults.
pub fn memory_file(name: &str, size: u64) -> Result<OwnedFd, Errno> {
    let fd = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&fd, page_align(size))?;
    fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW)?;
    Ok(fd)
}

/// `size` rounded up to whole pages.
pub fn page_align(size: u64) -> u64 {
    size.checked_next_multiple_of(4096).unwrap_or(!4095)
}

/// Memory at a fixed place of the monitor's address space whose pages appear when they are first needed.
pub trait Pages {
    /// Where it begins; every byte of it can be accessed for as long as `self` lives.
    fn base(&self) -> NonNull<u8>;
    /// Size in bytes.
    fn size(&self) -> usize;
    /// These bytes are about to be accessed.
    fn need(&self, off: usize, len: usize);
}

/// A region's memory, readable and writable.
pub struct Mapped {
    ptr: NonNull<u8>,
    len: usize,
    /// None: a memory file mapped shared.
    pages: Option<Rc<dyn Pages>>,
}

impl Mapped {
    /// Maps `len` bytes of a file made by [`memory_file`].
    pub fn new(fd: BorrowedFd<'_>, len: usize) -> Result<Self, Errno> {
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at a place that the host chooses replaces nothing.
        let ptr = unsafe { mmap(std::ptr::null_mut(), len, prot, MapFlags::SHARED, fd, 0)? };
        Ok(Self { ptr: NonNull::new(ptr.cast()).ok_or(Errno::NOMEM)?, len, pages: None })
    }

    /// A new memory file and its mapping.
    pub fn create(name: &str, size: usize) -> Result<(OwnedFd, Self), Errno> {
        let fd = memory_file(name, size as u64)?;
        let map = Self::new(fd.as_fd(), page_align(size as u64) as usize)?;
        Ok((fd, map))
    }

    /// A view of pages that appear when they are needed.
    pub fn of_pages(pages: Rc<dyn Pages>) -> Self {
        Self { ptr: pages.base(), len: pages.size(), pages: Some(pages) }
    }

    /// Address of byte `off`, of which `len` bytes must exist.
    fn at(&self, off: usize, len: usize) -> NonNull<u8> {
        assert!(off <= self.len && len <= self.len - off, "access outside of a mapping");
        if let Some(pages) = &self.pages {
            pages.need(off, len);
        }
        // SAFETY: within the mapping, checked above.
        unsafe { self.ptr.add(off) }
    }
}

impl Mapped {
    /// The stretches as a scatter/gather vector.
    fn vector(&self, spans: Spans) -> [libc::iovec; 2] {
        spans.map(|(off, len)| libc::iovec { iov_base: self.at(off, len).as_ptr().cast(), iov_len: len })
    }

    /// readv(2) straight into stretches of the mapping.
    pub fn read_from(&self, fd: impl AsFd, spans: Spans) -> Result<usize, Errno> {
        let vector = self.vector(spans);
        // SAFETY: both elements lie within the mapping (`at` checks), which tolerates concurrent change.
        let n = unsafe { libc::readv(fd.as_fd().as_raw_fd(), vector.as_ptr(), 2) };
        transferred(n)
    }

    /// writev(2) straight from stretches of the mapping.
    pub fn write_to(&self, fd: impl AsFd, spans: Spans) -> Result<usize, Errno> {
        let vector = self.vector(spans);
        // SAFETY: as for `read_from`.
        let n = unsafe { libc::writev(fd.as_fd().as_raw_fd(), vector.as_ptr(), 2) };
        transferred(n)
    }
}

fn transferred(n: isize) -> Result<usize, Errno> {
    usize::try_from(n)
        .map_err(|_| Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
}

impl Drop for Mapped {
    fn drop(&mut self) {
        if self.pages.is_some() {
            return;
        }
        // SAFETY: the mapping is ours alone and no reference into it outlives `self`.
        // A failure would leave the mapping, which is harmless.
        let _ = unsafe { munmap(self.ptr.as_ptr().cast(), self.len) };
    }
}

impl SharedMem for Mapped {
    fn len(&self) -> usize {
        self.len
    }
    fn u32_at(&self, off: usize) -> &AtomicU32 {
        assert!(off.is_multiple_of(4));
        // SAFETY: 1. in range (`at` checks) and aligned (the mapping is page-aligned); 2. everyone accesses it by
        // atomics or raw copies; 3. it lives as long as `self`.
        unsafe { self.at(off, 4).cast().as_ref() }
    }
    fn u64_at(&self, off: usize) -> &AtomicU64 {
        assert!(off.is_multiple_of(8));
        // SAFETY: as for `u32_at`.
        unsafe { self.at(off, 8).cast().as_ref() }
    }
    fn read(&self, off: usize, dst: &mut [u8]) {
        let src = self.at(off, dst.len());
        // SAFETY: the source is in range, the destination is a slice of our own; tearing is tolerated.
        unsafe { std::ptr::copy_nonoverlapping(src.as_ptr(), dst.as_mut_ptr(), dst.len()) }
    }
    fn write(&self, off: usize, src: &[u8]) {
        let dst = self.at(off, src.len());
        // SAFETY: as for `read`.
        unsafe { std::ptr::copy_nonoverlapping(src.as_ptr(), dst.as_ptr(), src.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_bytes_are_the_same_memory() {
        let (_fd, map) = Mapped::create("test", 100).expect("memfd");
        assert_eq!(map.len(), 4096);
        map.write(8, &7u64.to_le_bytes());
        assert_eq!(map.u64_at(8).load(std::sync::atomic::Ordering::Relaxed), 7);
    }

    #[test]
    fn a_memory_file_cannot_be_resized() {
        let (fd, _map) = Mapped::create("test", 100).expect("memfd");
        assert_eq!(ftruncate(&fd, 0), Err(Errno::PERM));
    }
}
