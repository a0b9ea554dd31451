//! The events region: for each slot a wake word and a pending bitmap with a two-level summary.
//!
//! Posting: set the pending bit, its summary bits, then wake the target if it sleeps. Taking: clear from the
//! top down, look at the words below, so that a bit set meanwhile sets its summary again: never lost, sometimes
//! spurious.

use core::sync::atomic::{Ordering, fence};

use crate::{EV_REPLY, MAX_MEMBERS, MAX_OBJECTS, SharedMem};

/// Bytes of one slot's part: a header page and two pages of pending bits.
pub const SLOT_SIZE: usize = 0x3000;
/// Bytes of the whole region.
pub const REGION_SIZE: usize = SLOT_SIZE * MAX_MEMBERS as usize;

/// Offset in a slot of the word that sleepers wait on (changes with each wake-up).
pub const WAKE: usize = 0;
/// Offset in a slot of the word that says whether the owner sleeps (or is about to), and for what.
const SLEEPING: usize = 4;
const AWAKE: u32 = 0;
const FOR_ANY: u32 = 1;
const FOR_REPLY: u32 = 2;
const TOP: usize = 64;
const SUMMARY: usize = 128;
const PENDING: usize = 0x1000;
const SUMMARY_WORDS: usize = (MAX_OBJECTS as usize) / 64 / 64;

/// Offset of `slot`'s part in the events region.
pub fn slot_base(slot: u32) -> usize {
    SLOT_SIZE * slot as usize
}

/// Marks `event` pending for `slot`. True when the target sleeps and must be woken by the caller, who first
/// gets the changed wake word published by this call.
pub fn post<M: SharedMem + ?Sized>(mem: &M, slot: u32, event: u32) -> bool {
    debug_assert!(slot < MAX_MEMBERS && event < MAX_OBJECTS);
    let base = slot_base(slot);
    let (word, bit) = (event as usize / 64, event % 64);
    let (sum, sum_bit) = (word / 64, word % 64);
    mem.u64_at(base + PENDING + word * 8).fetch_or(1 << bit, Ordering::SeqCst);
    mem.u64_at(base + SUMMARY + sum * 8).fetch_or(1 << sum_bit, Ordering::SeqCst);
    mem.u64_at(base + TOP).fetch_or(1 << sum, Ordering::SeqCst);
    wake_needed(mem, slot, event)
}

/// If `slot` sleeps and the event may end that, bumps its wake word and says that it must be woken. Of several that post,
/// one does: a sleeper is woken once.
fn wake_needed<M: SharedMem + ?Sized>(mem: &M, slot: u32, event: u32) -> bool {
    let base = slot_base(slot);
    fence(Ordering::SeqCst);
    let sleeping = mem.u32_at(base + SLEEPING);
    let how = sleeping.load(Ordering::SeqCst);
    let ends = how == FOR_ANY || (how == FOR_REPLY && event == EV_REPLY);
    if !ends || sleeping.compare_exchange(how, AWAKE, Ordering::SeqCst, Ordering::SeqCst).is_err() {
        return false;
    }
    mem.u32_at(base + WAKE).fetch_add(1, Ordering::SeqCst);
    true
}

/// True when some event may be pending for `slot`.
pub fn any_pending<M: SharedMem + ?Sized>(mem: &M, slot: u32) -> bool {
    mem.u64_at(slot_base(slot) + TOP).load(Ordering::SeqCst) != 0
}

/// Takes the pending events of `slot`, calling `each` for every one.
pub fn take_all<M: SharedMem + ?Sized>(mem: &M, slot: u32, mut each: impl FnMut(u32)) {
    let base = slot_base(slot);
    if mem.u64_at(base + TOP).load(Ordering::SeqCst) == 0 {
        return;
    }
    let mut top = mem.u64_at(base + TOP).swap(0, Ordering::SeqCst);
    while top != 0 {
        let sum = top.trailing_zeros() as usize;
        top &= top - 1;
        if sum >= SUMMARY_WORDS {
            continue;
        }
        let mut summary = mem.u64_at(base + SUMMARY + sum * 8).swap(0, Ordering::SeqCst);
        while summary != 0 {
            let word = sum * 64 + summary.trailing_zeros() as usize;
            summary &= summary - 1;
            let mut bits = mem.u64_at(base + PENDING + word * 8).swap(0, Ordering::SeqCst);
            while bits != 0 {
                each(word as u32 * 64 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
    }
}

/// Before sleeping: announces it and returns the wake word to sleep on, or `None` when an event is pending
/// (the announcement is then taken back).
pub fn prepare_sleep<M: SharedMem + ?Sized>(mem: &M, slot: u32) -> Option<u32> {
    sleep_unless(mem, slot, FOR_ANY, || any_pending(mem, slot))
}

/// As [`prepare_sleep`], to be ended by [`EV_REPLY`] alone: other events stay pending. `None` when `done` says so.
pub fn prepare_reply_sleep<M: SharedMem + ?Sized>(
    mem: &M,
    slot: u32,
    done: &mut dyn FnMut() -> bool,
) -> Option<u32> {
    sleep_unless(mem, slot, FOR_REPLY, done)
}

fn sleep_unless<M: SharedMem + ?Sized>(
    mem: &M,
    slot: u32,
    how: u32,
    done: impl FnOnce() -> bool,
) -> Option<u32> {
    let base = slot_base(slot);
    let word = mem.u32_at(base + WAKE).load(Ordering::SeqCst);
    mem.u32_at(base + SLEEPING).store(how, Ordering::SeqCst);
    fence(Ordering::SeqCst);
    if done() {
        finish_sleep(mem, slot);
        return None;
    }
    Some(word)
}

/// After sleeping.
pub fn finish_sleep<M: SharedMem + ?Sized>(mem: &M, slot: u32) {
    mem.u32_at(slot_base(slot) + SLEEPING).store(AWAKE, Ordering::SeqCst);
}

/// True while `slot` sleeps with nothing to do; not while it waits for a reply.
pub fn sleeps<M: SharedMem + ?Sized>(mem: &M, slot: u32) -> bool {
    mem.u32_at(slot_base(slot) + SLEEPING).load(Ordering::Relaxed) == FOR_ANY
}

/// Makes `slot` fresh for a new owner.
pub fn reset<M: SharedMem + ?Sized>(mem: &M, slot: u32) {
    take_all(mem, slot, |_| {});
    finish_sleep(mem, slot);
}
