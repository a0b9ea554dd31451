//! The way from the app into the kernel and back: `syscall`, exceptions, upcalls.
//!
//! The current context's trap frame always lies at the top of its stack, at `%gs:frame`, followed by `ENTRY_EXTRA` bytes
//! for an `iretq` frame. Interrupts are off in ring 0: a kick that comes on the way out is taken right behind it.
//!
//! Exceptions and upcalls enter on a stack of the interrupt stack table, since precompiled code uses the red zone of the
//! stack that it runs on. Those of the app that need the kernel go on with the context's stack.

use core::arch::{global_asm, naked_asm};

use abi::regs::{
    self, FRAME_SIZE, KIND_FAULT, KIND_KICK, KIND_SYSCALL, RFLAGS_DEFAULT, RFLAGS_USER, TrapFrame,
};
use platform_x86::percpu;

use crate::segments::{USER_CS, USER_SS};
use crate::traps;

const OFF_IRET: usize = FRAME_SIZE;
/// What the CPU and the stub have pushed above the frame that an exception builds: vector, error code, rip, cs, rflags,
/// rsp, ss. One word keeps the frame aligned.
const OFF_HARDWARE: usize = FRAME_SIZE + 8;
/// Single-step and resume: flags that `sysret` does not restore well.
const FLAGS_IRET: u64 = 0x1_0100;
/// Bits of an address of the app.
const USER_BITS: u32 = 47;

unsafe extern "C" {
    /// The stubs of the vectors, [`STUB`] bytes each.
    pub static offshoot_stubs: u8;
}

/// Bytes of a stub.
pub const STUB: usize = 16;

// One stub a vector: 0 to 31, and one for the upcall. Vectors 8, 10 to 14, 17, 21, 29 and 30 come with an error code.
global_asm!(
    ".p2align 4",
    ".globl offshoot_stubs",
    "offshoot_stubs:",
    ".set vector, 0",
    ".rept 33",
    ".p2align 4",
    ".if ((0x60227d00 >> vector) & 1) == 0 || vector == 32",
    "push 0",
    ".endif",
    ".if vector == 32",
    "push {upcall}",
    ".else",
    "push vector",
    ".endif",
    "jmp {exception}",
    ".set vector, vector + 1",
    ".endr",
    upcall = const traps::UPCALL,
    exception = sym exception,
);

/// A system call. In: rax the number, rcx the return address, r11 the flags. The app's stack is not touched.
///
/// # Safety
/// For the CPU only.
#[unsafe(naked)]
pub unsafe extern "C" fn syscall_entry() {
    platform_x86::frame_asm!(
        [
            scratch = const percpu::OFF_SCRATCH,
            unless = const percpu::OFF_UNLESS,
            answers = const percpu::OFF_ANSWERS,
            answer_at = const percpu::OFF_ANSWERS + percpu::OFF_AT,
            answers_mask = const percpu::ANSWERS - 1,
            kick = const percpu::OFF_KICK,
            cs = const USER_CS,
            ss = const USER_SS,
            iret = const OFF_IRET,
            syscall = const KIND_SYSCALL,
            kick_kind = const KIND_KICK,
            flags_iret = const FLAGS_IRET,
            user_bits = const USER_BITS,
            flags_user = const RFLAGS_USER,
            flags_default = const RFLAGS_DEFAULT,
            dispatch = sym percpu::dispatch,
            nowhere = sym traps::nowhere,
        ]
        "swapgs",
        "mov gs:[{scratch}], rsp",
        // Calls whose answer is a word that somebody keeps. The stack pointer is the one register that is free, and
        // nothing here needs a stack. Who is single-stepped takes the long way.
        "mov esp, eax",
        "and esp, {answers_mask}",
        "shl esp, 4",
        "cmp rax, gs:[rsp + {answers}]",
        "jne 7f",
        "mov rsp, gs:[{unless}]",
        "cmp dword ptr [rsp], 0",
        "jne 7f",
        "test r11d, {flags_iret}",
        "jnz 7f",
        "mov esp, eax",
        "and esp, {answers_mask}",
        "shl esp, 4",
        "mov rsp, gs:[rsp + {answer_at}]",
        "mov eax, [rsp]",
        "mov rsp, gs:[{scratch}]",
        "swapgs",
        "sysretq",
        "7:",
        "mov rsp, gs:[{frame}]",
        platform_x86::save_integers!(),
        "mov [rsp + {rcx}], rcx",
        "mov [rsp + {rip}], rcx",
        "mov [rsp + {r11}], r11",
        "mov [rsp + {rflags}], r11",
        "mov [rsp + {rax}], rax",
        "mov [rsp + {orig_rax}], rax",
        "mov rax, gs:[{scratch}]",
        "mov [rsp + {rsp}], rax",
        "mov qword ptr [rsp + {kind}], {syscall}",
        "stmxcsr [rsp + {mxcsr}]",
        "mov dword ptr [rsp + {hint}], 0",
        platform_x86::save_vectors!(),
        // The kernel, with rsp at the frame.
        ".globl offshoot_dispatch",
        "offshoot_dispatch:",
        "mov rdi, rsp",
        "call {dispatch}",
        ".globl offshoot_exit",
        "offshoot_exit:",
        "cmp dword ptr gs:[{kick}], 0",
        "jne 4f",
        // A non-canonical address is never returned to: the CPU would fault on our side of the border.
        "mov rcx, [rsp + {rip}]",
        "mov rax, rcx",
        "shr rax, {user_bits}",
        "jnz 6f",
        platform_x86::load_vectors!(),
        "cmp qword ptr [rsp + {kind}], {syscall}",
        "jne 5f",
        // `sysret` leaves rip in rcx and the flags in r11: only if that is what they hold anyway.
        "mov r11, [rsp + {rflags}]",
        "cmp rcx, [rsp + {rcx}]",
        "jne 5f",
        "cmp r11, [rsp + {r11}]",
        "jne 5f",
        "test r11d, {flags_iret}",
        "jnz 5f",
        platform_x86::load_integers!(),
        "mov rax, [rsp + {rax}]",
        "mov rsp, [rsp + {rsp}]",
        "swapgs",
        "sysretq",
        // The full exit: every register.
        "5:",
        "ldmxcsr [rsp + {mxcsr}]",
        "mov [rsp + {iret}], rcx",
        "mov qword ptr [rsp + {iret} + 8], {cs}",
        "mov rax, [rsp + {rflags}]",
        "and eax, {flags_user}",
        "or eax, {flags_default}",
        "mov [rsp + {iret} + 16], rax",
        "mov rax, [rsp + {rsp}]",
        "mov [rsp + {iret} + 24], rax",
        "mov qword ptr [rsp + {iret} + 32], {ss}",
        platform_x86::load_integers!(),
        "mov r11, [rsp + {r11}]",
        "mov rcx, [rsp + {rcx}]",
        "mov rax, [rsp + {rax}]",
        "lea rsp, [rsp + {iret}]",
        "swapgs",
        "iretq",
        // A kick came meanwhile: let the kernel look, as if the app had been interrupted right after its call.
        "4:",
        "mov dword ptr gs:[{kick}], 0",
        "mov qword ptr [rsp + {kind}], {kick_kind}",
        "mov qword ptr [rsp + {orig_rax}], -1",
        "jmp offshoot_dispatch",
        "6:",
        "mov rdi, rsp",
        "call {nowhere}",
        "jmp offshoot_dispatch",
    )
}

/// An exception or upcall: builds a frame on this stack, lets [`traps::trapped`] look, and goes on where it says.
#[unsafe(naked)]
unsafe extern "C" fn exception() {
    platform_x86::frame_asm!(
        [
            fault_addr = const regs::OFF_FAULT_ADDR,
            fault_code = const regs::OFF_FAULT_CODE,
            trapno = const regs::OFF_TRAPNO,
            hardware = const OFF_HARDWARE,
            words = const FRAME_SIZE / 8,
            fault_kind = const KIND_FAULT,
            trapped = sym traps::trapped,
        ]
        "sub rsp, {hardware}",
        platform_x86::save_integers!(),
        "mov [rsp + {r11}], r11",
        "mov [rsp + {rcx}], rcx",
        "mov [rsp + {rax}], rax",
        "cld",
        "test byte ptr [rsp + {hardware} + 24], 3",
        "jz 2f",
        "swapgs",
        "2:",
        "mov rax, [rsp + {hardware}]",
        "mov [rsp + {trapno}], rax",
        "mov rax, [rsp + {hardware} + 8]",
        "mov [rsp + {fault_code}], rax",
        "mov rax, [rsp + {hardware} + 16]",
        "mov [rsp + {rip}], rax",
        "mov rax, [rsp + {hardware} + 32]",
        "mov [rsp + {rflags}], rax",
        "mov rax, [rsp + {hardware} + 40]",
        "mov [rsp + {rsp}], rax",
        "mov rax, cr2",
        "mov [rsp + {fault_addr}], rax",
        "mov qword ptr [rsp + {kind}], {fault_kind}",
        "mov qword ptr [rsp + {orig_rax}], -1",
        "mov dword ptr [rsp + {hint}], 0",
        "stmxcsr [rsp + {mxcsr}]",
        platform_x86::save_vectors!(),
        "mov rdi, rsp",
        "mov rsi, [rsp + {hardware} + 24]",
        "call {trapped}",
        "test eax, eax",
        "jnz 4f",
        // Back to where it came from; the handler may have moved rip.
        "mov rax, [rsp + {rip}]",
        "mov [rsp + {hardware} + 16], rax",
        platform_x86::load_vectors!(),
        platform_x86::load_integers!(),
        "mov r11, [rsp + {r11}]",
        "mov rcx, [rsp + {rcx}]",
        "mov rax, [rsp + {rax}]",
        "test byte ptr [rsp + {hardware} + 24], 3",
        "jz 3f",
        "swapgs",
        "3:",
        "add rsp, {hardware} + 16",
        "iretq",
        // To the kernel, on the context's stack.
        "4:",
        "mov rsi, rsp",
        "mov rdi, gs:[{frame}]",
        "mov rsp, rdi",
        "mov ecx, {words}",
        "rep movsq",
        "jmp offshoot_dispatch",
    )
}

/// Leaves through a frame, which is moved to the top of the current stack.
pub fn leave(frame: &TrapFrame) -> ! {
    let cpu = percpu::this();
    cpu.passing.set(TrapFrame { kind: KIND_KICK, ..*frame });
    // SAFETY: 1. the target is where the current context's frame lies; 2. what it overwrites are frames of callers that
    // are never returned to; 3. `passing` is a complete frame, of a kind that takes the full exit.
    unsafe { leave_asm(cpu.passing.as_ptr(), cpu.frame.get()) }
}

#[unsafe(naked)]
unsafe extern "C" fn leave_asm(from: *const TrapFrame, to: usize) -> ! {
    naked_asm!(
        "mov rsp, rsi",
        "xchg rdi, rsi",
        "mov ecx, {words}",
        "rep movsq",
        "jmp offshoot_exit",
        words = const FRAME_SIZE / 8,
    )
}
