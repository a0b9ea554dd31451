//! The kernel's frames: heap, stacks, page tables, the table of the app's frames. Few, and copied whole at a clone.

use abi::mm::PAGE_SIZE;
use protocol::xen::FrameRange;

use crate::layout::{KERNEL_END, direct};
use crate::{door, hypercall};

const WORDS: usize = KERNEL_END as usize / 64;
/// Frames populated at a time where one is wanted.
const AHEAD: u32 = 8;

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
        let mut at = self.low.max(first);
        let mut run = 0;
        let mut low = None;
        while at < KERNEL_END {
            if self.used.get(at) {
                run = 0;
            } else {
                run += 1;
                low.get_or_insert(at);
                if run == count {
                    self.low = low.unwrap_or(at);
                    return Some(at + 1 - count);
                }
            }
            at += 1;
        }
        None
    }

    /// Sees to it that the run has frames; more are populated behind it, to save calls.
    fn populate(&mut self, start: u32, count: u32) -> bool {
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

/// The frames in use, as ranges; how many ranges.
pub fn ranges(out: &mut dyn FnMut(FrameRange)) {
    let zone = ZONE.lock();
    let mut start = None;
    for at in 0..=KERNEL_END {
        let used = at < KERNEL_END && zone.used.get(at);
        match (start, used) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                out(FrameRange { gfn: from.into(), count: (at - from).into() });
                start = None;
            }
            _ => {}
        }
    }
}

/// In a fresh clone: only what is in use has frames.
pub fn become_child() {
    let mut zone = ZONE.lock();
    let Zone { used, populated, .. } = &mut *zone;
    populated.0.copy_from_slice(&used.0);
}
