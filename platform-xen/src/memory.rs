//! Memory operations on the app's range, checked; copies to and from it.

use abi::mm::PAGE_SIZE;
use platform::{Backing, Fault, MemError, Prot};
use platform_x86::usercopy::AppMemory;

use crate::layout::APP;
use crate::xen::Xen;
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

impl AppMemory for Xen {
    fn readable(addr: usize, len: usize) -> Result<(), Fault> {
        if len == 0 || is_app(addr, len) { Ok(()) } else { Err(Fault) }
    }
    fn writable(addr: usize, len: usize) -> Result<(), Fault> {
        Self::readable(addr, len)
    }
    fn room(addr: usize) -> Result<usize, Fault> {
        Self::readable(addr, 1).map(|()| APP.1 - addr)
    }
}
