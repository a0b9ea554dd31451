//! Pages put away while their member rests. Much of what a program has written is zeros: tables that it made for a thousand
//! connections and has three. So the app's pages that are nearly empty are written short, and their frames go back to Xen;
//! the page tables stay as they are. Before the member goes on, each frame comes back where it was, with what was in it.

use core::slice;

use abi::mm::PAGE_SIZE;

use crate::layout::{SNAPSHOT, direct, frame_of};
use crate::sparse::{LONGEST, first, pack, unpack};
use crate::{hypercall, panic, snapshot, space};

/// Pages that are put away at most: to have them again costs time.
const MOST: usize = 512;
/// Frames in one hypercall.
const BATCH: usize = 128;

/// Frames that are given back, or come again, many at a time.
struct Frames {
    gfns: [u64; BATCH],
    count: usize,
    each: fn(&[u64]),
}

impl Frames {
    fn new(each: fn(&[u64])) -> Self {
        Self { gfns: [0; BATCH], count: 0, each }
    }
    fn add(&mut self, frame: u32) {
        self.gfns[self.count] = frame.into();
        self.count += 1;
        if self.count == BATCH {
            self.end();
        }
    }
    fn end(&mut self) {
        if self.count > 0 {
            (self.each)(&self.gfns[..self.count]);
        }
        self.count = 0;
    }
}

/// What is put away.
pub struct Stowed {
    words: usize,
}

impl Stowed {
    /// Calls `each` with every page's frame and record.
    fn each(&self, mut each: impl FnMut(u32, &[u64])) {
        // SAFETY: `put_away` wrote so many words there, and nobody changes them before `take_out` is through.
        let mut records = unsafe { slice::from_raw_parts(direct(SNAPSHOT.0) as *const u64, self.words) };
        while let Some((frame, len)) = first(records) {
            let (record, behind) = records.split_at(len);
            each(frame, record);
            records = behind;
        }
    }
}

/// Puts pages of the app away. Until they are taken out, nobody may touch its memory.
pub fn put_away() -> Stowed {
    let mut stowed = Stowed { words: 0 };
    if !snapshot::is_free() {
        return stowed;
    }
    let mut count = 0;
    space::private(&mut |frame| {
        let at = direct(SNAPSHOT.0) + stowed.words * 8;
        if count < MOST && snapshot::has_frame(frame_of(at + LONGEST * 8)) {
            // SAFETY: 1. the app's frame is mapped in the direct map, and the app does not run; 2. the record's place has
            // frames, which nobody else uses.
            let len = unsafe { pack(frame, &*(direct(frame) as *const _), &mut *(at as *mut _)) };
            stowed.words += len.unwrap_or(0);
            count += usize::from(len.is_some());
        }
    });
    snapshot::trim((stowed.words * 8).div_ceil(PAGE_SIZE) as u32);
    // SAFETY: the app does not run, and no token names its frames.
    let mut frames = Frames::new(|gfns| _ = unsafe { hypercall::unpopulate(gfns) });
    stowed.each(|frame, _| frames.add(frame));
    frames.end();
    stowed
}

/// Takes all of them out again.
pub fn take_out(stowed: &Stowed) {
    let mut frames = Frames::new(|gfns| {
        if hypercall::populate(gfns) < gfns.len() {
            panic::die(format_args!("no memory to go on after a rest"));
        }
    });
    stowed.each(|frame, _| frames.add(frame));
    frames.end();
    // SAFETY: the frames are there again, and nobody else uses them.
    stowed.each(|frame, record| unpack(record, unsafe { &mut *(direct(frame) as *mut _) }));
    snapshot::trim(0);
}
