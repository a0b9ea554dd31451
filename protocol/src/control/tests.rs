//! Requests and replies against a model of the slots, and a member that writes what it likes.

extern crate std;

use std::collections::{BTreeMap, VecDeque};
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::HeapMem;

#[derive(Clone, Debug)]
enum Step {
    /// Takes a slot.
    Alloc,
    /// Gives a slot back that was never submitted.
    Drop(usize),
    /// Submits one of the slots at hand.
    Submit(usize, bool),
    /// The monitor takes the next request.
    Next,
    /// The monitor answers one of those it took, in any order.
    Complete(usize),
    /// The member takes a reply.
    Take(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = || any::<usize>();
    proptest::collection::vec(
        prop_oneof![
            4 => Just(Step::Alloc),
            1 => n().prop_map(Step::Drop),
            4 => (n(), any::<bool>()).prop_map(|(i, r)| Step::Submit(i, r)),
            4 => Just(Step::Next),
            4 => n().prop_map(Step::Complete),
            4 => n().prop_map(Step::Take),
        ],
        0..200,
    )
}

fn request(n: u32, noreply: bool) -> Request {
    Request {
        op: n as u16,
        flags: if noreply { NOREPLY } else { 0 },
        pid: n + 1,
        tid: n + 2,
        data_len: n % (SLOT_DATA as u32 + 1),
        args: core::array::from_fn(|i| u64::from(n) << 20 | i as u64),
    }
}

fn reply(n: u32) -> Reply {
    Reply {
        ret: -i64::from(n),
        rets: core::array::from_fn(|i| u64::from(n) << 8 | i as u64),
        data_len: n,
        deliver: n & 3,
        regions: [RegionRef { id: n.into(), size: 9 }, RegionRef { id: 1 << 40, size: n.into() }],
    }
}

fn pick<T>(from: &mut Vec<T>, i: usize) -> Option<T> {
    if from.is_empty() { None } else { Some(from.swap_remove(i % from.len())) }
}

proptest! {
    /// Every request arrives once, whole and in order; every reply reaches the slot that asked; a slot is nobody else's
    /// from its taking until its reply was taken, and without NOREPLY none is ever lost.
    #[test]
    fn slots_come_and_go(steps in steps()) {
        let mem = HeapMem::new(BOOT);
        let (mut member, mut monitor) = (MemberSide::new(), MonitorSide::new());
        let (mut held, mut queue, mut taken) = (Vec::new(), VecDeque::new(), Vec::new());
        let mut answered: Vec<(u32, u32)> = Vec::new();
        let mut next = 0;
        for step in steps {
            let in_use = held.len() + queue.len() + taken.len() + answered.len();
            match step {
                Step::Alloc => match member.alloc(&mem) {
                    Some(slot) => {
                        prop_assert!(slot < REQ_SLOTS && !held.contains(&slot));
                        prop_assert!(queue.iter().all(|(s, _): &(u32, Request)| *s != slot));
                        prop_assert!(taken.iter().all(|(s, _): &(u32, Request)| *s != slot));
                        prop_assert!(answered.iter().all(|(s, _)| *s != slot));
                        held.push(slot);
                    }
                    None => prop_assert_eq!(in_use, REQ_SLOTS as usize),
                },
                Step::Drop(i) => if let Some(slot) = pick(&mut held, i) { member.free(&mem, slot); },
                Step::Submit(i, noreply) => if let Some(slot) = pick(&mut held, i) {
                    next += 1;
                    let r = request(next, noreply);
                    member.submit(&mem, slot, &r);
                    queue.push_back((slot, r));
                },
                Step::Next => {
                    let got = monitor.next(&mem);
                    prop_assert_eq!(got, queue.pop_front());
                    taken.extend(got);
                }
                Step::Complete(i) => if let Some((slot, r)) = pick(&mut taken, i) {
                    prop_assert!(!MemberSide::is_done(&mem, slot));
                    let noreply = r.flags & NOREPLY != 0;
                    monitor.complete(&mem, slot, noreply, &reply(r.pid));
                    if !noreply { answered.push((slot, r.pid)); }
                },
                Step::Take(i) => if let Some((slot, n)) = pick(&mut answered, i) {
                    prop_assert!(MemberSide::is_done(&mem, slot));
                    prop_assert_eq!(MemberSide::reply(&mem, slot), reply(n));
                    member.free(&mem, slot);
                },
            }
            let highest = REQ_SLOTS - 1;
            let busy = queue.iter().chain(&taken).any(|(s, _)| *s == highest)
                || answered.iter().any(|(s, _)| *s == highest);
            prop_assert_eq!(MonitorSide::crowded(&mem), busy);
        }
    }

    /// Whatever a member writes into its region, the monitor gets requests with a slot and a length that exist, as many as
    /// the queue can hold at most, and each slot once until it answers.
    #[test]
    fn a_lying_member_hurts_itself(
        words in proptest::collection::vec((0usize..SLOTS / 4 + 64 * REQ_SLOTS as usize, any::<u32>()), 0..200),
        states in proptest::collection::vec(0..4u32, REQ_SLOTS as usize),
        tail in prop_oneof![any::<u32>(), 0..600u32],
        answer in any::<bool>(),
    ) {
        let mem = HeapMem::new(BOOT);
        for (at, value) in words {
            mem.u32_at(at * 4).store(value, Ordering::Relaxed);
        }
        for (slot, state) in states.iter().enumerate() {
            mem.u32_at(slot_at(slot as u32)).store(*state, Ordering::Relaxed);
        }
        mem.u32_at(SQ_TAIL).store(tail, Ordering::Relaxed);
        let mut monitor = MonitorSide::new();
        let mut seen = BTreeMap::new();
        let mut n = 0;
        while let Some((slot, r)) = monitor.next(&mem) {
            prop_assert!(slot < REQ_SLOTS && r.data_len as usize <= SLOT_DATA);
            prop_assert!(data_at(slot) + r.data_len as usize <= BOOT);
            *seen.entry(slot).or_insert(0) += 1;
            n += 1;
            prop_assert!(n <= SQ_ENTRIES, "an end");
            if answer {
                monitor.complete(&mem, slot, r.flags & NOREPLY != 0, &reply(n));
            }
        }
        prop_assert!(!answer || seen.values().all(|n| *n == 1), "answered once");
        let (_, tids) = threads(&mem);
        prop_assert!(tids.len() <= THREADS_LISTED);
    }
}

#[test]
fn a_reply_longer_than_its_buffer_is_cut() {
    let mem = HeapMem::new(BOOT);
    let lie = Reply { data_len: u32::MAX, ..Reply::default() };
    MonitorSide::new().complete(&mem, 3, false, &lie);
    assert_eq!(MemberSide::reply(&mem, 3).data_len as usize, SLOT_DATA);
}
