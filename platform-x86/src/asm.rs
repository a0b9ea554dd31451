//! Parts of the entry code that every platform has: a trap frame at `rsp` is filled, or emptied into the registers.
//!
//! The macros are templates of assembly for [`frame_asm!`](crate::frame_asm), which knows the offsets they name.

pub use abi::regs;

/// `naked_asm!` whose templates may name the fields of the trap frame, `frame` and `kick` of the per-CPU block, and the kind
/// of a system call. Further operands come first, in brackets.
#[macro_export]
macro_rules! frame_asm {
    ([$($operands:tt)*] $($template:expr),+ $(,)?) => {
        ::core::arch::naked_asm!(
            $($template,)+
            r15 = const $crate::asm::regs::OFF_R15,
            r14 = const $crate::asm::regs::OFF_R14,
            r13 = const $crate::asm::regs::OFF_R13,
            r12 = const $crate::asm::regs::OFF_R12,
            rbp = const $crate::asm::regs::OFF_RBP,
            rbx = const $crate::asm::regs::OFF_RBX,
            r10 = const $crate::asm::regs::OFF_R10,
            r9 = const $crate::asm::regs::OFF_R9,
            r8 = const $crate::asm::regs::OFF_R8,
            rdx = const $crate::asm::regs::OFF_RDX,
            rsi = const $crate::asm::regs::OFF_RSI,
            rdi = const $crate::asm::regs::OFF_RDI,
            r11 = const $crate::asm::regs::OFF_R11,
            rcx = const $crate::asm::regs::OFF_RCX,
            rax = const $crate::asm::regs::OFF_RAX,
            orig_rax = const $crate::asm::regs::OFF_ORIG_RAX,
            rip = const $crate::asm::regs::OFF_RIP,
            rflags = const $crate::asm::regs::OFF_RFLAGS,
            rsp = const $crate::asm::regs::OFF_RSP,
            kind = const $crate::asm::regs::OFF_KIND,
            mxcsr = const $crate::asm::regs::OFF_MXCSR,
            hint = const $crate::asm::regs::OFF_HINT,
            xmm = const $crate::asm::regs::OFF_XMM,
            frame = const $crate::percpu::OFF_FRAME,
            $($operands)*
        )
    };
}

/// The registers that neither `syscall` nor the entry code itself has changed yet, to the frame.
#[macro_export]
macro_rules! save_integers {
    () => {
        "mov [rsp + {r15}], r15
         mov [rsp + {r14}], r14
         mov [rsp + {r13}], r13
         mov [rsp + {r12}], r12
         mov [rsp + {rbp}], rbp
         mov [rsp + {rbx}], rbx
         mov [rsp + {r10}], r10
         mov [rsp + {r9}], r9
         mov [rsp + {r8}], r8
         mov [rsp + {rdx}], rdx
         mov [rsp + {rsi}], rsi
         mov [rsp + {rdi}], rdi"
    };
}

/// The same registers from the frame; rax, rcx and r11 are still free to use.
#[macro_export]
macro_rules! load_integers {
    () => {
        "mov r15, [rsp + {r15}]
         mov r14, [rsp + {r14}]
         mov r13, [rsp + {r13}]
         mov r12, [rsp + {r12}]
         mov rbp, [rsp + {rbp}]
         mov rbx, [rsp + {rbx}]
         mov r10, [rsp + {r10}]
         mov r9, [rsp + {r9}]
         mov r8, [rsp + {r8}]
         mov rdx, [rsp + {rdx}]
         mov rsi, [rsp + {rsi}]
         mov rdi, [rsp + {rdi}]"
    };
}

/// The SSE registers, which compiled kernel code uses, to the frame.
#[macro_export]
macro_rules! save_vectors {
    () => {
        "movaps [rsp + {xmm} + 0], xmm0
         movaps [rsp + {xmm} + 16], xmm1
         movaps [rsp + {xmm} + 32], xmm2
         movaps [rsp + {xmm} + 48], xmm3
         movaps [rsp + {xmm} + 64], xmm4
         movaps [rsp + {xmm} + 80], xmm5
         movaps [rsp + {xmm} + 96], xmm6
         movaps [rsp + {xmm} + 112], xmm7
         movaps [rsp + {xmm} + 128], xmm8
         movaps [rsp + {xmm} + 144], xmm9
         movaps [rsp + {xmm} + 160], xmm10
         movaps [rsp + {xmm} + 176], xmm11
         movaps [rsp + {xmm} + 192], xmm12
         movaps [rsp + {xmm} + 208], xmm13
         movaps [rsp + {xmm} + 224], xmm14
         movaps [rsp + {xmm} + 240], xmm15"
    };
}

/// The SSE registers from the frame.
#[macro_export]
macro_rules! load_vectors {
    () => {
        "movaps xmm0, [rsp + {xmm} + 0]
         movaps xmm1, [rsp + {xmm} + 16]
         movaps xmm2, [rsp + {xmm} + 32]
         movaps xmm3, [rsp + {xmm} + 48]
         movaps xmm4, [rsp + {xmm} + 64]
         movaps xmm5, [rsp + {xmm} + 80]
         movaps xmm6, [rsp + {xmm} + 96]
         movaps xmm7, [rsp + {xmm} + 112]
         movaps xmm8, [rsp + {xmm} + 128]
         movaps xmm9, [rsp + {xmm} + 144]
         movaps xmm10, [rsp + {xmm} + 160]
         movaps xmm11, [rsp + {xmm} + 176]
         movaps xmm12, [rsp + {xmm} + 192]
         movaps xmm13, [rsp + {xmm} + 208]
         movaps xmm14, [rsp + {xmm} + 224]
         movaps xmm15, [rsp + {xmm} + 240]"
    };
}

/// Registers that a function must preserve, onto its stack.
#[macro_export]
macro_rules! push_preserved {
    () => {
        "push rbp
         push rbx
         push r12
         push r13
         push r14
         push r15"
    };
}

/// The same from the stack, and back to the caller.
#[macro_export]
macro_rules! pop_preserved_ret {
    () => {
        "pop r15
         pop r14
         pop r13
         pop r12
         pop rbx
         pop rbp
         ret"
    };
}

/// Copies `rdx` bytes from `rsi` to `rdi`, upwards, and returns; rax is left as it is.
///
/// Sizes up to 16 load everything before they store, so they serve overlapping copies too. Up to 256 bytes go in 16-byte
/// steps, the last of which is loaded first and stored last; longer copies are the CPU's (`rep movsq`, as fast as by
/// bytes where that is fast, and fast everywhere else, under emulation too).
#[macro_export]
macro_rules! copy_up {
    () => {
        "cmp rdx, 16
         jbe 50f
         cmp rdx, 256
         ja 20f
         30:
         movups xmm0, [rsi + rdx - 16]
         lea r8, [rdi + rdx - 16]
         31:
         movups xmm1, [rsi]
         movups [rdi], xmm1
         add rsi, 16
         add rdi, 16
         sub rdx, 16
         cmp rdx, 16
         ja 31b
         movups [r8], xmm0
         ret
         20:
         mov rcx, rdx
         shr rcx, 3
         rep movsq
         mov ecx, edx
         and ecx, 7
         rep movsb
         ret
         50:
         cmp edx, 8
         jae 51f
         cmp edx, 4
         jae 52f
         cmp edx, 2
         jae 53f
         test edx, edx
         jz 54f
         mov cl, [rsi]
         mov [rdi], cl
         54:
         ret
         51:
         mov rcx, [rsi]
         mov r8, [rsi + rdx - 8]
         mov [rdi], rcx
         mov [rdi + rdx - 8], r8
         ret
         52:
         mov ecx, [rsi]
         mov r8d, [rsi + rdx - 4]
         mov [rdi], ecx
         mov [rdi + rdx - 4], r8d
         ret
         53:
         movzx ecx, word ptr [rsi]
         movzx r8d, word ptr [rsi + rdx - 2]
         mov [rdi], cx
         mov [rdi + rdx - 2], r8w
         ret"
    };
}
