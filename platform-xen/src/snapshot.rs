//! The copy of a parent's kernel from which its clone takes it, so that the parent goes on at once. It lies in frames of its
//! own, which stay for the next fork, and is used again when the clone has all of it.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

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
/// A clone copies from here. A domain's own.
#[unsafe(link_section = ".bss.shell")]
static BUSY: AtomicBool = AtomicBool::new(false);

/// A copy in the making: ranges are told as they come.
pub struct Snapshot {
    next: u32,
    open: FrameRange,
    told: u32,
}

/// Waits until no clone copies any more, and begins.
pub fn begin() -> Snapshot {
    if BUSY.load(Ordering::Relaxed) {
        space::take_notices();
    }
    if BUSY.load(Ordering::Relaxed) {
        door::ask(ASK_SETTLED, &[]);
        pulled();
    }
    Snapshot { next: SNAPSHOT.0, open: FrameRange::default(), told: 0 }
}

/// A clone was made of the copy.
pub fn is_used() {
    BUSY.store(true, Ordering::Relaxed);
}

/// Nobody copies from it any more.
pub fn pulled() {
    BUSY.store(false, Ordering::Relaxed);
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
