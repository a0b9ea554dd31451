//! Host signals: how trapped system calls, faults and kicks become entries into the kernel.
//!
//! The handler runs on its own stack and never runs kernel logic. If the app was interrupted, it builds the trap frame at
//! the place where the current context keeps it and makes the host continue at [`entry::trap_entry`]; the vector
//! registers beyond the frame's are restored by the host as they were. If the kernel was interrupted, a kick is noted,
//! an access to the app's memory gets its fault, and anything else is the kernel's end.

use abi::nr::{SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_sigaltstack};
use abi::regs::{
    HINT_TRAPPED, KIND_FAULT, KIND_KICK, KIND_SYSCALL, RFLAGS_DEFAULT, TRAP_PROTECTION, TrapFrame, fault_hint,
};
use abi::signal::{
    KernelSigAction, SA_ONSTACK, SA_RESTORER, SA_SIGINFO, SIG_IGN, SIG_SETMASK, SIGBUS, SIGFPE, SIGILL,
    SIGKILL, SIGSEGV, SIGSTOP, SIGSYS, SIGTRAP, SigContext, SigInfo, SigSet, StackT, UContext,
};
use platform_x86::percpu;
use protocol::hosted::{KERNEL_HEAP, KERNEL_IMAGE, KICK_SIGNAL};

use crate::entry::{self, FLAGS_UNWANTED, OFF_RESUME, OFF_SAVED_RIP};
use crate::filter::ARCH_X86_64;
use crate::{gate, host, panic, usercopy};

const HANDLED: [i32; 7] = [SIGSYS, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, KICK_SIGNAL];
/// Signals above this are real-time ones, which nothing sends unasked.
const LAST_STANDARD: i32 = 31;
/// Room for the largest host frame (AVX-512: 3.5 KiB; AMX: 11 KiB) and the handler.
const STACK_SIZE: usize = 0x8000;

#[repr(align(64))]
struct SignalStack(core::cell::UnsafeCell<[u8; STACK_SIZE]>);
// SAFETY: only the host writes to it, on behalf of the one thread.
unsafe impl Sync for SignalStack {}
static STACK: SignalStack = SignalStack(core::cell::UnsafeCell::new([0; STACK_SIZE]));

/// Installs the handler; before the filter, which forbids these calls.
pub fn install() {
    let stack = StackT { ss_sp: STACK.0.get() as u64, ss_flags: 0, pad: 0, ss_size: STACK_SIZE as u64 };
    // SAFETY: the stack is static and used for nothing else.
    unsafe { host::call(SYS_sigaltstack, [&raw const stack as usize]) }.expect("sigaltstack");
    let mask = HANDLED.into_iter().fold(SigSet::default(), SigSet::with);
    let action = KernelSigAction {
        handler: handler as *const () as u64,
        flags: SA_SIGINFO | SA_ONSTACK | SA_RESTORER,
        restorer: gate::restorer as *const () as u64,
        mask,
    };
    for signo in HANDLED {
        let args = [signo as usize, &raw const action as usize, 0, size_of::<SigSet>()];
        // SAFETY: the handler keeps to what the module's documentation says.
        unsafe { host::call(SYS_rt_sigaction, args) }.expect("rt_sigaction");
    }
    // Signals of the host's terminal and of other programs are for the monitor to make sense of.
    let ignored = KernelSigAction { handler: SIG_IGN, ..KernelSigAction::default() };
    for signo in
        (1..=LAST_STANDARD).filter(|signo| !HANDLED.contains(signo) && ![SIGKILL, SIGSTOP].contains(signo))
    {
        let args = [signo as usize, &raw const ignored as usize, 0, size_of::<SigSet>()];
        // SAFETY: nothing runs for an ignored signal.
        unsafe { host::call(SYS_rt_sigaction, args) }.expect("rt_sigaction");
    }
    // The monitor starts members with the kick blocked: one that came before this moment arrives now.
    let none = SigSet::default();
    let args = [SIG_SETMASK as usize, &raw const none as usize, 0, size_of::<SigSet>()];
    // SAFETY: every signal that can be pending has its handler.
    unsafe { host::call(SYS_rt_sigprocmask, args) }.expect("rt_sigprocmask");
}

/// True when the kernel was interrupted: in its text, or in the host's vDSO on one of its stacks.
fn in_kernel(regs: &SigContext) -> bool {
    let within = |at: u64, (lo, hi): (usize, usize)| lo as u64 <= at && at < hi as u64;
    within(regs.rip, KERNEL_IMAGE) || within(regs.rsp, KERNEL_HEAP)
}

/// The host enters handlers with the app's alignment-check flag, which compiled code must not run with.
#[unsafe(naked)]
extern "C" fn handler() {
    core::arch::naked_asm!("push {flags}", "popfq", "jmp {go_on}", flags = const RFLAGS_DEFAULT, go_on = sym on_signal)
}

extern "C" fn on_signal(signo: i32, info: &SigInfo, context: &mut UContext) {
    let regs = &mut context.uc_mcontext;
    if in_kernel(regs) {
        kernel_interrupted(signo, info, regs);
    } else if signo == KICK_SIGNAL {
        app_interrupted(regs, KIND_KICK, 0);
    } else if signo == SIGSYS {
        app_called(info, regs);
    } else if info.si_code > 0 {
        app_interrupted(regs, KIND_FAULT, fault_hint(signo, info.si_code));
    }
    // Otherwise someone on the host sent this signal; it means nothing here.
}

fn kernel_interrupted(signo: i32, info: &SigInfo, regs: &mut SigContext) {
    let cpu = percpu::this();
    let (exit, exit_end) = entry::exit_range();
    let leaving = exit <= regs.rip && regs.rip < exit_end;
    if signo == KICK_SIGNAL {
        cpu.kicked();
        if leaving {
            regs.rip = exit;
            regs.rsp = cpu.frame.get() as u64;
            regs.eflags = RFLAGS_DEFAULT;
        }
    } else if info.si_code <= 0 {
        // Sent by someone on the host.
    } else if leaving {
        // The frame holds addresses that the CPU does not take: the app's fault, at the place it wanted to go to.
        let frame = cpu.frame.get() as *mut TrapFrame;
        // SAFETY: the exit leaves the frame as it is; the interrupted code does not go on.
        unsafe {
            (*frame).kind = KIND_FAULT;
            (*frame).orig_rax = u64::MAX;
            (*frame).trapno = TRAP_PROTECTION;
            (*frame).fault_code = 0;
            (*frame).fault_addr = 0;
            (*frame).hint = fault_hint(SIGSEGV, abi::signal::SI_KERNEL);
        }
        go_to_kernel(regs);
    } else if let Some(fixup) = usercopy::fixup(regs.rip)
        && (signo == SIGSEGV || signo == SIGBUS)
    {
        regs.rip = fixup;
    } else {
        panic::die(format_args!(
            "signal {signo} (code {}) at {:#x}, address {:#x}, error {:#x}, sp {:#x}, ax {:#x} cx {:#x} dx {:#x} bx {:#x} si {:#x} di {:#x} bp {:#x} r8 {:#x} r9 {:#x}",
            info.si_code,
            regs.rip,
            regs.cr2,
            regs.err,
            regs.rsp,
            regs.rax,
            regs.rcx,
            regs.rdx,
            regs.rbx,
            regs.rsi,
            regs.rdi,
            regs.rbp,
            regs.r8,
            regs.r9
        ));
    }
}

/// A trapped system call. A 32-bit one (`int 0x80`) is a protection fault, as on a host without 32-bit calls.
fn app_called(info: &SigInfo, regs: &mut SigContext) {
    let (nr, arch) = (info.fields[1] as u32, (info.fields[1] >> 32) as u32);
    if arch != ARCH_X86_64 {
        regs.rip -= 2;
        regs.trapno = TRAP_PROTECTION;
        regs.err = 0;
        return app_interrupted(regs, KIND_FAULT, fault_hint(SIGSEGV, abi::signal::SI_KERNEL));
    }
    app_interrupted(regs, KIND_SYSCALL, HINT_TRAPPED);
    let frame = percpu::this().frame.get() as *mut TrapFrame;
    // SAFETY: the frame was just built.
    unsafe { (*frame).orig_rax = u64::from(nr) };
}

/// Builds the frame and sends the thread into the kernel.
fn app_interrupted(regs: &mut SigContext, kind: u64, hint: u32) {
    // Offsets in the host's FXSAVE image.
    const MXCSR: u64 = 24;
    const XMM: u64 = 160;
    // Flags that are cleared now must come back: by the full exit, which a saved address that differs asks for.
    let saved_rip = if regs.eflags & FLAGS_UNWANTED == 0 { regs.rip } else { !regs.rip };
    let at = percpu::this().frame.get();
    let frame = at as *mut TrapFrame;
    // SAFETY: 1. the app was running, so nobody uses the frame's place; 2. the host's image holds mxcsr and 16 vector
    // registers at these offsets.
    unsafe {
        frame.write(TrapFrame {
            r15: regs.r15,
            r14: regs.r14,
            r13: regs.r13,
            r12: regs.r12,
            rbp: regs.rbp,
            rbx: regs.rbx,
            r11: regs.r11,
            r10: regs.r10,
            r9: regs.r9,
            r8: regs.r8,
            rax: regs.rax,
            rcx: regs.rcx,
            rdx: regs.rdx,
            rsi: regs.rsi,
            rdi: regs.rdi,
            orig_rax: u64::MAX,
            rip: regs.rip,
            rflags: regs.eflags,
            rsp: regs.rsp,
            kind,
            mxcsr: ((regs.fpstate + MXCSR) as *const u32).read(),
            hint,
            fault_addr: regs.cr2,
            fault_code: regs.err,
            trapno: regs.trapno,
            xmm: ((regs.fpstate + XMM) as *const [[u64; 2]; 16]).read(),
        });
        ((at + OFF_SAVED_RIP) as *mut u64).write(saved_rip);
        ((at + OFF_RESUME) as *mut u64).write(regs.rip);
    }
    go_to_kernel(regs);
}

fn go_to_kernel(regs: &mut SigContext) {
    regs.rip = entry::trap_entry();
    regs.rsp = percpu::this().frame.get() as u64;
    regs.eflags = RFLAGS_DEFAULT;
}
