//! Contents of files that live in memory, behind a trait: the platform's side may keep them in shareable memory.

use alloc::boxed::Box;
use alloc::vec::Vec;

use abi::Errno;

use crate::server::attr::Time;
use crate::server::inode::Backing;

/// The bytes of one file. Everything past the end reads as zeros, also after the file grows.
pub trait Bytes {
    /// Copies out from `off`; the range lies within the length.
    fn read_at(&self, off: u64, buf: &mut [u8]) -> Result<(), Errno>;
    /// Copies in at `off`, growing as needed.
    fn write_at(&mut self, off: u64, buf: &[u8]) -> Result<(), Errno>;
    /// Sets the length.
    fn resize(&mut self, len: u64) -> Result<(), Errno>;
    /// Makes a range within the length zeros, giving memory back.
    fn punch(&mut self, off: u64, len: u64) -> Result<(), Errno>;
    /// Makes sure that a range has memory (the length does not change).
    fn reserve(&mut self, off: u64, len: u64) -> Result<(), Errno>;
    /// Start of the next data (or hole) at or after `off` < `len`; `len` when there is none.
    fn seek(&self, off: u64, len: u64, hole: bool) -> Result<u64, Errno>;
    /// Bytes of memory in use.
    fn allocated(&self) -> u64;
    /// When pages that members have mapped were last written, where the platform's side can tell.
    fn written(&self) -> Option<Time> {
        None
    }
    /// The pages as something that members can map; the contents stay there from now on.
    fn backing(&mut self) -> Result<Backing, Errno>;
}

/// Makes contents.
pub trait Storage {
    /// An empty file's.
    fn create(&self) -> Box<dyn Bytes>;
}

/// Contents on the heap: for tests, and for files that nobody maps.
#[derive(Default)]
pub struct HeapBytes {
    data: Vec<u8>,
}

impl HeapBytes {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.data
    }
}

fn index(n: u64) -> Result<usize, Errno> {
    usize::try_from(n).map_err(|_| Errno::EFBIG)
}

impl Bytes for HeapBytes {
    fn read_at(&self, off: u64, buf: &mut [u8]) -> Result<(), Errno> {
        let off = index(off)?;
        let have = self.data.get(off..).unwrap_or_default();
        let n = have.len().min(buf.len());
        buf[..n].copy_from_slice(&have[..n]);
        buf[n..].fill(0);
        Ok(())
    }
    fn write_at(&mut self, off: u64, buf: &[u8]) -> Result<(), Errno> {
        let off = index(off)?;
        let end = off.checked_add(buf.len()).ok_or(Errno::EFBIG)?;
        if end > self.data.len() {
            self.resize(end as u64)?;
        }
        self.data[off..end].copy_from_slice(buf);
        Ok(())
    }
    fn resize(&mut self, len: u64) -> Result<(), Errno> {
        let len = index(len)?;
        if len > self.data.len() {
            self.data.try_reserve(len - self.data.len()).map_err(|_| Errno::ENOSPC)?;
        }
        self.data.resize(len, 0);
        Ok(())
    }
    fn punch(&mut self, off: u64, len: u64) -> Result<(), Errno> {
        let end = index(off.saturating_add(len))?.min(self.data.len());
        let off = index(off)?.min(end);
        self.data[off..end].fill(0);
        Ok(())
    }
    fn reserve(&mut self, _off: u64, _len: u64) -> Result<(), Errno> {
        Ok(())
    }
    fn seek(&self, off: u64, len: u64, hole: bool) -> Result<u64, Errno> {
        Ok(if hole { len } else { off })
    }
    fn allocated(&self) -> u64 {
        (self.data.len() as u64).next_multiple_of(4096)
    }
    fn backing(&mut self) -> Result<Backing, Errno> {
        Err(Errno::ENODEV)
    }
}

/// Makes [`HeapBytes`].
pub struct HeapStorage;

impl Storage for HeapStorage {
    fn create(&self) -> Box<dyn Bytes> {
        Box::new(HeapBytes::default())
    }
}
