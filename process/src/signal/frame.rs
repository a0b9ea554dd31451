//! The frame on the app's stack that a handler runs on, exactly as Linux on x86-64 lays it out; sigreturn(2), sigaltstack(2).
//!
//! From the interrupted stack pointer downwards: the red zone (128 bytes, left alone), the vector state (as the platform
//! gives it, described and closed as on Linux) on a multiple of 64, the `RtSigFrame` so that the handler starts with rsp + 8 on a multiple of 16.

use abi::errno::{Errno, SysResult};
use abi::regs::{RFLAGS_DF, RFLAGS_TF, TrapFrame};
use abi::signal::*;
use alloc::sync::Arc;
use alloc::vec::Vec;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::set_mask;
use crate::Thread;
use crate::kernel::kernel;

/// No alternative stack.
pub(super) const NO_ALTSTACK: StackT = StackT { ss_sp: 0, ss_flags: SS_DISABLE, pad: 0, ss_size: 0 };

const RED_ZONE: u64 = 128;
const FXSAVE_SIZE: usize = 512;
/// The resume flag, which a handler does not start with.
const RFLAGS_RF: u64 = 0x1_0000;
/// The mode bits of `ss_flags`; the rest are flags.
const SS_MODE: i32 = !SS_AUTODISARM;

/// True when `sp` lies on the alternative stack. One that is disarmed at entry never counts.
fn on_altstack(stack: &StackT, sp: u64) -> bool {
    stack.ss_flags & SS_AUTODISARM == 0 && sp > stack.ss_sp && sp - stack.ss_sp <= stack.ss_size
}

/// Where a handler's frame parts go: (vector state, frame); `None` when they do not fit the alternative stack.
fn place(stack: &StackT, sp: u64, flags: u64, xstate: usize) -> Option<(u64, u64)> {
    let nested = on_altstack(stack, sp);
    let enter = flags & SA_ONSTACK != 0 && stack.ss_size != 0 && !nested;
    let top = if enter { stack.ss_sp.wrapping_add(stack.ss_size) } else { sp.wrapping_sub(RED_ZONE) };
    let fp = top.wrapping_sub(xstate as u64) & !63;
    let frame = (fp.wrapping_sub(size_of::<RtSigFrame>() as u64) & !15).wrapping_sub(8);
    let fits = frame > stack.ss_sp && frame - stack.ss_sp <= stack.ss_size;
    if (nested || enter) && !fits { None } else { Some((fp, frame)) }
}

/// Makes `frame` enter a handler. EFAULT: the stack cannot hold the frame.
pub fn push_frame(
    t: &Arc<Thread>,
    frame: &mut TrapFrame,
    info: &SigInfo,
    action: &KernelSigAction,
) -> SysResult<()> {
    let pf = kernel().platform;
    if action.flags & SA_RESTORER == 0 {
        // x86-64 has no other way back from a handler.
        return Err(Errno::EFAULT);
    }
    let stack = *t.signals.altstack.lock();
    let size = pf.xstate_size();
    let (fp, at) = place(&stack, frame.rsp, action.flags, size).ok_or(Errno::EFAULT)?;

    let mut xstate = alloc::vec![0; size];
    pf.save_xstate(frame, &mut xstate);
    pf.copy_out(fp as usize, &xstate).map_err(|_| Errno::EFAULT)?;

    let mask = t.signals.mask();
    let saved = t.signals.saved.lock().take().unwrap_or(mask);
    let mut context = SigContext::from_frame(frame);
    context.oldmask = saved.0;
    context.fpstate = fp;
    let uc_flags =
        UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | if size > FXSAVE_SIZE { UC_FP_XSTATE } else { 0 };
    let sigframe = RtSigFrame {
        pretcode: action.restorer,
        uc: UContext { uc_flags, uc_link: 0, uc_stack: stack, uc_mcontext: context, uc_sigmask: saved },
        info: *info,
    };
    pf.copy_out(at as usize, sigframe.as_bytes()).map_err(|_| Errno::EFAULT)?;

    if stack.ss_flags & SS_AUTODISARM != 0 {
        *t.signals.altstack.lock() = NO_ALTSTACK;
    }
    let own = if action.flags & SA_NODEFER != 0 { SigSet::EMPTY } else { SigSet::of(info.si_signo) };
    set_mask(t, mask.union(action.mask).union(own));

    frame.rdi = info.si_signo as u64;
    frame.rsi = at + core::mem::offset_of!(RtSigFrame, info) as u64;
    frame.rdx = at + core::mem::offset_of!(RtSigFrame, uc) as u64;
    frame.rax = 0;
    frame.rip = action.handler;
    frame.rsp = at;
    frame.rflags &= !(RFLAGS_DF | RFLAGS_TF | RFLAGS_RF);
    frame.orig_rax = u64::MAX;
    Ok(())
}

/// Makes `frame` what it was before a handler, as the handler left it; rt_sigreturn(2). An error means SIGSEGV.
pub fn pop_frame(t: &Arc<Thread>, frame: &mut TrapFrame) -> SysResult<()> {
    let pf = kernel().platform;
    let mut sigframe = RtSigFrame::new_zeroed();
    let at = frame.rsp.wrapping_sub(8) as usize;
    pf.copy_in(at, sigframe.as_mut_bytes()).map_err(|_| Errno::EFAULT)?;
    let uc = &sigframe.uc;
    set_mask(t, uc.uc_sigmask);
    uc.uc_mcontext.restore_into(frame);
    frame.orig_rax = u64::MAX;
    let fp = uc.uc_mcontext.fpstate as usize;
    if fp == 0 {
        pf.reset_xstate(frame);
    } else {
        let image = read_xstate(fp)?;
        if !pf.restore_xstate(frame, &image) {
            return Err(Errno::EFAULT);
        }
    }
    // As Linux: a stack that makes no sense is left out.
    let _ = change_altstack(t, frame.rsp, Some(uc.uc_stack));
    Ok(())
}

/// The vector state of a signal frame: the FXSAVE part, and what follows if it says that it is longer. The platform checks
/// the contents.
fn read_xstate(fp: usize) -> SysResult<Vec<u8>> {
    let pf = kernel().platform;
    let mut image = alloc::vec![0; FXSAVE_SIZE];
    pf.copy_in(fp, &mut image).map_err(|_| Errno::EFAULT)?;
    let sw = FpxSwBytes::read_from_prefix(&image[FPX_SW_OFFSET..]).map(|(sw, _)| sw).unwrap_or_default();
    if sw.magic1 == FP_XSTATE_MAGIC1 {
        image.resize(pf.xstate_size(), 0);
        pf.copy_in(fp, &mut image).map_err(|_| Errno::EFAULT)?;
    }
    Ok(image)
}

/// sigaltstack(2): sets the stack if one is given, and gives the old one. `sp` is the caller's stack pointer.
pub fn change_altstack(t: &Thread, sp: u64, new: Option<StackT>) -> SysResult<StackT> {
    let mut stack = t.signals.altstack.lock();
    let active = on_altstack(&stack, sp);
    let mode = match (stack.ss_size, active) {
        (0, _) => SS_DISABLE,
        (_, true) => SS_ONSTACK,
        _ => 0,
    };
    let old = StackT { ss_flags: mode | stack.ss_flags & SS_AUTODISARM, pad: 0, ..*stack };
    if let Some(new) = new {
        if active {
            return Err(Errno::EPERM);
        }
        *stack = match new.ss_flags & SS_MODE {
            SS_DISABLE => StackT { ss_flags: new.ss_flags, ..NO_ALTSTACK },
            0 | SS_ONSTACK if (new.ss_size as usize) < MINSIGSTKSZ => return Err(Errno::ENOMEM),
            0 | SS_ONSTACK => StackT { pad: 0, ..new },
            _ => return Err(Errno::EINVAL),
        };
    }
    Ok(old)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Alignment as the ABI demands, below the red zone, parts in order and apart.
        #[test]
        fn frames_lie_as_linux_puts_them(sp in 0x10_0000u64..1 << 46, size in 512usize..12_000) {
            let (fp, frame) = place(&NO_ALTSTACK, sp, 0, size).unwrap();
            prop_assert_eq!((fp % 64, (frame + 8) % 16), (0, 0));
            prop_assert!(fp + size as u64 <= sp - 128);
            prop_assert!(frame + size_of::<RtSigFrame>() as u64 <= fp);
            prop_assert!(sp - frame < size as u64 + 128 + 64 + 16 + 8 + 440);
        }
    }

    #[test]
    fn alternative_stacks() {
        let stack = StackT { ss_sp: 0x1_0000, ss_size: 0x4000, ..StackT::default() };
        let (fp, frame) = place(&stack, 0x9_0000, SA_ONSTACK, 1000).unwrap();
        assert!(fp < 0x1_4000 && frame > 0x1_0000 && fp > 0x1_3000);
        // Already on it: below the interrupted frame, with the red zone.
        let (fp, _) = place(&stack, 0x1_3000, SA_ONSTACK, 1000).unwrap();
        assert!(fp < 0x1_3000 - 128);
        // It would overflow.
        assert_eq!(place(&stack, 0x1_0400, SA_ONSTACK, 1000), None);
        // Not asked for.
        let (fp, _) = place(&stack, 0x9_0000, 0, 1000).unwrap();
        assert!(fp > 0x8_0000);
    }
}
