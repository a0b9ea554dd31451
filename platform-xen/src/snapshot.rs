//! The copy of a parent's kernel from which its clone takes it, so that the parent goes on at once. It lies in frames of its
//! own, which stay for the next fork, and is used again when the clone has all of it.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use abi::mm::PAGE_SIZE;
use protocol::xen::{ASK_SETTLED, FRAMES_ZERO, FrameRange};

use crate::layout::{SNAPSHOT, direct};
use crate::{door, hypercall, space};

/// After so many ranges zeroes are copied like all else: ranges are named in a place of limited size.
const RANGES: u32 = 512;
/// Frames populated at a time.
const AHEAD: usize = 64;
const WORDS: usize = PAGE_SIZE / 8;

/// Numbers from the first to here have frames. A domain's own.
#[unsafe(link_section = ".bss.shell")]
static POPULATED: AtomicU32 = AtomicU32::new(0);
/// The token of the clone that copies from here, or [`NOBODY`]. A domain's own.
#[unsafe(link_section = ".bss.shell")]
static COPIER: AtomicU64 = AtomicU64::new(NOBODY);
/// No token: they count from 1.
const NOBODY: u64 = 0;

/// A copy in the making: ranges are told as they come.
pub struct Snapshot {
    next: u32,
    open: FrameRange,
    told: u32,
}

/// Waits until no clone copies any more, and begins.
pub fn begin() -> Snapshot {
    if COPIER.load(Ordering::Relaxed) != NOBODY {
        space::take_notices();
    }
    if COPIER.load(Ordering::Relaxed) != NOBODY {
        door::ask(ASK_SETTLED, &[]);
        COPIER.store(NOBODY, Ordering::Relaxed);
    }
    Snapshot { next: SNAPSHOT.0, open: FrameRange::default(), told: 0 }
}

/// The clone of this token was made of the copy.
pub fn is_used(token: u64) {
    COPIER.store(token, Ordering::Relaxed);
}

/// The clone of this token has all of it. A notice may be read late, when the next clone copies already.
pub fn pulled(token: u64) {
    let _ = COPIER.compare_exchange(token, NOBODY, Ordering::Relaxed, Ordering::Relaxed);
}

fn page(frame: u32) -> *mut [u64; WORDS] {
    direct(frame) as *mut [u64; WORDS]
}

impl Snapshot {
    /// Adds a frame of the kernel; false when there is no memory.
    pub fn add(&mut self, frame: u32, tell: &mut dyn FnMut(FrameRange)) -> bool {
        // SAFETY: a frame in use, mapped for good.
        let zero = self.told < RANGES && unsafe { &*page(frame) }.iter().all(|word| *word == 0);
        let kind = if zero { FRAMES_ZERO } else { 0 };
        let follows = u64::from(frame) == self.open.gfn + self.open.len();
        if self.open.is_empty() || !follows || self.open.is_zero() != zero {
            self.end(tell);
            self.open = FrameRange { gfn: frame.into(), count: kind };
        }
        self.open.count += 1;
        if zero {
            return true;
        }
        if !has_frame(self.next) {
            return false;
        }
        // SAFETY: both are mapped for good, and the copy's frame is nobody else's.
        unsafe { core::ptr::copy_nonoverlapping(page(frame), page(self.next), 1) };
        self.next += 1;
        true
    }

    /// Tells the last range.
    pub fn end(&mut self, tell: &mut dyn FnMut(FrameRange)) {
        if !self.open.is_empty() {
            tell(self.open);
            self.told += 1;
        }
        self.open = FrameRange::default();
    }
}

/// Sees to it that a number has a frame.
fn has_frame(frame: u32) -> bool {
    let end = SNAPSHOT.0 + POPULATED.load(Ordering::Relaxed);
    if frame < end {
        return true;
    }
    if frame >= SNAPSHOT.1 {
        return false;
    }
    let gfns: [u64; AHEAD] = core::array::from_fn(|i| u64::from(end) + i as u64);
    let got = hypercall::populate(&gfns[..AHEAD.min((SNAPSHOT.1 - end) as usize)]);
    POPULATED.fetch_add(got as u32, Ordering::Relaxed);
    got > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_notice_of_an_earlier_clone_frees_nothing() {
        is_used(7);
        pulled(6);
        assert_eq!(COPIER.load(Ordering::Relaxed), 7);
        pulled(7);
        assert_eq!(COPIER.load(Ordering::Relaxed), NOBODY);
    }
}
