//! Faults of the app become the signals that Linux sends for them.

use abi::regs::*;
use abi::signal::*;
use process::{Kernel, signal};

/// Sends the running thread the signal for the fault in its frame.
pub fn raise(k: &'static Kernel, frame: &TrapFrame) {
    let thread = process::kernel::current();
    let mapped = thread.process.mm.with(|v| v.at(frame.fault_addr as usize).is_some());
    signal::force(&thread, info(frame, mapped));
    k.sched.request_work();
}

/// The siginfo for a fault; `mapped` says whether the app has something mapped where a page fault happened.
fn info(frame: &TrapFrame, mapped: bool) -> SigInfo {
    let hint = frame.fault_signo().map(|signo| (signo, frame.fault_si_code()));
    let at_rip = |signo, code| SigInfo::fault(signo, code, frame.rip);
    match frame.trapno {
        TRAP_PAGE_FAULT => match hint {
            Some((SIGBUS, code)) => SigInfo::fault(SIGBUS, code, frame.fault_addr),
            // No memory for a page that is mapped: what Linux's OOM killer does.
            Some((SIGKILL, _)) => SigInfo::new(SIGKILL, SI_KERNEL),
            _ => {
                let code = if mapped { SEGV_ACCERR } else { SEGV_MAPERR };
                SigInfo::fault(SIGSEGV, code, frame.fault_addr)
            }
        },
        TRAP_DIVIDE => at_rip(SIGFPE, FPE_INTDIV),
        TRAP_X87 | TRAP_SIMD => at_rip(SIGFPE, hint.map_or(FPE_FLTINV, |(_, code)| code)),
        TRAP_DEBUG => at_rip(SIGTRAP, hint.map_or(TRAP_TRACE, |(_, code)| code)),
        TRAP_BREAKPOINT => SigInfo::new(SIGTRAP, SI_KERNEL),
        TRAP_INVALID_OPCODE => at_rip(SIGILL, ILL_ILLOPN),
        TRAP_ALIGNMENT => SigInfo::fault(SIGBUS, BUS_ADRALN, 0),
        TRAP_OVERFLOW | TRAP_BOUND | TRAP_PROTECTION => SigInfo::new(SIGSEGV, SI_KERNEL),
        TRAP_STACK | TRAP_SEGMENT_NOT_PRESENT => SigInfo::new(SIGBUS, SI_KERNEL),
        _ => match hint {
            Some((signo, code)) => SigInfo::fault(signo, code, frame.fault_addr),
            None => SigInfo::new(SIGSEGV, SI_KERNEL),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(trapno: u64, hint: u32) -> TrapFrame {
        TrapFrame { kind: KIND_FAULT, trapno, hint, rip: 0x1000, fault_addr: 0x2000, ..TrapFrame::default() }
    }

    #[test]
    fn page_faults() {
        let code = |hint, mapped| {
            let i = info(&fault(TRAP_PAGE_FAULT, hint), mapped);
            (i.si_signo, i.si_code, i.si_addr())
        };
        assert_eq!(code(0, false), (SIGSEGV, SEGV_MAPERR, 0x2000));
        assert_eq!(code(fault_hint(SIGSEGV, SEGV_MAPERR), true), (SIGSEGV, SEGV_ACCERR, 0x2000));
        assert_eq!(code(fault_hint(SIGBUS, BUS_ADRERR), true), (SIGBUS, BUS_ADRERR, 0x2000));
    }

    #[test]
    fn arithmetic() {
        let i = info(&fault(TRAP_DIVIDE, 0), false);
        assert_eq!((i.si_signo, i.si_code, i.si_addr()), (SIGFPE, FPE_INTDIV, 0x1000));
        let i = info(&fault(TRAP_SIMD, fault_hint(SIGFPE, FPE_FLTDIV)), false);
        assert_eq!((i.si_signo, i.si_code), (SIGFPE, FPE_FLTDIV));
    }
}
