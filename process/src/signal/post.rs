//! Making signals pending, and choosing the thread that will take them.

use abi::errno::{Errno, SysResult};
use abi::process::RLIMIT_SIGPENDING;
use abi::signal::{SIGCONT, SIGRTMIN, SigInfo, SigSet};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use super::show::show;
use super::{Added, State, resume};
use crate::kernel::kernel;
use crate::{Process, Thread};

/// Sends a signal to a process. EAGAIN: the queue is full and the signal carries a value.
pub fn post_process(p: &Arc<Process>, info: SigInfo) -> SysResult<()> {
    let signo = info.si_signo;
    prepare(p, signo);
    let leader_blocks = p.threads.lock().first().is_some_and(|t| t.signals.mask().contains(signo));
    let added = p.signals.with_state(|s| {
        if s.actions.ignores(signo) && !leader_blocks {
            return None;
        }
        let room = has_room(p, s, signo);
        Some(s.pending.add(info, room))
    });
    match added {
        Some(Added::Refused) => return Err(Errno::EAGAIN),
        Some(Added::Queued | Added::Bare) => {
            if let Some(t) = choose(p, signo) {
                notify(&t);
            }
            kernel().host.changed(p.signals.arrival_key());
            show(p, None);
        }
        Some(Added::Coalesced) | None => {}
    }
    Ok(())
}

/// Sends a signal to one thread.
pub fn post_thread(t: &Arc<Thread>, info: SigInfo) -> SysResult<()> {
    let (p, signo) = (&t.process, info.si_signo);
    prepare(p, signo);
    let room = {
        let state = p.signals.state.lock();
        if state.actions.ignores(signo) && !t.signals.mask().contains(signo) {
            return Ok(());
        }
        has_room(p, &state, signo)
    };
    match t.signals.with_pending(|q| q.add(info, room)) {
        Added::Refused => return Err(Errno::EAGAIN),
        Added::Coalesced => {}
        Added::Queued | Added::Bare => {
            if wants(t, signo) {
                notify(t);
            }
            kernel().host.changed(p.signals.arrival_key());
            show(p, Some(t));
        }
    }
    Ok(())
}

/// The thread of `p` with this id, if it is not about to end.
pub fn find_thread(p: &Process, tid: u32) -> Option<Arc<Thread>> {
    let threads = p.threads.lock();
    threads.iter().find(|t| t.tid() == tid && !t.dying.load(Ordering::SeqCst)).cloned()
}

/// SIGCONT undoes stop signals that were not taken yet and continues the process, even if it is blocked or ignored; a
/// stop signal undoes a SIGCONT.
fn prepare(p: &Process, signo: i32) {
    let undone = if signo == SIGCONT {
        SigSet::STOPS
    } else if SigSet::STOPS.contains(signo) {
        SigSet::of(SIGCONT)
    } else {
        return;
    };
    for t in p.threads.lock().iter() {
        t.signals.with_pending(|q| q.discard(undone));
    }
    p.signals.with_state(|s| s.pending.discard(undone));
    if signo == SIGCONT {
        resume(p);
    }
}

/// True when another entry may be queued; the limit counts the process's queue.
fn has_room(p: &Process, state: &State, signo: i32) -> bool {
    signo < SIGRTMIN || (state.pending.queued() as u64) < p.rlimits.lock()[RLIMIT_SIGPENDING as usize].0
}

fn wants(t: &Thread, signo: i32) -> bool {
    !t.signals.blocked().contains(signo) && !t.dying.load(Ordering::SeqCst)
}

/// The thread that takes a process's signal: the first one if it does not block it (as Linux), else any.
fn choose(p: &Process, signo: i32) -> Option<Arc<Thread>> {
    p.threads.lock().iter().find(|t| wants(t, signo)).cloned()
}

fn notify(t: &Arc<Thread>) {
    t.attention.store(true, Ordering::SeqCst);
    kernel().sched.nudge(t);
}

/// The thread no longer takes these signals of its process: others that do are told.
pub(super) fn retarget(t: &Arc<Thread>, signals: SigSet) {
    for signo in signals.iter() {
        if let Some(other) = choose(&t.process, signo) {
            notify(&other);
        }
    }
}

/// True when a signal of POSIX timer `id` waits to be taken by the thread, or by the process.
pub fn has_timer(p: &Process, t: Option<&Arc<Thread>>, id: i32) -> bool {
    match t {
        Some(t) => t.signals.pending.lock().has_timer(id),
        None => p.signals.state.lock().pending.has_timer(id),
    }
}
