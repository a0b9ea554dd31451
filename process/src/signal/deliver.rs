//! Taking signals on the way to user mode, with their default actions.

use abi::process::WaitStatus;
use abi::signal::{DefaultAction, KernelSigAction, SigInfo};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use super::{Reaction, deliverable, refresh, stop, take};
use crate::Thread;

/// The next signal for which a handler must be entered; default actions are carried out here, so this may stop the thread
/// for long, or never return. `None`: nothing is left to do.
pub fn next(t: &Arc<Thread>) -> Option<(SigInfo, KernelSigAction)> {
    loop {
        if t.dying.load(Ordering::SeqCst) {
            crate::exit::exit_thread(0);
        }
        stop::park(t);
        if t.dying.load(Ordering::SeqCst) {
            continue;
        }
        let Some(info) = take(t, deliverable(t)) else {
            refresh(t);
            return None;
        };
        let reaction = t.process.signals.with_state(|s| s.actions.react(info.si_signo));
        match reaction {
            Reaction::Handler(action) => return Some((info, action)),
            Reaction::Ignore | Reaction::Default(DefaultAction::Ign | DefaultAction::Cont) => {}
            Reaction::Default(DefaultAction::Stop) => stop::stop(t, info.si_signo),
            Reaction::Default(DefaultAction::Term | DefaultAction::Core) => {
                // No core file is written, so the status does not claim one.
                crate::exit::exit_group(WaitStatus::Signaled { signo: info.si_signo, core: false })
            }
        }
    }
}

/// A signal that the thread's own doing caused and that cannot wait: if it is blocked or ignored, the default action
/// follows.
pub fn force(t: &Arc<Thread>, info: SigInfo) {
    let signo = info.si_signo;
    let blocked = t.signals.mask().contains(signo);
    t.process.signals.with_state(|s| {
        if blocked || s.actions.ignores(signo) {
            s.actions.make_default(signo);
        }
    });
    if blocked {
        t.signals.mask.store(t.signals.mask().without(signo).0, Ordering::SeqCst);
    }
    t.signals.with_pending(|q| q.add(info, true));
    refresh(t);
}

/// The signal's disposition becomes the default one: its handler cannot be entered.
pub fn force_default(t: &Thread, signo: i32) {
    t.process.signals.with_state(|s| s.actions.make_default(signo));
}
