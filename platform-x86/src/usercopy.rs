//! Access to the app's memory that may fault.
//!
//! The routines keep nothing on the stack: when one faults, the host signal handler sends it to a stub that answers
//! `u64::MAX` to the caller (see [`fixup`]).

use core::arch::naked_asm;
use core::ptr::addr_of;

use platform::Fault;

unsafe extern "C" {
    static offshoot_copy_start: u8;
    static offshoot_copy_end: u8;
    static offshoot_copy_fault: u8;
}

/// Where to go on when a fault hits at `rip` in one of the routines here.
pub fn fixup(rip: u64) -> Option<u64> {
    let inside = addr_of!(offshoot_copy_start) as u64 <= rip && rip < addr_of!(offshoot_copy_end) as u64;
    inside.then_some(addr_of!(offshoot_copy_fault) as u64)
}

/// Copies `len` bytes; 0, or `u64::MAX` on a fault. The other three are parts of this function with labels of their own,
/// so that one range holds them all.
#[unsafe(naked)]
unsafe extern "C" fn copy_asm(dst: usize, src: usize, len: usize) -> u64 {
    naked_asm!(
        ".globl offshoot_copy_start, offshoot_copy_end, offshoot_copy_fault",
        ".globl offshoot_load_u32, offshoot_cas_u32, offshoot_copy_str",
        ".hidden offshoot_copy_start, offshoot_copy_end, offshoot_copy_fault",
        ".hidden offshoot_load_u32, offshoot_cas_u32, offshoot_copy_str",
        "offshoot_copy_start:",
        "xor eax, eax",
        crate::copy_up!(),
        // load_u32(addr)
        "offshoot_load_u32:",
        "mov eax, [rdi]",
        "ret",
        // cas_u32(addr, old, new)
        "offshoot_cas_u32:",
        "mov eax, esi",
        "lock cmpxchg [rdi], edx",
        "ret",
        // copy_str(dst, src, max): the length without the NUL, or max
        "offshoot_copy_str:",
        "xor eax, eax",
        "60:",
        "cmp rax, rdx",
        "jae 61f",
        "movzx ecx, byte ptr [rsi + rax]",
        "mov [rdi + rax], cl",
        "test ecx, ecx",
        "jz 61f",
        "inc rax",
        "jmp 60b",
        "61:",
        "ret",
        "offshoot_copy_end:",
        "offshoot_copy_fault:",
        "mov rax, -1",
        "ret",
    )
}

unsafe extern "C" {
    fn offshoot_load_u32(addr: usize) -> u64;
    fn offshoot_cas_u32(addr: usize, old: u32, new: u32) -> u64;
    fn offshoot_copy_str(dst: *mut u8, src: usize, max: usize) -> u64;
}

fn checked(ret: u64) -> Result<u64, Fault> {
    if ret == u64::MAX { Err(Fault) } else { Ok(ret) }
}

/// A platform's rules of which memory is the app's; what is done there on the app's behalf keeps to them.
pub trait AppMemory {
    /// The kernel may read this on the app's behalf.
    fn readable(addr: usize, len: usize) -> Result<(), Fault>;

    /// The kernel may write to this on the app's behalf: the app's own ranges only.
    fn writable(addr: usize, len: usize) -> Result<(), Fault>;

    /// Bytes from `addr` to the end of the app's range that it is in.
    fn room(addr: usize) -> Result<usize, Fault>;

    /// Copies from the app.
    ///
    /// # Safety
    /// `dst` is valid for `len` bytes of writing.
    unsafe fn copy_in(dst: *mut u8, src: usize, len: usize) -> Result<(), Fault> {
        Self::readable(src, len)?;
        // SAFETY: the caller's, and the check.
        unsafe { copy(dst as usize, src, len) }
    }

    /// Copies to the app.
    ///
    /// # Safety
    /// `src` is valid for `len` bytes of reading.
    unsafe fn copy_out(dst: usize, src: *const u8, len: usize) -> Result<(), Fault> {
        Self::writable(dst, len)?;
        // SAFETY: the caller's, and the check.
        unsafe { copy(dst, src as usize, len) }
    }

    /// Copies a string from the app; see `Machine::copy_in_str`.
    fn copy_in_str(src: usize, dst: &mut [u8]) -> Result<usize, Fault> {
        let n = dst.len().min(Self::room(src)?);
        let found = copy_str(&mut dst[..n], src)?;
        // A string that runs into the end of the range has no end there.
        if found == n && n < dst.len() { Err(Fault) } else { Ok(found) }
    }

    /// Loads an aligned word.
    fn load_u32(addr: usize) -> Result<u32, Fault> {
        Self::readable(addr, 4)?;
        load_u32(addr)
    }

    /// Compares and exchanges an aligned word; the value found.
    fn cas_u32(addr: usize, old: u32, new: u32) -> Result<u32, Fault> {
        Self::writable(addr, 4)?;
        // SAFETY: the word is the app's.
        unsafe { cas_u32(addr, old, new) }
    }
}

/// Copies between the app's memory and the kernel's.
///
/// # Safety
/// The kernel's side is valid for `len` bytes, and the app's side is within the app's ranges, so that the copy cannot reach
/// anything that Rust code relies on.
pub unsafe fn copy(dst: usize, src: usize, len: usize) -> Result<(), Fault> {
    // SAFETY: the caller's; a fault on the app's side is fixed up.
    checked(unsafe { copy_asm(dst, src, len) }).map(|_| ())
}

/// Copies a string of at most `dst.len()` bytes, the NUL included; its length without the NUL, or `dst.len()`.
pub fn copy_str(dst: &mut [u8], src: usize) -> Result<usize, Fault> {
    // SAFETY: writes at most `dst.len()` bytes to `dst`; a fault on the source is fixed up.
    checked(unsafe { offshoot_copy_str(dst.as_mut_ptr(), src, dst.len()) }).map(|n| n as usize)
}

/// Loads a word.
pub fn load_u32(addr: usize) -> Result<u32, Fault> {
    // SAFETY: a fault is fixed up; reading the app's memory harms nobody.
    checked(unsafe { offshoot_load_u32(addr) }).map(|v| v as u32)
}

/// Compares and exchanges a word; the value found.
///
/// # Safety
/// `addr` is within the app's ranges.
pub unsafe fn cas_u32(addr: usize, old: u32, new: u32) -> Result<u32, Fault> {
    // SAFETY: the caller's; a fault is fixed up.
    checked(unsafe { offshoot_cas_u32(addr, old, new) }).map(|v| v as u32)
}
