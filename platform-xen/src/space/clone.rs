//! The address space's part of a clone, on both sides.

use alloc::vec::Vec;

use protocol::xen::{FRAMES_APP, FrameRange};

use super::fault::{AROUND_SHARED, PULL, Pages};
use super::{Live, SPACE, Space};
use crate::ahead::Ahead;
use crate::grants::AROUND;
use crate::layout::{APP, VIEWS};
use crate::tables::{self, CLEAN, GRANT, REMOTE};
use crate::{cpu, hot, kmem, panic};

/// In the parent, before: everything of the app is frozen. The root table's frame. The frames of what the clone will
/// touch first, as far as they are own, are added to `hot`.
pub fn freeze(places: &[usize], hot: &mut Vec<FrameRange>) -> u32 {
    let mut space = SPACE.lock();
    space.freeze();
    cpu::flush_app();
    crate::hot::choose(places, &mut |page| {
        let entry = if page < APP.1 { space.get(page) } else { 0 };
        let own = entry != 0 && entry & (GRANT | REMOTE) == 0;
        if own {
            hot.push(FrameRange { gfn: tables::frame(entry).into(), count: 1 | FRAMES_APP });
        }
        own
    });
    space.root
}

/// In the parent, after: the child knows the frozen frames by this token.
pub fn commit(token: u64) {
    SPACE.lock().frames.commit_clone(token);
}

/// Adds the frames of a range of the kernel's half.
pub fn frames_of(addr: usize, end: usize, out: &mut Vec<u32>) {
    let space = SPACE.lock();
    tables::walk(&mut Live, space.root, addr, end, false, &mut |_, entry| out.push(tables::frame(*entry)));
}

/// In the child: own pages are the parent's, pages of regions fault in again.
pub fn become_child(token: u64) {
    if !kmem::settle() {
        panic::die(format_args!("no memory for a clone's kernel"));
    }
    let mut space = SPACE.lock();
    space.open_all();
    let Space { frames, grants, root, .. } = &mut *space;
    frames.become_child(token);
    grants.become_child();
    tables::walk(&mut Live, *root, 0, APP.1, false, &mut |_, entry| {
        if *entry & (GRANT | REMOTE) == GRANT {
            *entry = 0;
            return;
        }
        let frame = tables::frame(*entry);
        *entry = tables::to(frame) | *entry & CLEAN | REMOTE;
        frames.count_remote(frame);
    });
    tables::walk(&mut Live, *root, VIEWS.0, VIEWS.1, false, &mut |_, entry| *entry = 0);
    cpu::flush_app();
    space.resident = 0;
    space.peak = 0;
    space.faults = 0;
    space.pulls = Ahead::new(PULL);
    space.hints = Pages::NONE;
    space.code = Ahead::new(AROUND);
    space.around = Ahead::new(AROUND);
    space.shared = Ahead::new(AROUND_SHARED);
    let (pages, n) = hot::sent();
    for page in &pages[..n] {
        let entry = space.get(*page);
        if entry & REMOTE != 0
            && let Some((_, vma)) = space.vmas.at(*page)
        {
            let frame = tables::frame(entry);
            space.frames.adopt(frame);
            // The entry is there: its table is too.
            let _ = space.set_own(*page, frame, &vma, entry & CLEAN);
        }
    }
}

/// In the child, once the door may be used: tokens of which nothing is wanted.
pub fn drop_tokens() {
    SPACE.lock().drop_tokens();
}
