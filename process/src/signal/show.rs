//! What /proc/PID/status shows of a process's signals: the sets that the monitor finds in the control region, proc(5).

use core::sync::atomic::Ordering;

use protocol::control::{SignalSet, set_signals};

use crate::kernel::kernel;
use crate::{Process, Thread};

/// Shows the sets of the member's own process and, if `t` is its first thread, those of the thread. Of a child that lives
/// in its parent's member nothing is shown.
pub(super) fn show(p: &Process, t: Option<&Thread>) {
    let k = kernel();
    if !k.processes.lock().first().is_some_and(|main| core::ptr::eq(&**main, p)) {
        return;
    }
    let control = k.host.control();
    let (ignored, caught) = {
        let state = p.signals.state.lock();
        (state.actions.ignored(), state.actions.caught())
    };
    set_signals(&control, SignalSet::Ignored, ignored.0);
    set_signals(&control, SignalSet::Caught, caught.0);
    set_signals(&control, SignalSet::Shared, p.signals.pending_set.load(Ordering::Relaxed));
    if let Some(t) = t.filter(|t| t.tid() == p.pid()) {
        set_signals(&control, SignalSet::Blocked, t.signals.mask().0);
        set_signals(&control, SignalSet::Pending, t.signals.pending().0);
    }
}
