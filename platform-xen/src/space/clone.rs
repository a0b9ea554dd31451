//! The address space's part of a clone, on both sides.

use alloc::vec::Vec;

use super::{Live, SPACE, Space};
use crate::layout::{APP, VIEWS};
use crate::tables::{self, COW, GRANT, REMOTE, WRITABLE};
use crate::{cpu, kmem, panic};

/// In the parent, before: every own page of the app is frozen. The root table's frame.
pub fn freeze() -> u32 {
    let mut space = SPACE.lock();
    let Space { frames, root, .. } = &mut *space;
    frames.begin_clone();
    tables::walk(&mut Live, *root, 0, APP.1, false, &mut |_, entry| {
        if *entry & (GRANT | REMOTE | COW) == 0 {
            frames.freeze(tables::frame(*entry));
            *entry = *entry & !WRITABLE | COW;
        }
    });
    cpu::flush_app();
    *root
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
    let Space { frames, grants, root, .. } = &mut *space;
    frames.become_child(token);
    grants.become_child();
    tables::walk(&mut Live, *root, 0, APP.1, false, &mut |_, entry| {
        if *entry & (GRANT | REMOTE) == GRANT {
            *entry = 0;
            return;
        }
        let frame = tables::frame(*entry);
        *entry = tables::to(frame) | REMOTE;
        frames.count_remote(frame);
    });
    tables::walk(&mut Live, *root, VIEWS.0, VIEWS.1, false, &mut |_, entry| *entry = 0);
    cpu::flush_app();
    space.resident = 0;
    space.peak = 0;
    space.faults = 0;
}

/// In the child, once the door may be used: tokens of which nothing is wanted.
pub fn drop_tokens() {
    SPACE.lock().drop_tokens();
}

/// In the child, once the door may be used: what it will touch first.
pub fn prefetch(addrs: &[usize]) {
    SPACE.lock().prefetch(addrs);
}
