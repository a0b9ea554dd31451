//! Calls that wait for signals, or change the mask while they wait.

use abi::errno::{Errno, SysResult};
use abi::signal::{SigInfo, SigSet};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use super::{refresh, set_mask, take};
use crate::Thread;
use crate::wait_on::{Waiter, Wake};

/// Sleeps until a signal is to be handled, with another mask if one is given: pause(2), sigsuspend(2).
pub fn suspend(t: &Arc<Thread>, mask: Option<SigSet>) -> Errno {
    if let Some(mask) = mask {
        save_mask(t, mask);
    }
    while Waiter::new(&[]).sleep(None, true) != Wake::Interrupted {}
    Errno::ERESTARTNOHAND
}

/// Runs `call` with another mask if one is given: ppoll(2), pselect(2), epoll_pwait(2). If a signal interrupts it, the
/// old mask comes back only after the handler.
pub fn with_mask<T>(
    t: &Arc<Thread>,
    mask: Option<SigSet>,
    call: impl FnOnce() -> SysResult<T>,
) -> SysResult<T> {
    let Some(mask) = mask else { return call() };
    save_mask(t, mask);
    let result = call();
    if !matches!(&result, Err(e) if *e == Errno::EINTR || e.is_restart()) {
        restore_mask(t);
    }
    result
}

fn save_mask(t: &Arc<Thread>, mask: SigSet) {
    let old = t.signals.mask();
    t.signals.saved.lock().get_or_insert(old);
    set_mask(t, mask);
}

/// Puts the mask back that [`suspend`] or [`with_mask`] replaced.
pub fn restore_mask(t: &Arc<Thread>) {
    let saved = t.signals.saved.lock().take();
    if let Some(mask) = saved {
        set_mask(t, mask);
    }
}

/// Waits for one of the signals in `set` and takes it, blocked or not; sigtimedwait(2). EAGAIN: `deadline` passed.
pub fn timed_wait(t: &Arc<Thread>, set: SigSet, deadline: Option<u64>) -> SysResult<SigInfo> {
    let set = set.difference(SigSet::UNBLOCKABLE);
    if let Some(info) = take(t, set) {
        refresh(t);
        return Ok(info);
    }
    t.signals.waiting.store(set.0, Ordering::SeqCst);
    refresh(t);
    let wake = Waiter::new(&[]).sleep(deadline, true);
    t.signals.waiting.store(0, Ordering::SeqCst);
    let info = take(t, set);
    refresh(t);
    info.ok_or(if wake == Wake::TimedOut { Errno::EAGAIN } else { Errno::EINTR })
}
