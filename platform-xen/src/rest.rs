//! A member at rest. What makes it quick while it works is memory that it could do without: pages of code, which are copies
//! of what lies in files; frames that came ahead of their use. A member that has had nothing to do for a while gives
//! them back; what it needs again it gets again. So many idle members cost what they alone have written.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::{boot, clock, kmem, space};

/// How long a sleep is a rest, in nanoseconds.
const QUIET: u64 = 1_000_000_000;

/// A sleep of so many nanoseconds is one of a member with nothing to do; after a shorter one the next will be short as well.
const PAUSE: u64 = QUIET / 100;

/// The last sleep was a short one.
static BUSY: AtomicBool = AtomicBool::new(false);
/// When a busy member looks up, to see whether it still is.
static LOOK_UP: AtomicU64 = AtomicU64::new(0);
/// Memory has come since the last rest.
static MORE: AtomicBool = AtomicBool::new(true);
/// What only a shell uses is gone. A domain's own.
#[unsafe(link_section = ".bss.shell")]
static GROWN_UP: AtomicBool = AtomicBool::new(false);

/// Memory has come.
pub fn more() {
    MORE.store(true, Ordering::Relaxed);
}

/// In a fresh clone.
pub fn become_child() {
    BUSY.store(false, Ordering::Relaxed);
    LOOK_UP.store(0, Ordering::Relaxed);
    more();
}

/// Until when to sleep: not longer than what makes it a rest, if one is due. A sleep with an end costs more than one without,
/// so a busy member's has none, but for one of the timer's in as much time.
pub fn deadline(deadline: Option<u64>, now: u64) -> Option<u64> {
    if !MORE.load(Ordering::Relaxed) {
        return deadline;
    }
    let rest = now + QUIET;
    if BUSY.load(Ordering::Relaxed) {
        if now >= LOOK_UP.load(Ordering::Relaxed) {
            LOOK_UP.store(rest, Ordering::Relaxed);
            clock::nudge(rest);
        }
        return deadline;
    }
    Some(deadline.map_or(rest, |deadline| deadline.min(rest)))
}

/// After a sleep of so many nanoseconds.
pub fn slept(time: u64) {
    BUSY.store(time < PAUSE, Ordering::Relaxed);
    if time < QUIET || !MORE.load(Ordering::Relaxed) {
        return;
    }
    space::rest();
    kmem::rest();
    if !GROWN_UP.swap(true, Ordering::Relaxed) {
        boot::forget_shell();
    }
    MORE.store(false, Ordering::Relaxed);
}
