//! The host-call gate: the only `syscall` instructions that the seccomp filter lets through.
//!
//! Two places exist: [`host_call`]'s, for the list in `protocol::hosted::ALLOWED`, and [`restorer`]'s, by which the host
//! signal handlers return. The filter compares the address behind the instruction, so both carry a label there.

use core::arch::naked_asm;
use core::ptr::addr_of;

unsafe extern "C" {
    static offshoot_gate_end: u8;
    static offshoot_restorer_end: u8;
}

/// Makes the host call `nr`; answers its value or a negative errno.
///
/// # Safety
/// The call's own conditions: what it does to memory must not touch anything that Rust code relies on.
#[unsafe(naked)]
pub unsafe extern "C" fn host_call(
    nr: usize,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> isize {
    naked_asm!(
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "mov r10, r8",
        "mov r8, r9",
        "mov r9, [rsp + 8]",
        "syscall",
        ".globl offshoot_gate_end",
        ".hidden offshoot_gate_end",
        "offshoot_gate_end:",
        "ret",
    )
}

/// What host signal handlers return to (`sa_restorer`): rt_sigreturn.
#[unsafe(naked)]
pub extern "C" fn restorer() {
    naked_asm!(
        "mov eax, {nr}",
        "syscall",
        ".globl offshoot_restorer_end",
        ".hidden offshoot_restorer_end",
        "offshoot_restorer_end:",
        "ud2",
        nr = const abi::nr::SYS_rt_sigreturn,
    )
}

/// The instruction pointer that the filter sees for calls from [`host_call`].
pub fn gate_ip() -> u64 {
    addr_of!(offshoot_gate_end) as u64
}

/// The instruction pointer that the filter sees for [`restorer`].
pub fn restorer_ip() -> u64 {
    addr_of!(offshoot_restorer_end) as u64
}
