//! The copy of a parent's kernel from which its clone takes it, so that the parent goes on at once. It lies in frames of its
//! own, which stay for the next fork, and is used again when the clone has all of it.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use abi::mm::PAGE_SIZE;
use protocol::xen::{ASK_SETTLED, FrameRange};

use crate::layout::{SNAPSHOT, direct, frame_of};
use crate::packed::{self, MOST, WORDS};
use crate::{door, hypercall, space};

/// Frames populated at a time.
const AHEAD: usize = 16;

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
    /// Where the next page's record goes.
    next: usize,
    open: FrameRange,
}

/// True when no clone copies any more, as far as is known here.
pub fn is_free() -> bool {
    if COPIER.load(Ordering::Relaxed) != NOBODY {
        space::take_notices();
    }
    COPIER.load(Ordering::Relaxed) == NOBODY
}

/// Waits until no clone copies any more, and begins.
pub fn begin() -> Snapshot {
    if !is_free() {
        door::ask(ASK_SETTLED, &[]);
        COPIER.store(NOBODY, Ordering::Relaxed);
    }
    Snapshot { next: direct(SNAPSHOT.0), open: FrameRange::default() }
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
        if u64::from(frame) != self.open.gfn + self.open.len() {
            self.end(tell);
            self.open.gfn = frame.into();
        }
        self.open.count += 1;
        if !has_frame(frame_of(self.next + MOST * 8)) {
            return false;
        }
        // SAFETY: 1. both are mapped for good, the record's place as far as `has_frame` was asked; 2. the copy's frames are
        // nobody else's.
        let words = unsafe { packed::pack(&*page(frame), &mut *(self.next as *mut [u64; MOST])) };
        self.next += words * 8;
        true
    }

    /// Tells the last range.
    pub fn end(&mut self, tell: &mut dyn FnMut(FrameRange)) {
        if !self.open.is_empty() {
            tell(self.open);
        }
        self.open = FrameRange::default();
    }

    /// How many frames it takes.
    pub fn frames(&self) -> u64 {
        (self.next - direct(SNAPSHOT.0)).div_ceil(PAGE_SIZE) as u64
    }
}

/// Fills the frames of ranges from a copy, which begins at a frame and takes so many; false when it ends too early.
///
/// # Safety
/// All these frames are the domain's, nobody uses them, and those of the ranges are not those of the copy.
pub unsafe fn unpack(copy: u32, count: u32, ranges: impl Iterator<Item = FrameRange>) -> bool {
    // SAFETY: the caller's; frames in a row lie in a row in the direct map.
    let mut records =
        unsafe { core::slice::from_raw_parts(direct(copy) as *const u64, count as usize * WORDS) };
    for gfn in ranges.flat_map(|range| range.gfn..range.gfn + range.len()) {
        // SAFETY: the caller's.
        let Some(words) = packed::unpack(records, unsafe { &mut *page(gfn as u32) }) else { return false };
        records = &records[words..];
    }
    true
}

/// Gives all frames back but for so many.
pub fn trim(keep: u32) {
    let populated = POPULATED.load(Ordering::Relaxed);
    let mut gfns = [0; AHEAD];
    let mut end = populated;
    while end > keep {
        let start = end.saturating_sub(AHEAD as u32).max(keep);
        let n = (end - start) as usize;
        for (gfn, frame) in gfns.iter_mut().zip(start..end) {
            *gfn = (SNAPSHOT.0 + frame).into();
        }
        // SAFETY: the caller's copy does not reach so far, and no clone copies.
        unsafe { hypercall::unpopulate(&gfns[..n]) };
        end = start;
    }
    POPULATED.store(end, Ordering::Relaxed);
}

/// Sees to it that a number has a frame.
pub fn has_frame(frame: u32) -> bool {
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
