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
        "cmp rdx, 16",
        "jbe 50f",
        "cmp rdx, 256",
        "ja 20f",
        "movups xmm0, [rsi + rdx - 16]",
        "lea r8, [rdi + rdx - 16]",
        "31:",
        "movups xmm1, [rsi]",
        "movups [rdi], xmm1",
        "add rsi, 16",
        "add rdi, 16",
        "sub rdx, 16",
        "cmp rdx, 16",
        "ja 31b",
        "movups [r8], xmm0",
        "ret",
        "20:",
        "mov rcx, rdx",
        "rep movsb",
        "ret",
        "50:",
        "cmp edx, 8",
        "jae 51f",
        "cmp edx, 4",
        "jae 52f",
        "cmp edx, 2",
        "jae 53f",
        "test edx, edx",
        "jz 54f",
        "mov cl, [rsi]",
        "mov [rdi], cl",
        "54:",
        "ret",
        "51:",
        "mov rcx, [rsi]",
        "mov r8, [rsi + rdx - 8]",
        "mov [rdi], rcx",
        "mov [rdi + rdx - 8], r8",
        "ret",
        "52:",
        "mov ecx, [rsi]",
        "mov r8d, [rsi + rdx - 4]",
        "mov [rdi], ecx",
        "mov [rdi + rdx - 4], r8d",
        "ret",
        "53:",
        "movzx ecx, word ptr [rsi]",
        "movzx r8d, word ptr [rsi + rdx - 2]",
        "mov [rdi], cx",
        "mov [rdi + rdx - 2], r8w",
        "ret",
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
