//! The way from the app into the kernel and back.
//!
//! The current context's trap frame always lies at the top of its stack, at `%gs:frame`, followed by `ENTRY_EXTRA`
//! bytes of the entry code's own: the return address as it was saved, the address to resume at, and an `iretq` frame.
//!
//! The exit is a restartable sequence: a kick that interrupts it between the check for one and the final jump sends it
//! back to the check (see [`crate::signals`]); everything it needs is still in the frame.

use core::arch::naked_asm;
use core::ptr::addr_of;

use abi::regs::{
    self, FRAME_SIZE, KIND_FAULT, KIND_KICK, KIND_SYSCALL, RFLAGS_DEFAULT, RFLAGS_USER, TrapFrame,
};
use platform_x86::percpu;

use crate::patch;

/// Offset from the frame: the return address as it was saved; the kernel has changed `rip` if they differ.
pub const OFF_SAVED_RIP: usize = FRAME_SIZE;
/// Offset from the frame: where to go on if it has not (in a trampoline, this is not the return address).
pub const OFF_RESUME: usize = FRAME_SIZE + 8;
const OFF_IRET: usize = FRAME_SIZE + 16;

/// Alignment check, direction and single-step: flags that must be clear while our code runs.
pub const FLAGS_UNWANTED: u64 = 0x4_0500;

unsafe extern "C" {
    static offshoot_trap_entry: u8;
    static offshoot_exit: u8;
    static offshoot_exit_end: u8;
}

/// Where the host signal handler sends a thread whose frame it has built: `rsp` at the frame.
pub fn trap_entry() -> u64 {
    addr_of!(offshoot_trap_entry) as u64
}

/// Start and end of the restartable exit.
pub fn exit_range() -> (u64, u64) {
    (addr_of!(offshoot_exit) as u64, addr_of!(offshoot_exit_end) as u64)
}

/// A system call from a patched site. In: rax the number, arguments where `syscall` has them, rcx the return address
/// (as `syscall` leaves it), r11 the address to resume at. The app's stack is not touched: its red zone may be in use.
///
/// Unlike `syscall`, the arithmetic flags are not preserved; compilers take them as clobbered.
///
/// # Safety
/// To be jumped to by trampolines only.
#[unsafe(naked)]
pub unsafe extern "C" fn gate_entry() {
    platform_x86::frame_asm!(
        [
            scratch = const percpu::OFF_SCRATCH,
            kick = const percpu::OFF_KICK,
            cs = const percpu::OFF_CS,
            ss = const percpu::OFF_SS,
            saved_rip = const OFF_SAVED_RIP,
            resume = const OFF_RESUME,
            iret = const OFF_IRET,
            syscall = const KIND_SYSCALL,
            kick_kind = const KIND_KICK,
            unwanted = const FLAGS_UNWANTED,
            flags_user = const RFLAGS_USER,
            flags_default = const RFLAGS_DEFAULT,
            dispatch = sym percpu::dispatch,
            trapped = sym trapped,
        ]
        "mov gs:[{scratch}], rsp",
        "mov rsp, gs:[{frame}]",
        platform_x86::save_integers!(),
        "mov [rsp + {rcx}], rcx",
        "mov [rsp + {rip}], rcx",
        "mov [rsp + {saved_rip}], rcx",
        "mov [rsp + {resume}], r11",
        "mov [rsp + {rax}], rax",
        "mov [rsp + {orig_rax}], rax",
        "mov rax, gs:[{scratch}]",
        "mov [rsp + {rsp}], rax",
        "pushfq",
        "pop rcx",
        "mov [rsp + {rflags}], rcx",
        "mov [rsp + {r11}], rcx",
        "mov qword ptr [rsp + {kind}], {syscall}",
        "stmxcsr [rsp + {mxcsr}]",
        "mov dword ptr [rsp + {hint}], 0",
        platform_x86::save_vectors!(),
        "test ecx, {unwanted}",
        "jnz 3f",
        "2:",
        "mov rdi, rsp",
        "call {dispatch}",
        // The exit. rsp is at the frame.
        ".globl offshoot_exit",
        ".hidden offshoot_exit",
        "offshoot_exit:",
        "cmp dword ptr gs:[{kick}], 0",
        "jne 4f",
        "mov rcx, [rsp + {rip}]",
        "cmp rcx, [rsp + {saved_rip}]",
        "jne 5f",
        "cmp qword ptr [rsp + {kind}], {syscall}",
        "jne 5f",
        platform_x86::load_vectors!(),
        platform_x86::load_integers!(),
        "mov rax, [rsp + {rax}]",
        "mov r11, [rsp + {resume}]",
        "mov rsp, [rsp + {rsp}]",
        "jmp r11",
        // The full exit: every register, rcx, r11 and the flags included.
        "5:",
        "ldmxcsr [rsp + {mxcsr}]",
        platform_x86::load_vectors!(),
        "mov rax, [rsp + {rip}]",
        "mov [rsp + {iret}], rax",
        "mov rax, gs:[{cs}]",
        "mov [rsp + {iret} + 8], rax",
        "mov rax, [rsp + {rflags}]",
        "and eax, {flags_user}",
        "or eax, {flags_default}",
        "mov [rsp + {iret} + 16], rax",
        "mov rax, [rsp + {rsp}]",
        "mov [rsp + {iret} + 24], rax",
        "mov rax, gs:[{ss}]",
        "mov [rsp + {iret} + 32], rax",
        platform_x86::load_integers!(),
        "mov r11, [rsp + {r11}]",
        "mov rcx, [rsp + {rcx}]",
        "mov rax, [rsp + {rax}]",
        "lea rsp, [rsp + {iret}]",
        "iretq",
        ".globl offshoot_exit_end",
        ".hidden offshoot_exit_end",
        "offshoot_exit_end:",
        // The app has flags set that our code must not run with. They come back by the full exit.
        "3:",
        "push {flags_default}",
        "popfq",
        "not qword ptr [rsp + {saved_rip}]",
        "jmp 2b",
        // A kick came meanwhile: let the kernel look, as if the app had been interrupted right after its call. The
        // frame is whole as it is: rcx and r11 were saved as `syscall` leaves them, or rt_sigreturn has set them.
        "4:",
        "mov dword ptr gs:[{kick}], 0",
        "mov qword ptr [rsp + {kind}], {kick_kind}",
        "mov qword ptr [rsp + {orig_rax}], -1",
        "mov rdi, rsp",
        "call {dispatch}",
        "jmp offshoot_exit",
        // From the host signal handler.
        ".globl offshoot_trap_entry",
        ".hidden offshoot_trap_entry",
        "offshoot_trap_entry:",
        "mov rdi, rsp",
        "call {trapped}",
        "jmp offshoot_exit",
    )
}

/// Hands a frame that came by a host signal to the kernel, unless it is this crate's own affair.
extern "C" fn trapped(frame: &mut TrapFrame) {
    if frame.kind == KIND_FAULT && frame.trapno == regs::TRAP_INVALID_OPCODE && patch::repair(frame) {
        return;
    }
    percpu::dispatch(frame);
}

/// Leaves through the frame in the per-CPU block, which is moved to the top of the current stack.
pub fn leave(frame: &TrapFrame) -> ! {
    let cpu = percpu::this();
    cpu.passing.set(*frame);
    let to = cpu.frame.get();
    // SAFETY: 1. `to` is where the current context's frame lies; 2. what it overwrites are frames of callers that are
    // never returned to; 3. `passing` is a complete frame.
    unsafe { leave_asm(cpu.passing.as_ptr(), to) }
}

#[unsafe(naked)]
unsafe extern "C" fn leave_asm(from: *const TrapFrame, to: usize) -> ! {
    naked_asm!(
        "mov rsp, rsi",
        "mov rax, rsi",
        "xchg rdi, rsi",
        "mov ecx, {words}",
        "rep movsq",
        // No address is its own complement: the full exit is taken.
        "mov rcx, [rax + {rip}]",
        "not rcx",
        "mov [rax + {saved_rip}], rcx",
        "jmp offshoot_exit",
        words = const FRAME_SIZE / 8,
        rip = const regs::OFF_RIP,
        saved_rip = const OFF_SAVED_RIP,
    )
}
