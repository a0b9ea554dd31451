//! The kernel's frames: heap, stacks, page tables, the table of the app's frames. Few, and copied whole at a clone.

use core::sync::atomic::{AtomicU32, Ordering};

use abi::mm::PAGE_SIZE;
use protocol::xen::FrameRange;

use crate::layout::{KERNEL_END, direct};
use crate::{door, hypercall};

const WORDS: usize = KERNEL_END as usize / 64;
/// Frames populated at a time where one is wanted.
const AHEAD: u32 = 8;

/// Frames that a shell populates ahead.
const WARM: usize = 96;

/// All numbers from the first to here have frames. A domain's own.
#[unsafe(link_section = ".bss.shell")]
static DENSE_TO: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Copy)]
struct Bits([u64; WORDS]);

impl Bits {
    fn get(&self, frame: u32) -> bool {
        self.0[frame as usize / 64] >> (frame % 64) & 1 != 0
    }
    fn set(&mut self, frame: u32, on: bool) {
        let bit = 1 << (frame % 64);
        if on {
            self.0[frame as usize / 64] |= bit;
        } else {
            self.0[frame as usize / 64] &= !bit;
        }
    }
    /// The first bit from `from` on that is set once `flip` was applied to its word.
    fn next(&self, from: u32, flip: u64) -> Option<u32> {
        let mut word = from as usize / 64;
        let mut bits = (*self.0.get(word)? ^ flip) & u64::MAX << (from % 64);
        while bits == 0 {
            word += 1;
            bits = *self.0.get(word)? ^ flip;
        }
        Some(word as u32 * 64 + bits.trailing_zeros())
    }
    fn next_set(&self, from: u32) -> Option<u32> {
        self.next(from, 0)
    }
    fn next_clear(&self, from: u32) -> Option<u32> {
        self.next(from, u64::MAX)
    }
    /// One past the last that is set; 0 when none is.
    fn end(&self) -> u32 {
        let last = self.0.iter().rposition(|word| *word != 0);
        last.map_or(0, |word| word as u32 * 64 + 64 - self.0[word].leading_zeros())
    }
}

struct Zone {
    used: Bits,
    populated: Bits,
    /// No free frame lies below.
    low: u32,
}

static ZONE: spin::Mutex<Zone> =
    spin::Mutex::new(Zone { used: Bits([0; WORDS]), populated: Bits([0; WORDS]), low: 0 });

impl Zone {
    fn find(&mut self, count: u32) -> Option<u32> {
        let first = door::header().first_free_gfn as u32;
        let mut at = self.used.next_clear(self.low.max(first))?;
        self.low = at;
        loop {
            let end = self.used.next_set(at).unwrap_or(KERNEL_END);
            if end - at >= count {
                return Some(at);
            }
            at = self.used.next_clear(end)?;
        }
    }

    /// Sees to it that the run has frames; more are populated behind it, to save calls.
    fn populate(&mut self, start: u32, count: u32) -> bool {
        if (start..start + count).all(|frame| self.populated.get(frame)) {
            return true;
        }
        let want = if count < AHEAD { AHEAD } else { count };
        let mut gfns = [0u64; 64];
        let mut at = start;
        let end = (start + want).min(KERNEL_END);
        while at < end {
            let mut n = 0;
            while at < end && n < gfns.len() {
                let others = at >= start + count && self.used.get(at);
                if !self.populated.get(at) && !others {
                    gfns[n] = at.into();
                    n += 1;
                }
                at += 1;
            }
            let got = hypercall::populate(&gfns[..n]);
            for gfn in &gfns[..got] {
                self.populated.set(*gfn as u32, true);
            }
            if got < n {
                break;
            }
        }
        (start..start + count).all(|frame| self.populated.get(frame))
    }
}

/// Takes `count` frames in a row; their contents are undefined.
pub fn alloc_run(count: u32) -> Option<u32> {
    let mut zone = ZONE.lock();
    let start = zone.find(count)?;
    if !zone.populate(start, count) {
        return None;
    }
    for frame in start..start + count {
        zone.used.set(frame, true);
    }
    Some(start)
}

/// Gives frames back; they stay populated.
pub fn free_run(start: u32, count: u32) {
    let mut zone = ZONE.lock();
    for frame in start..start + count {
        zone.used.set(frame, false);
    }
    zone.low = zone.low.min(start);
}

/// Takes one frame, zeroed.
pub fn alloc_zeroed() -> Option<u32> {
    let frame = alloc_run(1)?;
    // SAFETY: the frame is ours alone, and populated.
    unsafe { (direct(frame) as *mut u8).write_bytes(0, PAGE_SIZE) };
    Some(frame)
}

/// The frames in use but for those in `without`, which are in order and in use: as ranges.
pub fn ranges(without: &[u32], out: &mut dyn FnMut(FrameRange)) {
    // A copy, so that `out` may take memory.
    let used = ZONE.lock().used;
    let mut without = without.iter().copied().peekable();
    let mut at = 0;
    while let Some(mut start) = used.next_set(at) {
        let end = used.next_clear(start).unwrap_or(KERNEL_END);
        while let Some(hole) = without.next_if(|frame| *frame < end) {
            if hole > start {
                out(FrameRange { gfn: start.into(), count: (hole - start).into() });
            }
            start = start.max(hole + 1);
        }
        if start < end {
            out(FrameRange { gfn: start.into(), count: (end - start).into() });
        }
        at = end;
    }
}

/// Populates the first frames, while nobody waits for it.
pub fn warm_up() {
    let first = door::header().first_free_gfn;
    let gfns: [u64; WARM] = core::array::from_fn(|i| first + i as u64);
    DENSE_TO.store(first as u32 + hypercall::populate(&gfns) as u32, Ordering::Relaxed);
}

/// Sees to it that all numbers below `end` have frames; false when there is no memory.
pub fn populate_to(end: u32) -> bool {
    loop {
        let at = DENSE_TO.load(Ordering::Relaxed);
        if at >= end {
            return true;
        }
        let gfns: [u64; WARM] = core::array::from_fn(|i| u64::from(at) + i as u64);
        let n = WARM.min((end - at) as usize);
        let got = hypercall::populate(&gfns[..n]);
        DENSE_TO.store(at + got as u32, Ordering::Relaxed);
        if got < n {
            return false;
        }
    }
}

/// Gives frames back that are not in use.
pub fn rest() {
    let mut zone = ZONE.lock();
    for word in 0..WORDS {
        let mut spare = zone.populated.0[word] & !zone.used.0[word];
        let mut gfns = [0u64; 64];
        let mut n = 0;
        while spare != 0 {
            gfns[n] = word as u64 * 64 + u64::from(spare.trailing_zeros());
            spare &= spare - 1;
            n += 1;
        }
        // SAFETY: nobody uses them.
        let gone = if n == 0 { 0 } else { unsafe { hypercall::unpopulate(&gfns[..n]) } };
        for gfn in &gfns[..gone] {
            zone.populated.set(*gfn as u32, false);
        }
    }
}

/// In a fresh member or clone: notes what has frames, and gives them to what is in use without; false when there is no
/// memory.
pub fn settle() -> bool {
    let mut zone = ZONE.lock();
    if !populate_to(zone.used.end()) {
        return false;
    }
    zone.populated.0.fill(0);
    for frame in door::header().first_free_gfn as u32..DENSE_TO.load(Ordering::Relaxed) {
        zone.populated.set(frame, true);
    }
    true
}
