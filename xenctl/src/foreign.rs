//! Frames of domains in this process's memory: a window of reserved addresses, into which frames are mapped one by one or
//! in batches, and pages that Xen keeps for a domain (its grant table).
//!
//! What is mapped here is shared with a guest that may write it at any moment. The copying accessors are safe against
//! that; whoever takes pointers uses atomics or volatile accesses, and believes nothing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::hypercall::Xen;
use crate::sys::{self, Mapping, ioc};
use crate::{DomId, Error, PAGE, Result};

/// `struct privcmd_mmap_entry`.
#[repr(C)]
struct MmapEntry {
    va: u64,
    mfn: u64,
    npages: u64,
}

/// `struct privcmd_mmap`.
#[repr(C)]
struct Mmap {
    num: i32,
    dom: u16,
    entry: *const MmapEntry,
}

/// `struct privcmd_mmapbatch_v2`.
#[repr(C)]
struct MmapBatch {
    num: u32,
    dom: u16,
    addr: u64,
    arr: *const u64,
    err: *mut i32,
}

/// `struct privcmd_mmap_resource`.
#[repr(C)]
struct MmapResource {
    dom: u16,
    kind: u32,
    id: u32,
    idx: u32,
    num: u64,
    addr: u64,
}

const IOCTL_MMAP: u64 = ioc(b'P', 2, size_of::<Mmap>());
const IOCTL_MMAPBATCH_V2: u64 = ioc(b'P', 4, size_of::<MmapBatch>());
const IOCTL_MMAP_RESOURCE: u64 = ioc(b'P', 7, size_of::<MmapResource>());

/// Frame number that no domain has: mapping it fails and leaves a hole.
const NO_GFN: u64 = (1 << 40) - 1;

/// Pages of a window that are one mapping of the kernel's. The device lets no mapping be split, so that to unmap one
/// page means to map its neighbours anew; and a process may have some 65,000 mappings.
const CHUNK: usize = 512;

/// What is mapped, by chunk and by page in it, up to the last page of the chunk that was ever used.
type Chunks = HashMap<usize, Vec<Option<(DomId, u64)>>>;

/// A window of pages onto frames of domains. Touching a page at which nothing is mapped is SIGBUS or SIGSEGV.
#[derive(Debug)]
pub struct ForeignMap {
    xen: Xen,
    memory: Mapping,
    chunks: Mutex<Chunks>,
}

impl ForeignMap {
    /// Reserves a window of so many pages, with nothing mapped in it. It costs no memory but for what is touched.
    pub fn reserve(xen: &Xen, pages: usize) -> Result<ForeignMap> {
        let memory = Mapping::reserve(pages).map_err(|error| Error::call("mmap of a window", None, error))?;
        Ok(ForeignMap { xen: xen.clone(), memory, chunks: Mutex::default() })
    }

    /// Reserves a window of just these frames, and maps them all.
    pub fn new(xen: &Xen, domain: DomId, gfns: &[u64]) -> Result<ForeignMap> {
        let map = ForeignMap::reserve(xen, gfns.len())?;
        map.map(0, domain, gfns)?;
        Ok(map)
    }

    /// Maps frames of a domain at consecutive pages of the window, where nothing is mapped yet. All or an error; then
    /// nothing of it is mapped.
    pub fn map(&self, page: usize, domain: DomId, gfns: &[u64]) -> Result<()> {
        let end = page.checked_add(gfns.len());
        assert!(end.is_some_and(|end| end <= self.pages()), "outside of a foreign mapping's window");
        let mut done = 0;
        while done < gfns.len() {
            let at = page + done;
            let some = (gfns.len() - done).min(CHUNK - at % CHUNK);
            if let Err(error) = self.map_in_chunk(at, domain, &gfns[done..done + some]) {
                self.unmap(page, done)?;
                return Err(error);
            }
            done += some;
        }
        Ok(())
    }

    /// Unmaps these pages. Their neighbours (up to 2 MiB) are away for a moment: nobody may use them meanwhile.
    pub fn unmap(&self, page: usize, pages: usize) -> Result<()> {
        let mut done = 0;
        while done < pages {
            let at = page + done;
            let some = (pages - done).min(CHUNK - at % CHUNK);
            let mut chunks = self.lock();
            if let Some(entries) = chunks.get_mut(&(at / CHUNK)) {
                entries.iter_mut().skip(at % CHUNK).take(some).for_each(|entry| *entry = None);
                self.renew(at / CHUNK, entries)?;
            }
            done += some;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Chunks> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn map_in_chunk(&self, page: usize, domain: DomId, gfns: &[u64]) -> Result<()> {
        let mut chunks = self.lock();
        let entries = match chunks.entry(page / CHUNK) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                self.open_chunk(page / CHUNK)?;
                entry.insert(Vec::new())
            }
        };
        let outcome = self.batch(page, domain, gfns);
        if outcome.is_ok() {
            entries.resize(entries.len().max(page % CHUNK + gfns.len()), None);
            let known = entries[page % CHUNK..].iter_mut();
            known.zip(gfns).for_each(|(entry, gfn)| *entry = Some((domain, *gfn)));
        } else {
            // Some of them may be there.
            self.renew(page / CHUNK, entries)?;
        }
        outcome
    }

    /// Maps a chunk anew, as its entries say.
    fn renew(&self, chunk: usize, entries: &[Option<(DomId, u64)>]) -> Result<()> {
        self.open_chunk(chunk)?;
        let mut index = 0;
        for run in entries.chunk_by(|a, b| a.map(|(domain, _)| domain) == b.map(|(domain, _)| domain)) {
            if let Some(Some((domain, _))) = run.first() {
                let gfns: Vec<u64> = run.iter().flatten().map(|(_, gfn)| *gfn).collect();
                self.batch(chunk * CHUNK + index, *domain, &gfns)?;
            }
            index += run.len();
        }
        Ok(())
    }

    /// The window's first byte. It stays there as long as the map lives.
    pub fn base(&self) -> *mut u8 {
        self.memory.base()
    }

    /// The window's length in pages.
    pub fn pages(&self) -> usize {
        self.memory.len() / PAGE
    }

    /// Copies bytes out of the window.
    pub fn read(&self, offset: usize, into: &mut [u8]) {
        for (byte, i) in into.iter_mut().zip(offset..) {
            *byte = self.cell::<AtomicU8>(i).load(Ordering::Relaxed);
        }
    }

    /// Copies bytes into the window.
    pub fn write(&self, offset: usize, from: &[u8]) {
        if !offset.is_multiple_of(8) {
            return self.write_bytes(offset, from);
        }
        let (words, rest) = from.as_chunks::<8>();
        for (cell, word) in self.words(offset, words.len()).iter().zip(words) {
            cell.store(u64::from_ne_bytes(*word), Ordering::Relaxed);
        }
        self.write_bytes(offset + words.len() * 8, rest);
    }

    /// Copies bytes of a file into the window, if its file system can do so without a stop in this process.
    pub fn read_file(&self, offset: usize, file: &File, bytes: Range<u64>) -> Result<()> {
        let failed = |error: std::io::Error| Error::call("pread into a window", None, error);
        let len = (bytes.end - bytes.start) as usize;
        let end = offset.checked_add(len);
        assert!(end.is_some_and(|end| end <= self.memory.len()), "outside of a foreign mapping");
        let mut done = 0;
        while done < len {
            let at = bytes.start + done as u64;
            // SAFETY: the range lies in the mapping (checked above), which is shared with a guest anyway: nothing of
            // Rust's relies on what it holds.
            let got = unsafe {
                let to = self.memory.base().add(offset + done);
                libc::pread(file.as_raw_fd(), to.cast(), len - done, at as libc::off_t)
            };
            let error = std::io::Error::last_os_error();
            match (got, error.raw_os_error()) {
                (0, _) => return Err(failed(std::io::ErrorKind::UnexpectedEof.into())),
                (1.., _) => done += got as usize,
                (_, Some(libc::EINTR)) => {}
                // Some read only to what is the process's own memory.
                (_, Some(libc::EFAULT)) => {
                    let mut rest = vec![0; len - done];
                    file.read_exact_at(&mut rest, at).map_err(failed)?;
                    self.write(offset + done, &rest);
                    return Ok(());
                }
                _ => return Err(failed(error)),
            }
        }
        Ok(())
    }

    fn write_bytes(&self, offset: usize, from: &[u8]) {
        for (byte, i) in from.iter().zip(offset..) {
            self.cell::<AtomicU8>(i).store(*byte, Ordering::Relaxed);
        }
    }

    /// Fills with zeros.
    pub fn zero(&self, offset: usize, len: usize) {
        const ZEROS: [u8; PAGE] = [0; PAGE];
        let mut at = offset;
        while at < offset + len {
            let some = (offset + len - at).min(PAGE);
            self.write(at, &ZEROS[..some]);
            at += some;
        }
    }

    /// A 32-bit word of the window; the offset is a multiple of 4.
    pub fn u32_at(&self, offset: usize) -> &AtomicU32 {
        self.cell(offset)
    }

    /// A 64-bit word of the window; the offset is a multiple of 8.
    pub fn u64_at(&self, offset: usize) -> &AtomicU64 {
        self.cell(offset)
    }

    /// So many words from an offset on.
    fn words(&self, offset: usize, count: usize) -> &[AtomicU64] {
        let end = count.checked_mul(8).and_then(|len| offset.checked_add(len));
        assert!(offset.is_multiple_of(8), "misaligned place in a foreign mapping");
        assert!(end.is_some_and(|end| end <= self.memory.len()), "outside of a foreign mapping");
        // SAFETY: as in `cell`, for each of them.
        unsafe { std::slice::from_raw_parts(self.memory.base().add(offset).cast(), count) }
    }

    fn cell<A: Atomic>(&self, offset: usize) -> &A {
        assert!(offset.is_multiple_of(align_of::<A>()), "misaligned place in a foreign mapping");
        let end = offset.checked_add(size_of::<A>());
        assert!(end.is_some_and(|end| end <= self.memory.len()), "outside of a foreign mapping");
        // SAFETY: the place lies in the mapping and is aligned (checked above); atomics may be shared with whoever
        // writes at the same time, and every bit pattern is one of theirs (`Atomic` is only for those).
        unsafe { &*self.memory.base().add(offset).cast::<A>() }
    }

    /// Makes a fresh mapping of a chunk, in which pages can be mapped bit by bit. A PV dom0 allows that after a request
    /// for no pages at all; a PVH one only after a request for all of them, of which then nothing is there.
    fn open_chunk(&self, chunk: usize) -> Result<()> {
        let pages = CHUNK.min(self.pages() - chunk * CHUNK);
        let failed = |error| Error::call("mmap of /dev/xen/privcmd", None, error);
        self.memory.place(self.file(), chunk * CHUNK, pages).map_err(failed)?;
        let va = self.memory.base() as u64 + (chunk * CHUNK * PAGE) as u64;
        let entry = MmapEntry { va, mfn: 0, npages: 0 };
        let mut request = Mmap { num: 1, dom: DomId::SELF.0, entry: &entry };
        // SAFETY: the entry outlives the call and maps nothing.
        match unsafe { sys::ioctl(self.file(), IOCTL_MMAP, &mut request) } {
            Ok(_) => return Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {}
            Err(error) => return Err(Error::call("IOCTL_PRIVCMD_MMAP", None, error)),
        }
        let (nothing, mut errors) = (vec![NO_GFN; pages], vec![0; pages]);
        let (arr, err) = (nothing.as_ptr(), errors.as_mut_ptr());
        let mut request = MmapBatch { num: pages as u32, dom: 0, addr: va, arr, err };
        // SAFETY: both lists have as many entries as the request says, and outlive the call; the addresses are the
        // window's own.
        let outcome = unsafe { sys::ioctl(self.file(), IOCTL_MMAPBATCH_V2, &mut request) };
        outcome.map(drop).map_err(|error| Error::call("IOCTL_PRIVCMD_MMAPBATCH_V2", None, error))
    }

    fn batch(&self, page: usize, domain: DomId, gfns: &[u64]) -> Result<()> {
        const NAME: &str = "IOCTL_PRIVCMD_MMAPBATCH_V2";
        let mut errors = vec![0_i32; gfns.len()];
        let (num, addr) = (gfns.len() as u32, self.memory.base() as u64 + (page * PAGE) as u64);
        let mut request =
            MmapBatch { num, dom: domain.0, addr, arr: gfns.as_ptr(), err: errors.as_mut_ptr() };
        // SAFETY: both lists have `num` entries and outlive the call; the addresses lie in the window (checked above).
        unsafe { sys::ioctl(self.file(), IOCTL_MMAPBATCH_V2, &mut request) }
            .map_err(|error| Error::call(NAME, domain, error))?;
        match errors.iter().find(|error| **error != 0) {
            None => Ok(()),
            Some(error) => Err(Error::Call { name: NAME, domain: Some(domain), errno: -error }),
        }
    }

    fn file(&self) -> &File {
        self.xen.privcmd()
    }
}

/// Words that memory shared with a guest may be seen as.
trait Atomic {}
impl Atomic for AtomicU8 {}
impl Atomic for AtomicU32 {}
impl Atomic for AtomicU64 {}

/// Maps frames of a domain's grant table (XENMEM_resource_grant_table, shared frames). A table that is smaller grows.
pub(crate) fn map_grant_frames(xen: &Xen, domain: DomId, first: u32, frames: usize) -> Result<Mapping> {
    const NAME: &str = "IOCTL_PRIVCMD_MMAP_RESOURCE";
    const GRANT_TABLE: u32 = 1;
    let failed = |error| Error::call(NAME, domain, error);
    let memory = Mapping::new(xen.privcmd(), frames).map_err(failed)?;
    let addr = memory.base() as u64;
    let num = frames as u64;
    let mut request = MmapResource { dom: domain.0, kind: GRANT_TABLE, id: 0, idx: first, num, addr };
    // SAFETY: the address is that of a fresh mapping of the same device with as many pages.
    unsafe { sys::ioctl(xen.privcmd(), IOCTL_MMAP_RESOURCE, &mut request) }.map_err(failed)?;
    Ok(memory)
}
