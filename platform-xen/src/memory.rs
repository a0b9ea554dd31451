//! Memory operations on the app's range, checked; copies to and from it.

use abi::mm::PAGE_SIZE;
use platform::{Backing, Fault, MemError, Prot};
use platform_x86::usercopy;

use crate::layout::APP;
use crate::{regions, space};

/// The app's ranges.
pub const RANGES: [(usize, usize); 1] = [APP];

/// True when `addr..addr + len` lies in the app's range.
pub fn is_app(addr: usize, len: usize) -> bool {
    APP.0 <= addr && addr < APP.1 && len <= APP.1 - addr
}

/// Refuses what is not page-aligned or not the app's.
fn check(addr: usize, len: usize) -> Result<(), MemError> {
    let aligned = addr.is_multiple_of(PAGE_SIZE) && len.is_multiple_of(PAGE_SIZE);
    if aligned && is_app(addr, len) { Ok(()) } else { Err(MemError::BadRange) }
}

/// Maps over whatever was there.
pub fn map(addr: usize, len: usize, prot: Prot, backing: Backing) -> Result<(), MemError> {
    check(addr, len)?;
    if let Backing::Region { id, .. } = backing
        && !regions::has(id)
    {
        return Err(MemError::Denied);
    }
    space::map(addr, len, prot, backing);
    Ok(())
}

/// Changes rights.
pub fn protect(addr: usize, len: usize, prot: Prot) -> Result<(), MemError> {
    check(addr, len)?;
    space::protect(addr, len, prot);
    Ok(())
}

/// Unmaps.
pub fn unmap(addr: usize, len: usize) -> Result<(), MemError> {
    check(addr, len)?;
    space::unmap(addr, len);
    Ok(())
}

/// Moves or, where the places are the same, resizes.
pub fn move_pages(old: usize, old_len: usize, new: usize, new_len: usize) -> Result<(), MemError> {
    check(old, old_len)?;
    check(new, new_len)?;
    space::move_pages(old, old_len, new, new_len)
}

/// Drops contents.
pub fn discard(addr: usize, len: usize) -> Result<(), MemError> {
    check(addr, len)?;
    space::discard(addr, len);
    Ok(())
}

/// Writes shared pages back.
pub fn sync(addr: usize, len: usize) -> Result<(), MemError> {
    check(addr, len)?;
    space::sync(addr, len)
}

/// Which pages are resident.
pub fn resident(addr: usize, out: &mut [u8]) -> Result<(), MemError> {
    check(addr, out.len() * PAGE_SIZE)?;
    space::resident(addr, out);
    Ok(())
}

fn accessible(addr: usize, len: usize) -> Result<(), Fault> {
    if len == 0 || is_app(addr, len) { Ok(()) } else { Err(Fault) }
}

/// Copies from the app.
///
/// # Safety
/// `dst` is valid for `len` bytes of writing.
pub unsafe fn copy_in(dst: *mut u8, src: usize, len: usize) -> Result<(), Fault> {
    accessible(src, len)?;
    // SAFETY: the caller's, and the check.
    unsafe { usercopy::copy(dst as usize, src, len) }
}

/// Copies to the app.
///
/// # Safety
/// `src` is valid for `len` bytes of reading.
pub unsafe fn copy_out(dst: usize, src: *const u8, len: usize) -> Result<(), Fault> {
    accessible(dst, len)?;
    // SAFETY: the caller's, and the check.
    unsafe { usercopy::copy(dst, src as usize, len) }
}

/// Copies a string from the app; see `Machine::copy_in_str`.
pub fn copy_in_str(src: usize, dst: &mut [u8]) -> Result<usize, Fault> {
    accessible(src, 1)?;
    let n = dst.len().min(APP.1 - src);
    let found = usercopy::copy_str(&mut dst[..n], src)?;
    // A string that runs into the end of the range has no end there.
    if found == n && n < dst.len() { Err(Fault) } else { Ok(found) }
}

/// Loads an aligned word.
pub fn load_u32(addr: usize) -> Result<u32, Fault> {
    accessible(addr, 4)?;
    usercopy::load_u32(addr)
}

/// Compares and exchanges an aligned word.
pub fn cas_u32(addr: usize, old: u32, new: u32) -> Result<u32, Fault> {
    accessible(addr, 4)?;
    // SAFETY: the word is the app's.
    unsafe { usercopy::cas_u32(addr, old, new) }
}
