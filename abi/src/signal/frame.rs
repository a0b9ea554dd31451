//! The frame that a handler is entered with, and that rt_sigreturn(2) takes back.

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{SigInfo, SigSet, StackT};
use crate::regs::{RFLAGS_USER, TrapFrame};

/// `struct sigcontext`: the registers in a signal frame.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SigContext {
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub rdx: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rsp: u64,
    pub rip: u64,
    pub eflags: u64,
    pub cs: u16,
    pub gs: u16,
    pub fs: u16,
    pub ss: u16,
    pub err: u64,
    pub trapno: u64,
    pub oldmask: u64,
    pub cr2: u64,
    /// Address of the FXSAVE or XSAVE image.
    pub fpstate: u64,
    pub reserved: [u64; 8],
}
const_assert_eq!(size_of::<SigContext>(), 256);

/// The code segment selector of 64-bit programs.
pub const USER_CS: u16 = 0x33;
/// Their stack segment selector.
pub const USER_SS: u16 = 0x2b;

impl SigContext {
    /// The general registers of a frame; the caller fills in the mask and the floating-point state's address.
    pub fn from_frame(frame: &TrapFrame) -> Self {
        Self {
            r8: frame.r8,
            r9: frame.r9,
            r10: frame.r10,
            r11: frame.r11,
            r12: frame.r12,
            r13: frame.r13,
            r14: frame.r14,
            r15: frame.r15,
            rdi: frame.rdi,
            rsi: frame.rsi,
            rbp: frame.rbp,
            rbx: frame.rbx,
            rdx: frame.rdx,
            rax: frame.rax,
            rcx: frame.rcx,
            rsp: frame.rsp,
            rip: frame.rip,
            eflags: frame.rflags,
            cs: USER_CS,
            ss: USER_SS,
            err: frame.fault_code,
            trapno: frame.trapno,
            cr2: frame.fault_addr,
            ..Self::default()
        }
    }

    /// Puts the general registers back, as rt_sigreturn does; only the flags a program may set are taken.
    pub fn restore_into(&self, frame: &mut TrapFrame) {
        frame.r8 = self.r8;
        frame.r9 = self.r9;
        frame.r10 = self.r10;
        frame.r11 = self.r11;
        frame.r12 = self.r12;
        frame.r13 = self.r13;
        frame.r14 = self.r14;
        frame.r15 = self.r15;
        frame.rdi = self.rdi;
        frame.rsi = self.rsi;
        frame.rbp = self.rbp;
        frame.rbx = self.rbx;
        frame.rdx = self.rdx;
        frame.rax = self.rax;
        frame.rcx = self.rcx;
        frame.rsp = self.rsp;
        frame.rip = self.rip;
        frame.rflags = (frame.rflags & !RFLAGS_USER) | (self.eflags & RFLAGS_USER);
    }
}

/// `uc_flags`: the floating-point state is an XSAVE image.
pub const UC_FP_XSTATE: u64 = 1;
/// `uc_flags`: the saved stack segment is valid, and must be restored as it is.
pub const UC_SIGCONTEXT_SS: u64 = 2;
pub const UC_STRICT_RESTORE_SS: u64 = 4;

/// `struct ucontext`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct UContext {
    pub uc_flags: u64,
    pub uc_link: u64,
    pub uc_stack: StackT,
    pub uc_mcontext: SigContext,
    pub uc_sigmask: SigSet,
}
const_assert_eq!(size_of::<UContext>(), 304);

/// `struct rt_sigframe`: what lies at the stack pointer when a handler is entered.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct RtSigFrame {
    /// The handler's return address: the restorer.
    pub pretcode: u64,
    pub uc: UContext,
    pub info: SigInfo,
}
const_assert_eq!(size_of::<RtSigFrame>(), 440);

/// Marks an XSAVE image in the reserved bytes of the FXSAVE area (`FP_XSTATE_MAGIC1`)...
pub const FP_XSTATE_MAGIC1: u32 = 0x4650_5853;
/// ...and right behind it.
pub const FP_XSTATE_MAGIC2: u32 = 0x4650_5845;
pub const FP_XSTATE_MAGIC2_SIZE: usize = 4;
/// Where [`FpxSwBytes`] lies in the FXSAVE area.
pub const FPX_SW_OFFSET: usize = 464;

/// `struct _fpx_sw_bytes`: describes the image around it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct FpxSwBytes {
    pub magic1: u32,
    pub extended_size: u32,
    pub xfeatures: u64,
    pub xstate_size: u32,
    pub padding: [u32; 7],
}
const_assert_eq!(size_of::<FpxSwBytes>(), 48);
