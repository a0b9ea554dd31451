//! Memory operations on the app's ranges, with the host's mmap family.

use abi::errno::Errno;
use abi::mm::{MADV_DONTNEED, MADV_HUGEPAGE, MREMAP_FIXED, MREMAP_MAYMOVE, MS_SYNC, PAGE_SIZE, PROT_WRITE};
use abi::nr::{SYS_madvise, SYS_mincore, SYS_mremap, SYS_msync};
use platform::{Backing, Fault, MemError, Prot};
use platform_x86::usercopy::AppMemory;
use protocol::hosted::{APP_HIGH, APP_LOW};

use crate::{Hosted, host, regions, vdso};

/// The app's ranges.
pub const RANGES: [(usize, usize); 2] = [APP_LOW, APP_HIGH];

/// What one entry of a page directory maps.
const HUGE_PAGE: usize = 2 << 20;

/// A host call's error in the seam's terms.
pub fn mem_error(e: Errno) -> MemError {
    match e {
        Errno::ENOMEM | Errno::EAGAIN | Errno::EMFILE | Errno::ENFILE => MemError::NoMemory,
        Errno::EINVAL | Errno::EFAULT => MemError::BadRange,
        _ => MemError::Denied,
    }
}

/// The rights in the host's terms: the same bits.
pub fn host_prot(prot: Prot) -> u32 {
    prot.bits()
}

/// True when `addr..addr + len` lies in one of the app's ranges.
pub fn is_app(addr: usize, len: usize) -> bool {
    RANGES.iter().any(|(lo, hi)| *lo <= addr && addr < *hi && len <= hi - addr)
}

/// Refuses what is not page-aligned or not the app's.
fn check(addr: usize, len: usize) -> Result<(), MemError> {
    let aligned = addr.is_multiple_of(PAGE_SIZE) && len.is_multiple_of(PAGE_SIZE);
    if aligned && is_app(addr, len) { Ok(()) } else { Err(MemError::BadRange) }
}

/// Maps over whatever was there.
pub fn map(addr: usize, len: usize, prot: Prot, backing: Backing) -> Result<(), MemError> {
    check(addr, len)?;
    let prot = host_prot(prot);
    // SAFETY: the range is the app's.
    let mapped = unsafe {
        match backing {
            Backing::Anon => host::map_anon(addr, len, prot),
            Backing::Region { id, offset, shared } => {
                let fd = regions::descriptor(id).ok_or(MemError::Denied)?;
                host::map_fd(addr, len, prot, fd, offset, shared)
            }
        }
    };
    mapped.map_err(mem_error)?;
    if matches!(backing, Backing::Anon) && len >= HUGE_PAGE && prot & PROT_WRITE != 0 {
        ask_for_huge_pages(addr, len);
    }
    Ok(())
}

/// Large memory is best made of huge pages, where the host has them: a clone then copies one entry of the page tables for
/// 512, and the first write to a page that is shared with a clone still copies 4 KiB only (Linux 5.8, `do_huge_pmd_wp_page`).
/// Stacks and the arenas of allocators are mapped without rights at first, and stay as they are.
fn ask_for_huge_pages(addr: usize, len: usize) {
    // A host without huge pages refuses; then they are small. SAFETY: changes no contents.
    let _ = unsafe { host::call(SYS_madvise, [addr, len, MADV_HUGEPAGE as usize]) };
}

/// Changes rights.
pub fn protect(addr: usize, len: usize, prot: Prot) -> Result<(), MemError> {
    check(addr, len)?;
    // SAFETY: the range is the app's.
    unsafe { host::protect(addr, len, host_prot(prot)) }.map(|_| ()).map_err(mem_error)
}

/// Unmaps.
pub fn unmap(addr: usize, len: usize) -> Result<(), MemError> {
    check(addr, len)?;
    // SAFETY: the range is the app's.
    unsafe { host::unmap(addr, len) }.map(|_| ()).map_err(mem_error)
}

/// Moves or, where the places are the same, resizes.
pub fn move_pages(old: usize, old_len: usize, new: usize, new_len: usize) -> Result<(), MemError> {
    check(old, old_len)?;
    check(new, new_len)?;
    let flags = if old == new { 0 } else { MREMAP_MAYMOVE | MREMAP_FIXED };
    // SAFETY: both ranges are the app's.
    let moved = unsafe { host::call(SYS_mremap, [old, old_len, new_len, flags as usize, new]) };
    moved.map(|_| ()).map_err(mem_error)
}

/// Drops contents.
pub fn discard(addr: usize, len: usize) -> Result<(), MemError> {
    check(addr, len)?;
    // SAFETY: the range is the app's.
    unsafe { host::call(SYS_madvise, [addr, len, MADV_DONTNEED as usize]) }.map(|_| ()).map_err(mem_error)
}

/// Writes shared pages back.
pub fn sync(addr: usize, len: usize) -> Result<(), MemError> {
    check(addr, len)?;
    // SAFETY: changes no memory.
    unsafe { host::call(SYS_msync, [addr, len, MS_SYNC as usize]) }.map(|_| ()).map_err(mem_error)
}

/// Which pages are resident.
pub fn resident(addr: usize, out: &mut [u8]) -> Result<(), MemError> {
    check(addr, out.len() * PAGE_SIZE)?;
    // SAFETY: the host writes one byte a page to `out`.
    unsafe { host::call(SYS_mincore, [addr, out.len() * PAGE_SIZE, out.as_mut_ptr() as usize]) }
        .map_err(mem_error)?;
    for byte in out {
        *byte &= 1;
    }
    Ok(())
}

impl AppMemory for Hosted {
    /// The app's own ranges, and the vDSO's image.
    fn readable(addr: usize, len: usize) -> Result<(), Fault> {
        let vdso = || vdso::range().is_some_and(|(lo, hi)| lo <= addr && addr < hi && len <= hi - addr);
        if len == 0 || is_app(addr, len) || vdso() { Ok(()) } else { Err(Fault) }
    }
    fn writable(addr: usize, len: usize) -> Result<(), Fault> {
        if len == 0 || is_app(addr, len) { Ok(()) } else { Err(Fault) }
    }
    fn room(addr: usize) -> Result<usize, Fault> {
        RANGES.iter().find(|(lo, hi)| *lo <= addr && addr < *hi).map(|(_, hi)| hi - addr).ok_or(Fault)
    }
}
