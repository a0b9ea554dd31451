//! The way from the app into the kernel and back: `syscall`, exceptions, upcalls.
//!
//! The current context's trap frame always lies at the top of its stack, at `%gs:frame`, followed by [`ENTRY_EXTRA`] bytes
//! for an `iretq` frame. Interrupts are off in ring 0: a kick that comes on the way out is taken right behind it.
//!
//! Exceptions and upcalls enter on a stack of the interrupt stack table, since precompiled code uses the red zone of the
//! stack that it runs on. Those of the app that need the kernel go on with the context's stack.

use core::arch::{global_asm, naked_asm};

use abi::regs::{
    self, FRAME_SIZE, KIND_FAULT, KIND_KICK, KIND_SYSCALL, RFLAGS_DEFAULT, RFLAGS_USER, TrapFrame,
};

use crate::percpu;
use crate::segments::{USER_CS, USER_SS};
use crate::traps;

/// Bytes above the trap frame that belong to the entry code.
pub const ENTRY_EXTRA: usize = 64;
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
    naked_asm!(
        "swapgs",
        "mov gs:[{scratch}], rsp",
        "mov rsp, gs:[{frame}]",
        "mov [rsp + {r15}], r15",
        "mov [rsp + {r14}], r14",
        "mov [rsp + {r13}], r13",
        "mov [rsp + {r12}], r12",
        "mov [rsp + {rbp}], rbp",
        "mov [rsp + {rbx}], rbx",
        "mov [rsp + {r10}], r10",
        "mov [rsp + {r9}], r9",
        "mov [rsp + {r8}], r8",
        "mov [rsp + {rdx}], rdx",
        "mov [rsp + {rsi}], rsi",
        "mov [rsp + {rdi}], rdi",
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
        "movaps [rsp + {xmm} + 0], xmm0",
        "movaps [rsp + {xmm} + 16], xmm1",
        "movaps [rsp + {xmm} + 32], xmm2",
        "movaps [rsp + {xmm} + 48], xmm3",
        "movaps [rsp + {xmm} + 64], xmm4",
        "movaps [rsp + {xmm} + 80], xmm5",
        "movaps [rsp + {xmm} + 96], xmm6",
        "movaps [rsp + {xmm} + 112], xmm7",
        "movaps [rsp + {xmm} + 128], xmm8",
        "movaps [rsp + {xmm} + 144], xmm9",
        "movaps [rsp + {xmm} + 160], xmm10",
        "movaps [rsp + {xmm} + 176], xmm11",
        "movaps [rsp + {xmm} + 192], xmm12",
        "movaps [rsp + {xmm} + 208], xmm13",
        "movaps [rsp + {xmm} + 224], xmm14",
        "movaps [rsp + {xmm} + 240], xmm15",
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
        "movaps xmm0, [rsp + {xmm} + 0]",
        "movaps xmm1, [rsp + {xmm} + 16]",
        "movaps xmm2, [rsp + {xmm} + 32]",
        "movaps xmm3, [rsp + {xmm} + 48]",
        "movaps xmm4, [rsp + {xmm} + 64]",
        "movaps xmm5, [rsp + {xmm} + 80]",
        "movaps xmm6, [rsp + {xmm} + 96]",
        "movaps xmm7, [rsp + {xmm} + 112]",
        "movaps xmm8, [rsp + {xmm} + 128]",
        "movaps xmm9, [rsp + {xmm} + 144]",
        "movaps xmm10, [rsp + {xmm} + 160]",
        "movaps xmm11, [rsp + {xmm} + 176]",
        "movaps xmm12, [rsp + {xmm} + 192]",
        "movaps xmm13, [rsp + {xmm} + 208]",
        "movaps xmm14, [rsp + {xmm} + 224]",
        "movaps xmm15, [rsp + {xmm} + 240]",
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
        "mov r15, [rsp + {r15}]",
        "mov r14, [rsp + {r14}]",
        "mov r13, [rsp + {r13}]",
        "mov r12, [rsp + {r12}]",
        "mov rbp, [rsp + {rbp}]",
        "mov rbx, [rsp + {rbx}]",
        "mov r10, [rsp + {r10}]",
        "mov r9, [rsp + {r9}]",
        "mov r8, [rsp + {r8}]",
        "mov rdx, [rsp + {rdx}]",
        "mov rsi, [rsp + {rsi}]",
        "mov rdi, [rsp + {rdi}]",
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
        "mov r15, [rsp + {r15}]",
        "mov r14, [rsp + {r14}]",
        "mov r13, [rsp + {r13}]",
        "mov r12, [rsp + {r12}]",
        "mov rbp, [rsp + {rbp}]",
        "mov rbx, [rsp + {rbx}]",
        "mov r10, [rsp + {r10}]",
        "mov r9, [rsp + {r9}]",
        "mov r8, [rsp + {r8}]",
        "mov rdx, [rsp + {rdx}]",
        "mov rsi, [rsp + {rsi}]",
        "mov rdi, [rsp + {rdi}]",
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
        r15 = const regs::OFF_R15,
        r14 = const regs::OFF_R14,
        r13 = const regs::OFF_R13,
        r12 = const regs::OFF_R12,
        rbp = const regs::OFF_RBP,
        rbx = const regs::OFF_RBX,
        r10 = const regs::OFF_R10,
        r9 = const regs::OFF_R9,
        r8 = const regs::OFF_R8,
        rdx = const regs::OFF_RDX,
        rsi = const regs::OFF_RSI,
        rdi = const regs::OFF_RDI,
        r11 = const regs::OFF_R11,
        rcx = const regs::OFF_RCX,
        rax = const regs::OFF_RAX,
        orig_rax = const regs::OFF_ORIG_RAX,
        rip = const regs::OFF_RIP,
        rflags = const regs::OFF_RFLAGS,
        rsp = const regs::OFF_RSP,
        kind = const regs::OFF_KIND,
        mxcsr = const regs::OFF_MXCSR,
        hint = const regs::OFF_HINT,
        xmm = const regs::OFF_XMM,
        scratch = const percpu::OFF_SCRATCH,
        frame = const percpu::OFF_FRAME,
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
        dispatch = sym dispatch,
        nowhere = sym traps::nowhere,
    )
}

/// An exception or upcall: builds a frame on this stack, lets [`traps::trapped`] look, and goes on where it says.
#[unsafe(naked)]
unsafe extern "C" fn exception() {
    naked_asm!(
        "sub rsp, {hardware}",
        "mov [rsp + {r15}], r15",
        "mov [rsp + {r14}], r14",
        "mov [rsp + {r13}], r13",
        "mov [rsp + {r12}], r12",
        "mov [rsp + {rbp}], rbp",
        "mov [rsp + {rbx}], rbx",
        "mov [rsp + {r10}], r10",
        "mov [rsp + {r9}], r9",
        "mov [rsp + {r8}], r8",
        "mov [rsp + {rdx}], rdx",
        "mov [rsp + {rsi}], rsi",
        "mov [rsp + {rdi}], rdi",
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
        "movaps [rsp + {xmm} + 0], xmm0",
        "movaps [rsp + {xmm} + 16], xmm1",
        "movaps [rsp + {xmm} + 32], xmm2",
        "movaps [rsp + {xmm} + 48], xmm3",
        "movaps [rsp + {xmm} + 64], xmm4",
        "movaps [rsp + {xmm} + 80], xmm5",
        "movaps [rsp + {xmm} + 96], xmm6",
        "movaps [rsp + {xmm} + 112], xmm7",
        "movaps [rsp + {xmm} + 128], xmm8",
        "movaps [rsp + {xmm} + 144], xmm9",
        "movaps [rsp + {xmm} + 160], xmm10",
        "movaps [rsp + {xmm} + 176], xmm11",
        "movaps [rsp + {xmm} + 192], xmm12",
        "movaps [rsp + {xmm} + 208], xmm13",
        "movaps [rsp + {xmm} + 224], xmm14",
        "movaps [rsp + {xmm} + 240], xmm15",
        "mov rdi, rsp",
        "mov rsi, [rsp + {hardware} + 24]",
        "call {trapped}",
        "test eax, eax",
        "jnz 4f",
        // Back to where it came from; the handler may have moved rip.
        "mov rax, [rsp + {rip}]",
        "mov [rsp + {hardware} + 16], rax",
        "movaps xmm0, [rsp + {xmm} + 0]",
        "movaps xmm1, [rsp + {xmm} + 16]",
        "movaps xmm2, [rsp + {xmm} + 32]",
        "movaps xmm3, [rsp + {xmm} + 48]",
        "movaps xmm4, [rsp + {xmm} + 64]",
        "movaps xmm5, [rsp + {xmm} + 80]",
        "movaps xmm6, [rsp + {xmm} + 96]",
        "movaps xmm7, [rsp + {xmm} + 112]",
        "movaps xmm8, [rsp + {xmm} + 128]",
        "movaps xmm9, [rsp + {xmm} + 144]",
        "movaps xmm10, [rsp + {xmm} + 160]",
        "movaps xmm11, [rsp + {xmm} + 176]",
        "movaps xmm12, [rsp + {xmm} + 192]",
        "movaps xmm13, [rsp + {xmm} + 208]",
        "movaps xmm14, [rsp + {xmm} + 224]",
        "movaps xmm15, [rsp + {xmm} + 240]",
        "mov r15, [rsp + {r15}]",
        "mov r14, [rsp + {r14}]",
        "mov r13, [rsp + {r13}]",
        "mov r12, [rsp + {r12}]",
        "mov rbp, [rsp + {rbp}]",
        "mov rbx, [rsp + {rbx}]",
        "mov r10, [rsp + {r10}]",
        "mov r9, [rsp + {r9}]",
        "mov r8, [rsp + {r8}]",
        "mov rdx, [rsp + {rdx}]",
        "mov rsi, [rsp + {rsi}]",
        "mov rdi, [rsp + {rdi}]",
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
        r15 = const regs::OFF_R15,
        r14 = const regs::OFF_R14,
        r13 = const regs::OFF_R13,
        r12 = const regs::OFF_R12,
        rbp = const regs::OFF_RBP,
        rbx = const regs::OFF_RBX,
        r10 = const regs::OFF_R10,
        r9 = const regs::OFF_R9,
        r8 = const regs::OFF_R8,
        rdx = const regs::OFF_RDX,
        rsi = const regs::OFF_RSI,
        rdi = const regs::OFF_RDI,
        r11 = const regs::OFF_R11,
        rcx = const regs::OFF_RCX,
        rax = const regs::OFF_RAX,
        orig_rax = const regs::OFF_ORIG_RAX,
        rip = const regs::OFF_RIP,
        rflags = const regs::OFF_RFLAGS,
        rsp = const regs::OFF_RSP,
        kind = const regs::OFF_KIND,
        mxcsr = const regs::OFF_MXCSR,
        hint = const regs::OFF_HINT,
        xmm = const regs::OFF_XMM,
        fault_addr = const regs::OFF_FAULT_ADDR,
        fault_code = const regs::OFF_FAULT_CODE,
        trapno = const regs::OFF_TRAPNO,
        hardware = const OFF_HARDWARE,
        words = const FRAME_SIZE / 8,
        frame = const percpu::OFF_FRAME,
        fault_kind = const KIND_FAULT,
        trapped = sym traps::trapped,
    )
}

/// Hands a frame to the kernel.
extern "C" fn dispatch(frame: &mut TrapFrame) {
    (percpu::this().trap.get())(frame);
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
