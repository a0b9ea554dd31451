//! A member at rest. What makes it quick while it works is memory that it could do without: pages of code, which are copies
//! of what lies elsewhere; frames that came ahead of their use. A member that has had nothing to do for a while gives them
//! back; what it needs again it gets again. So many idle members cost what they alone have written.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::shared_info::system_time;
use crate::{boot, clock, deep, events, kmem, space, stow};

/// How long a member sleeps before it rests, in nanoseconds, at first and at most. One whose rest was short waits longer
/// the next time, for to go on costs a millisecond or two.
const QUIET: u64 = 1_000_000_000;
const MOST: u64 = 64 * QUIET;
/// A rest of fewer times what it was waited for is short.
const WORTH: u64 = 8;

/// A sleep of so many nanoseconds is one of a member with nothing to do; after a shorter one the next will be short as well.
const PAUSE: u64 = QUIET / 100;

/// How long it sleeps before it rests.
static WAIT: AtomicU64 = AtomicU64::new(QUIET);
/// The last sleep was a short one.
static BUSY: AtomicBool = AtomicBool::new(false);
/// When a busy member looks up, to see whether it still is.
static LOOK_UP: AtomicU64 = AtomicU64::new(0);
/// What only a shell uses is gone. A domain's own.
#[unsafe(link_section = ".bss.shell")]
static GROWN_UP: AtomicBool = AtomicBool::new(false);

/// In a fresh clone.
pub fn become_child() {
    WAIT.store(QUIET, Ordering::Relaxed);
    BUSY.store(false, Ordering::Relaxed);
    LOOK_UP.store(0, Ordering::Relaxed);
}

/// Until when to sleep: not longer than what makes it a rest. A sleep with an end costs more than one without, so a busy
/// member's has none, but for one of the timer's in as much time.
pub fn deadline(deadline: Option<u64>, now: u64) -> Option<u64> {
    let rest = now + WAIT.load(Ordering::Relaxed);
    if BUSY.load(Ordering::Relaxed) {
        if now >= LOOK_UP.load(Ordering::Relaxed) {
            LOOK_UP.store(rest, Ordering::Relaxed);
            clock::nudge(rest);
        }
        return deadline;
    }
    Some(deadline.map_or(rest, |deadline| deadline.min(rest)))
}

/// After a sleep of so many nanoseconds, for others still asleep: rests, if it was long, until there is something to do.
pub fn slept(time: u64, deadline: Option<u64>) {
    BUSY.store(time < PAUSE, Ordering::Relaxed);
    let wait = WAIT.load(Ordering::Relaxed);
    let start = system_time();
    let far = deadline.is_none_or(|deadline| deadline > start + wait);
    if time < wait || !far || is_disturbed() {
        return;
    }
    space::rest();
    kmem::rest();
    if !GROWN_UP.swap(true, Ordering::Relaxed) {
        boot::forget_shell();
    }
    let stowed = stow::put_away();
    if !is_disturbed() {
        deep::sleep(deadline);
    }
    stow::take_out(&stowed);
    let rested = system_time().saturating_sub(start);
    let next = if rested < WORTH * wait { (wait * 2).min(MOST) } else { QUIET };
    WAIT.store(next, Ordering::Relaxed);
}

/// True when there is something to do.
fn is_disturbed() -> bool {
    events::acknowledge();
    events::pending()
}
