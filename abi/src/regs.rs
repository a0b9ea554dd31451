//! The registers of an interrupted thread, as the entry code of every platform lays them out on the kernel stack.
//! Assembly addresses the fields by the `OFF_*` constants.

use core::mem::offset_of;

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`TrapFrame::kind`]: the program made a system call.
pub const KIND_SYSCALL: u64 = 0;
/// [`TrapFrame::kind`]: the program faulted; `trapno`, `fault_addr` and `fault_code` say how.
pub const KIND_FAULT: u64 = 1;
/// [`TrapFrame::kind`]: the program was interrupted between two instructions (a signal, a timer).
pub const KIND_KICK: u64 = 2;

/// x86 exception vectors, as found in [`TrapFrame::trapno`].
pub const TRAP_DIVIDE: u64 = 0;
pub const TRAP_DEBUG: u64 = 1;
pub const TRAP_BREAKPOINT: u64 = 3;
pub const TRAP_OVERFLOW: u64 = 4;
pub const TRAP_BOUND: u64 = 5;
pub const TRAP_INVALID_OPCODE: u64 = 6;
pub const TRAP_NO_DEVICE: u64 = 7;
pub const TRAP_DOUBLE_FAULT: u64 = 8;
pub const TRAP_SEGMENT_NOT_PRESENT: u64 = 11;
pub const TRAP_STACK: u64 = 12;
pub const TRAP_PROTECTION: u64 = 13;
pub const TRAP_PAGE_FAULT: u64 = 14;
pub const TRAP_X87: u64 = 16;
pub const TRAP_ALIGNMENT: u64 = 17;
pub const TRAP_SIMD: u64 = 19;

/// Bits of a page fault's [`TrapFrame::fault_code`].
pub const FAULT_PRESENT: u64 = 1 << 0;
pub const FAULT_WRITE: u64 = 1 << 1;
pub const FAULT_USER: u64 = 1 << 2;
pub const FAULT_RESERVED: u64 = 1 << 3;
pub const FAULT_FETCH: u64 = 1 << 4;

/// The value that `mxcsr` has when a program starts: all SSE exceptions masked, round to nearest.
pub const MXCSR_DEFAULT: u32 = 0x1f80;
/// The value that `rflags` has when a program starts: interrupts on, and the bit that is always one.
pub const RFLAGS_DEFAULT: u64 = 0x202;
/// The bits of `rflags` that a signal frame may set (`FIX_EFLAGS` in Linux): AC, OF, DF, TF, SF, ZF, AF, PF, CF, RF.
pub const RFLAGS_USER: u64 = 0x5_0dd5;
/// The direction flag: clear at every function entry, so also at a signal handler's.
pub const RFLAGS_DF: u64 = 0x400;
/// The single-step flag.
pub const RFLAGS_TF: u64 = 0x100;

/// Everything that must be restored to continue the program where it was.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct TrapFrame {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    /// The return value, once the call is done.
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    /// The system call's number, kept for a restart; `u64::MAX` if the frame is no system call.
    pub orig_rax: u64,
    pub rip: u64,
    pub rflags: u64,
    pub rsp: u64,
    /// One of the `KIND_*` constants.
    pub kind: u64,
    pub mxcsr: u32,
    /// What else the platform knows of the entry; see [`TrapFrame::trapped`] and [`TrapFrame::fault_signo`].
    pub hint: u32,
    /// The address that a page fault touched (cr2).
    pub fault_addr: u64,
    /// The exception's error code.
    pub fault_code: u64,
    /// The exception's vector.
    pub trapno: u64,
    pub xmm: [[u64; 2]; 16],
}
const_assert_eq!(size_of::<TrapFrame>(), FRAME_SIZE);
const_assert_eq!(align_of::<TrapFrame>(), 16);

pub const FRAME_SIZE: usize = 448;
pub const OFF_R15: usize = offset_of!(TrapFrame, r15);
pub const OFF_R14: usize = offset_of!(TrapFrame, r14);
pub const OFF_R13: usize = offset_of!(TrapFrame, r13);
pub const OFF_R12: usize = offset_of!(TrapFrame, r12);
pub const OFF_RBP: usize = offset_of!(TrapFrame, rbp);
pub const OFF_RBX: usize = offset_of!(TrapFrame, rbx);
pub const OFF_R11: usize = offset_of!(TrapFrame, r11);
pub const OFF_R10: usize = offset_of!(TrapFrame, r10);
pub const OFF_R9: usize = offset_of!(TrapFrame, r9);
pub const OFF_R8: usize = offset_of!(TrapFrame, r8);
pub const OFF_RAX: usize = offset_of!(TrapFrame, rax);
pub const OFF_RCX: usize = offset_of!(TrapFrame, rcx);
pub const OFF_RDX: usize = offset_of!(TrapFrame, rdx);
pub const OFF_RSI: usize = offset_of!(TrapFrame, rsi);
pub const OFF_RDI: usize = offset_of!(TrapFrame, rdi);
pub const OFF_ORIG_RAX: usize = offset_of!(TrapFrame, orig_rax);
pub const OFF_RIP: usize = offset_of!(TrapFrame, rip);
pub const OFF_RFLAGS: usize = offset_of!(TrapFrame, rflags);
pub const OFF_RSP: usize = offset_of!(TrapFrame, rsp);
pub const OFF_KIND: usize = offset_of!(TrapFrame, kind);
pub const OFF_MXCSR: usize = offset_of!(TrapFrame, mxcsr);
pub const OFF_HINT: usize = offset_of!(TrapFrame, hint);
pub const OFF_FAULT_ADDR: usize = offset_of!(TrapFrame, fault_addr);
pub const OFF_FAULT_CODE: usize = offset_of!(TrapFrame, fault_code);
pub const OFF_TRAPNO: usize = offset_of!(TrapFrame, trapno);
pub const OFF_XMM: usize = offset_of!(TrapFrame, xmm);
const_assert_eq!(OFF_XMM % 16, 0);

/// In [`TrapFrame::hint`] of a system call: it came by a trap, not through a patched site.
pub const HINT_TRAPPED: u32 = 1 << 31;

/// [`TrapFrame::hint`] of a fault: the signal that Linux sends for it (0: unknown) and its `si_code`.
pub const fn fault_hint(signo: i32, si_code: i32) -> u32 {
    (signo as u32 & 0xff) | (si_code as u32 & 0xffff) << 8
}

impl TrapFrame {
    /// True when this system call came by a trap, so that its site is worth patching.
    pub const fn trapped(&self) -> bool {
        self.kind == KIND_SYSCALL && self.hint & HINT_TRAPPED != 0
    }

    /// The signal that Linux sends for this fault, if the platform knows it. A page fault alone does not tell SIGSEGV
    /// from SIGBUS (a file's page that is no more).
    pub const fn fault_signo(&self) -> Option<i32> {
        let signo = (self.hint & 0xff) as i32;
        if self.kind == KIND_FAULT && signo != 0 { Some(signo) } else { None }
    }

    /// The `si_code` that goes with [`TrapFrame::fault_signo`].
    pub const fn fault_si_code(&self) -> i32 {
        (self.hint >> 8) as u16 as i16 as i32
    }

    /// The number of the system call being made.
    pub const fn syscall_nr(&self) -> usize {
        self.orig_rax as usize
    }

    /// The `index`th of the call's six arguments; see syscall(2), "Architecture calling conventions".
    ///
    /// # Panics
    /// If `index` is 6 or more: a mistake in the caller, never in the program's input.
    pub const fn arg(&self, index: usize) -> u64 {
        match index {
            0 => self.rdi,
            1 => self.rsi,
            2 => self.rdx,
            3 => self.r10,
            4 => self.r8,
            5 => self.r9,
            _ => panic!("a system call has six arguments"),
        }
    }

    /// All six arguments.
    pub const fn args(&self) -> [u64; 6] {
        [self.rdi, self.rsi, self.rdx, self.r10, self.r8, self.r9]
    }

    /// Sets what the program finds in rax.
    pub const fn set_ret(&mut self, value: i64) {
        self.rax = value as u64;
    }
}
