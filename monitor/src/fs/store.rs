//! Contents of files in memory: on the heap while small and unmapped, then in a memory file of the host that members
//! can map. Nothing of it ever reaches a disk.

use std::cell::RefCell;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use abi::Errno;
use rustix::fs::{FallocateFlags, MemfdFlags, SeekFrom, fallocate, fstat, ftruncate, memfd_create, seek};
use rustix::io::{pread, pwrite};
use vfs::server::attr::Time;
use vfs::server::bytes::{Bytes, HeapBytes, Storage};
use vfs::server::inode::Backing;

use super::backing::{HostFile, Spent};
use super::host::errno;
use crate::xen::file_pages;

/// Larger contents leave the heap.
const HEAP_MAX: u64 = 64 * 1024;

/// Makes contents for memory file systems.
pub struct Store {
    /// Regions whose files are gone.
    pub spent: Rc<RefCell<Spent>>,
}

impl Storage for Store {
    fn create(&self) -> Box<dyn Bytes> {
        Box::new(FileBytes { place: Place::Heap(HeapBytes::default()), spent: self.spent.clone() })
    }
}

enum Place {
    Heap(HeapBytes),
    File(Rc<HostFile>),
}

/// One file's contents.
struct FileBytes {
    place: Place,
    spent: Rc<RefCell<Spent>>,
}

impl FileBytes {
    /// Moves the contents to a memory file if they grow beyond the heap's share.
    fn for_end(&mut self, end: u64) -> Result<(), Errno> {
        if end > HEAP_MAX { self.file().map(|_| ()) } else { Ok(()) }
    }

    fn file(&mut self) -> Result<Rc<HostFile>, Errno> {
        let heap = match &self.place {
            Place::File(f) => return Ok(f.clone()),
            Place::Heap(h) => h,
        };
        let fd: OwnedFd = memfd_create("offshoot-file", MemfdFlags::CLOEXEC).map_err(errno)?;
        let data = heap.as_slice();
        ftruncate(&fd, data.len() as u64).map_err(errno)?;
        write_all(&fd, 0, data)?;
        let file = Rc::new(HostFile::memory(fd, self.spent.clone()));
        self.place = Place::File(file.clone());
        Ok(file)
    }
}

fn write_all(fd: &OwnedFd, mut off: u64, mut buf: &[u8]) -> Result<(), Errno> {
    while !buf.is_empty() {
        let n = pwrite(fd, buf, off).map_err(errno)?;
        if n == 0 {
            return Err(Errno::ENOSPC);
        }
        off += n as u64;
        buf = &buf[n..];
    }
    Ok(())
}

impl Bytes for FileBytes {
    fn read_at(&self, mut off: u64, mut buf: &mut [u8]) -> Result<(), Errno> {
        let file = match &self.place {
            Place::Heap(h) => return h.read_at(off, buf),
            Place::File(f) => f,
        };
        file_pages::before_read(&file.fd, off, buf.len());
        while !buf.is_empty() {
            let n = pread(&file.fd, &mut *buf, off).map_err(errno)?;
            if n == 0 {
                buf.fill(0);
                break;
            }
            off += n as u64;
            buf = &mut buf[n..];
        }
        Ok(())
    }
    fn write_at(&mut self, off: u64, buf: &[u8]) -> Result<(), Errno> {
        self.for_end(off.saturating_add(buf.len() as u64))?;
        match &mut self.place {
            Place::Heap(h) => h.write_at(off, buf),
            Place::File(f) => {
                let len = buf.len() as u64;
                file_pages::before_write(&f.fd, off, len);
                write_all(&f.fd, off, buf)?;
                file_pages::changed(&f.fd, off, len);
                Ok(())
            }
        }
    }
    fn resize(&mut self, len: u64) -> Result<(), Errno> {
        self.for_end(len)?;
        match &mut self.place {
            Place::Heap(h) => h.resize(len),
            Place::File(f) => {
                file_pages::before_write(&f.fd, 0, u64::MAX);
                ftruncate(&f.fd, len).map_err(errno)?;
                file_pages::changed(&f.fd, len, u64::MAX);
                Ok(())
            }
        }
    }
    fn punch(&mut self, off: u64, len: u64) -> Result<(), Errno> {
        match &mut self.place {
            Place::Heap(h) => h.punch(off, len),
            Place::File(_) if len == 0 => Ok(()),
            Place::File(f) => {
                file_pages::before_write(&f.fd, off, len);
                fallocate(&f.fd, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, off, len)
                    .map_err(errno)?;
                file_pages::changed(&f.fd, off, len);
                Ok(())
            }
        }
    }
    fn reserve(&mut self, off: u64, len: u64) -> Result<(), Errno> {
        self.for_end(off.saturating_add(len))?;
        match &mut self.place {
            Place::Heap(h) => h.reserve(off, len),
            Place::File(f) => fallocate(&f.fd, FallocateFlags::KEEP_SIZE, off, len).map_err(errno),
        }
    }
    fn seek(&self, off: u64, len: u64, hole: bool) -> Result<u64, Errno> {
        let file = match &self.place {
            Place::Heap(h) => return h.seek(off, len, hole),
            Place::File(f) => f,
        };
        match seek(&file.fd, if hole { SeekFrom::Hole(off) } else { SeekFrom::Data(off) }) {
            Ok(at) => Ok(at.min(len)),
            Err(rustix::io::Errno::NXIO) => Ok(len),
            Err(e) => Err(errno(e)),
        }
    }
    fn allocated(&self) -> u64 {
        match &self.place {
            Place::Heap(h) => h.allocated(),
            Place::File(f) => fstat(f.fd.as_fd()).map_or(0, |s| s.st_blocks as u64 * 512),
        }
    }
    fn written(&self) -> Option<Time> {
        let Place::File(f) = &self.place else { return None };
        let stat = fstat(f.fd.as_fd()).ok()?;
        Some(Time { sec: stat.st_mtime, nsec: stat.st_mtime_nsec as i64 })
    }
    fn backing(&mut self) -> Result<Backing, Errno> {
        Ok(self.file()?)
    }
}
