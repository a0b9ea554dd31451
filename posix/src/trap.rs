//! Entries from user mode, and the work on the way back: signals, timers, other threads.

use abi::errno::{Errno, SysResult};
use abi::nr::SYS_restart_syscall;
use abi::regs::{KIND_FAULT, KIND_SYSCALL, TrapFrame};
use abi::signal::{KernelSigAction, SA_RESTART, SI_KERNEL, SIGSEGV, SigInfo};
use alloc::sync::Arc;
use process::{Kernel, Thread, signal};

use crate::cx::Cx;
use crate::table::row;
use crate::{fault, trace};

/// Length of a `syscall` instruction.
const SYSCALL_LEN: u64 = 2;

/// A system call, fault or kick.
pub fn trap(frame: &mut TrapFrame) {
    let k = process::kernel();
    if frame.kind == KIND_SYSCALL {
        system_call(k, frame);
        return;
    }
    if frame.kind == KIND_FAULT {
        fault::raise(k, frame);
    } else {
        k.sched.request_work();
    }
    if k.sched.has_work() {
        leave(k, frame, None);
    }
}

/// The work on the way to user mode of a context that enters it for the first time (a new thread, exec, the start).
pub fn before_user(frame: &mut TrapFrame) {
    leave(process::kernel(), frame, None);
}

fn system_call(k: &'static Kernel, frame: &mut TrapFrame) {
    if frame.trapped() {
        patch(k, frame);
    }
    let mut nr = frame.syscall_nr();
    loop {
        match call(k, frame, nr) {
            Ok(value) => frame.set_ret(value as i64),
            Err(e) if e.is_restart() => match leave(k, frame, Some(e)) {
                // No handler ran: the call goes on as if nothing had been.
                Some(again) => {
                    nr = again;
                    continue;
                }
                None => return,
            },
            Err(e) => frame.set_ret(-i64::from(e.0)),
        }
        if k.sched.has_work() {
            leave(k, frame, None);
        }
        return;
    }
}

fn call(k: &'static Kernel, frame: &mut TrapFrame, nr: usize) -> SysResult<usize> {
    let Some(row) = row(nr) else { return unknown(k, frame, nr) };
    let mut cx = Cx::new(k, frame);
    if trace::is_on(k) { trace::call(&mut cx, row) } else { (row.handler)(&mut cx) }
}

#[cold]
fn unknown(k: &'static Kernel, frame: &mut TrapFrame, nr: usize) -> SysResult<usize> {
    process::report::unknown_call(nr as u32);
    if trace::is_on(k) {
        trace::unknown(&Cx::new(k, frame), nr);
    }
    Err(Errno::ENOSYS)
}

/// Rewrites the call's site, so that its next call does not trap.
#[cold]
fn patch(k: &'static Kernel, frame: &TrapFrame) {
    let thread = process::kernel::current();
    let mut space = process::mm::Code { mm: &thread.process.mm, platform: k.platform };
    k.platform.patch_site(frame, &mut space);
}

/// Does what must be done before the app goes on. `restart` is the code that an interrupted call gave; if no handler
/// resolved it, the number of the call to make instead comes back.
#[cold]
fn leave(k: &'static Kernel, frame: &mut TrapFrame, mut restart: Option<Errno>) -> Option<usize> {
    loop {
        k.sched.take_work();
        k.sched.poll_events();
        k.sched.end_slice();
        let thread = process::kernel::current();
        if thread.interrupt_pending() {
            while let Some((info, action)) = signal::next(&thread) {
                if let Some(code) = restart.take() {
                    resolve(frame, code, &action);
                }
                enter_handler(&thread, frame, &info, &action);
            }
        }
        signal::restore_mask(&thread);
        if !k.sched.has_work() {
            break;
        }
    }
    k.sched.arm_for_user();
    match restart? {
        Errno::ERESTART_RESTARTBLOCK => Some(SYS_restart_syscall),
        _ => Some(frame.syscall_nr()),
    }
}

/// A handler runs before the interrupted call is done: EINTR, or the call is made again after the handler; signal(7),
/// "Interruption of system calls and library functions by signal handlers".
fn resolve(frame: &mut TrapFrame, code: Errno, action: &KernelSigAction) {
    let again = match code {
        Errno::ERESTARTNOINTR => true,
        Errno::ERESTARTSYS => action.flags & SA_RESTART != 0,
        _ => false,
    };
    if again {
        frame.rax = frame.orig_rax;
        frame.rip -= SYSCALL_LEN;
    } else {
        frame.set_ret(-i64::from(Errno::EINTR.0));
    }
}

/// Makes the frame enter a handler. Without room for its frame the thread gets SIGSEGV; if that is the very signal, its
/// default action.
fn enter_handler(thread: &Arc<Thread>, frame: &mut TrapFrame, info: &SigInfo, action: &KernelSigAction) {
    if signal::push_frame(thread, frame, info, action).is_err() {
        if info.si_signo == SIGSEGV {
            signal::force_default(thread, SIGSEGV);
        }
        signal::force(thread, SigInfo::new(SIGSEGV, SI_KERNEL));
    }
}
