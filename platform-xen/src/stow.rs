//! Pages put away while their member rests. Much of what a program has written is zeros: tables that it made for a thousand
//! connections and has three. The kernel's heap, stacks and tables for it are no different. So pages that are nearly empty
//! are written short, and their frames go back to Xen; the page tables stay as they are. Before the member goes on, each
//! frame comes back where it was, with what was in it.

use core::slice;

use abi::mm::PAGE_SIZE;
use protocol::xen::FrameRange;

use crate::layout::{SNAPSHOT, direct, frame_of};
use crate::sparse::{LONGEST, first, pack, unpack};
use crate::{context, hypercall, kmem, panic, segments, snapshot, space};

/// Pages that are put away at most: to have them again costs time.
const MOST: usize = 512;
/// Frames in one hypercall.
const BATCH: usize = 128;
/// Bytes of the stack that are needed to go to sleep and to take the pages out again.
const STACK: usize = 0x3000;
/// Frames of the kernel that stay in any case.
const STAYING: usize = 64;

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
    count: usize,
}

impl Stowed {
    /// Writes a page short, if there is room and it is worth it.
    ///
    /// # Safety
    /// Nobody touches the frame until it is taken out again.
    unsafe fn add(&mut self, frame: u32) {
        let at = direct(SNAPSHOT.0) + self.words * 8;
        if self.count < MOST && snapshot::has_frame(frame_of(at + LONGEST * 8)) {
            // SAFETY: 1. the frame is mapped in the direct map, and does not change (the caller's); 2. the record's place
            // has frames, which nobody else uses.
            let len = unsafe { pack(frame, &*(direct(frame) as *const _), &mut *(at as *mut _)) };
            self.words += len.unwrap_or(0);
            self.count += usize::from(len.is_some());
        }
    }

    /// Calls `each` with every page's frame and record.
    fn each(&self, mut each: impl FnMut(u32, &[u64])) {
        // SAFETY: `add` wrote so many words there, and nobody changes them before `take_out` is through.
        let mut records = unsafe { slice::from_raw_parts(direct(SNAPSHOT.0) as *const u64, self.words) };
        while let Some((frame, len)) = first(records) {
            let (record, behind) = records.split_at(len);
            each(frame, record);
            records = behind;
        }
    }
}

/// Puts pages away. Until they are taken out, nobody may touch the app's memory or the kernel's heap.
pub fn put_away() -> Stowed {
    let mut stowed = Stowed { words: 0, count: 0 };
    if !snapshot::is_free() {
        return stowed;
    }
    // SAFETY: the app does not run, and no token names these.
    space::private(&mut |frame| unsafe { stowed.add(frame) });
    // The kernel's come last, for to look for the app's may change its tables.
    kernel(&mut stowed);
    snapshot::trim((stowed.words * 8).div_ceil(PAGE_SIZE) as u32);
    // SAFETY: what is in these frames was put away, and nobody uses them.
    let mut frames = Frames::new(|gfns| _ = unsafe { hypercall::unpopulate(gfns) });
    stowed.each(|frame, _| frames.add(frame));
    frames.end();
    stowed
}

/// The kernel's frames, but for its half's tables and what it needs of the stack.
fn kernel(stowed: &mut Stowed) {
    let here = 0u8;
    let (start, end) = context::current_slot();
    let needed = ((&raw const here as usize).wrapping_sub(STACK)) & !(PAGE_SIZE - 1);
    if needed < start || end <= needed {
        return;
    }
    let mut stay = [u32::MAX; STAYING];
    let mut count = 0;
    let mut keep = |frame| {
        if count < STAYING {
            stay[count] = frame;
        }
        count += 1;
    };
    space::kernel_tables(&mut keep);
    (needed..end).step_by(PAGE_SIZE).filter_map(space::frame_at).for_each(&mut keep);
    if count > STAYING {
        return;
    }
    let stay = &mut stay[..count];
    stay.sort_unstable();
    // SAFETY: below what is needed of the stack, and nobody is in the midst of an exception.
    unsafe {
        (start as *mut u8).write_bytes(0, needed - start);
        segments::forget_stacks();
    }
    kmem::ranges(stay, &mut |range: FrameRange| {
        for gfn in range.gfn..range.gfn + range.count {
            // SAFETY: 1. neither a table of the kernel's half nor of the stack that is in use; 2. what is left, the heap
            // above all, is not touched before it is taken out.
            unsafe { stowed.add(gfn as u32) };
        }
    });
    for gfn in segments::stack_frames() {
        // SAFETY: nobody is in the midst of an exception, and none comes.
        unsafe { stowed.add(gfn) };
    }
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
