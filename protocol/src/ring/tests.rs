//! A ring against a queue of bytes, with parties that wait and die, and against words that another party made up.

extern crate std;

use core::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::vec;
use std::vec::Vec;

use core::sync::atomic::AtomicU64;
use proptest::prelude::*;

use super::*;
use crate::HeapMem;

const CAP: u32 = 64;
const OBJECT: u32 = FIRST_OBJECT + 7;

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Pull(usize),
    Peek(u32, usize),
    /// Member `slot` finds nothing to do on a side and waits.
    Wait(bool, u32),
    Close(u32),
    Reopen(u32),
    /// Member `slot` takes a side's lock, or gives it back.
    Lock(bool, u32),
    Unlock(bool, u32),
    /// Member `slot` dies in the middle of a copy: bytes lie in the data area, nothing is committed.
    Die(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let slot = || 1..5u32;
    proptest::collection::vec(
        prop_oneof![
            6 => (0usize..100).prop_map(Step::Push),
            6 => (0usize..100).prop_map(Step::Pull),
            2 => (0..80u32, 0usize..100).prop_map(|(s, n)| Step::Peek(s, n)),
            3 => (any::<bool>(), slot()).prop_map(|(r, s)| Step::Wait(r, s)),
            1 => (0..32u32).prop_map(Step::Close),
            1 => (0..32u32).prop_map(Step::Reopen),
            3 => (any::<bool>(), slot()).prop_map(|(r, s)| Step::Lock(r, s)),
            3 => (any::<bool>(), slot()).prop_map(|(r, s)| Step::Unlock(r, s)),
            1 => slot().prop_map(Step::Die),
        ],
        0..120,
    )
}

fn side(reader: bool) -> Side {
    if reader { Side::Reader } else { Side::Writer }
}

fn taken<M: SharedMem>(ring: &Ring<'_, M>, side: Side) -> BTreeSet<u32> {
    let mut slots = BTreeSet::new();
    ring.take_waiters(side, |s| assert!(slots.insert(s), "told once"));
    slots
}

proptest! {
    /// Bytes come out in order and unchanged wherever the counters stand, closed bits are a set, each side has one holder,
    /// the monitor frees what a dead member held and nothing else, and every waiter is told exactly once.
    #[test]
    fn is_a_queue_with_two_sides(start in any::<u32>(), steps in steps()) {
        let mem = HeapMem::new(size_of_ring(CAP) + 64);
        let ring = Ring::new(&mem, 64, CAP);
        ring.init(OBJECT);
        // As if so many bytes had gone through already: the counters wrap around.
        ring.commit_write(start);
        ring.commit_read(start);
        let (mut model, mut next) = (VecDeque::new(), 0u8);
        let (mut waiting, mut holders, mut closed) = ([BTreeSet::new(), BTreeSet::new()], [0u32; 2], 0);
        for step in steps {
            match step {
                Step::Push(n) => {
                    let bytes: Vec<u8> = (0..n).map(|i| next.wrapping_add(i as u8)).collect();
                    let fits = n.min(CAP as usize - model.len());
                    prop_assert_eq!(ring.push(&bytes), Ok(fits));
                    model.extend(&bytes[..fits]);
                    next = next.wrapping_add(fits as u8);
                    prop_assert_eq!(taken(&ring, Side::Reader), core::mem::take(&mut waiting[0]));
                }
                Step::Pull(n) => {
                    let mut got = vec![0; n];
                    let there = n.min(model.len());
                    prop_assert_eq!(ring.pull(&mut got), Ok(there));
                    prop_assert_eq!(&got[..there], &model.drain(..there).collect::<Vec<u8>>()[..]);
                    prop_assert_eq!(taken(&ring, Side::Writer), core::mem::take(&mut waiting[1]));
                }
                Step::Peek(skip, n) => {
                    let mut got = vec![0; n];
                    let want: Vec<u8> = model.iter().skip(skip as usize).take(n).copied().collect();
                    prop_assert_eq!(ring.peek(skip, &mut got), Ok(want.len()));
                    prop_assert_eq!(&got[..want.len()], &want[..]);
                }
                Step::Wait(reader, slot) => {
                    ring.arm(side(reader), slot * 300 % MAX_MEMBERS);
                    waiting[side(reader) as usize].insert(slot * 300 % MAX_MEMBERS);
                }
                Step::Close(bits) => { ring.close(bits); closed |= bits; }
                Step::Reopen(bits) => { ring.reopen(bits); closed &= !bits; }
                Step::Lock(reader, slot) => {
                    let holder = &mut holders[side(reader) as usize];
                    prop_assert_eq!(ring.try_lock(side(reader), slot), *holder == 0);
                    if *holder == 0 { *holder = slot; }
                }
                Step::Unlock(reader, slot) => {
                    ring.unlock(side(reader), slot);
                    let holder = &mut holders[side(reader) as usize];
                    if *holder == slot { *holder = 0; }
                }
                Step::Die(slot) => {
                    if holders[1] == slot {
                        for (at, len) in ring.write_spans(0, ring.space().expect("sound")) {
                            mem.write(at, &vec![0xee; len]);
                        }
                    }
                    for s in [Side::Reader, Side::Writer] {
                        let held = lock::break_lock(ring.lock_word(s), slot);
                        prop_assert_eq!(held, holders[s as usize] == slot);
                        if held { holders[s as usize] = 0; }
                    }
                }
            }
            prop_assert_eq!(ring.used(), Ok(model.len() as u32));
            prop_assert_eq!(ring.space(), Ok(CAP - model.len() as u32));
            prop_assert_eq!((ring.closed(), ring.object()), (closed, OBJECT));
            prop_assert_eq!(ring.tail(), ring.head().wrapping_add(model.len() as u32));
            for s in [Side::Reader, Side::Writer] {
                prop_assert_eq!(ring.lock_word(s).load(Ordering::Relaxed), holders[s as usize]);
            }
        }
    }
}

/// Memory whose other party changes a word before each look at it, and that lets bytes be touched in the ring's data only.
struct Liar {
    mem: HeapMem,
    lies: RefCell<VecDeque<u32>>,
}

impl SharedMem for Liar {
    fn len(&self) -> usize {
        self.mem.len()
    }
    fn u32_at(&self, off: usize) -> &AtomicU32 {
        let word = self.mem.u32_at(off);
        if let Some(lie) = self.lies.borrow_mut().pop_front() {
            word.store(lie, Ordering::Relaxed);
        }
        word
    }
    fn u64_at(&self, off: usize) -> &AtomicU64 {
        self.mem.u64_at(off)
    }
    fn read(&self, off: usize, dst: &mut [u8]) {
        assert!(dst.is_empty() || off >= HEADER && off + dst.len() <= self.len(), "a read outside the data");
        self.mem.read(off, dst);
    }
    fn write(&self, off: usize, src: &[u8]) {
        assert!(src.is_empty() || off >= HEADER && off + src.len() <= self.len(), "a write outside the data");
        self.mem.write(off, src);
    }
}

/// Numbers that are near each other as often as not, so that some lies are plausible.
fn lies() -> impl Strategy<Value = VecDeque<u32>> {
    let lie = prop_oneof![any::<u32>(), 0..2 * CAP, (0..2 * CAP).prop_map(|n| n.wrapping_sub(CAP))];
    proptest::collection::vec_deque(lie, 0..40)
}

proptest! {
    /// However the words change under its hands, a party touches the data area only and moves no more than there can be.
    #[test]
    fn lies_lead_nowhere(lies in lies(), sizes in proptest::collection::vec((0..5u8, 0usize..200, any::<u32>()), 1..20)) {
        let mem = Liar { mem: HeapMem::new(size_of_ring(CAP)), lies: RefCell::new(lies) };
        let ring = Ring::new(&mem, 0, CAP);
        for (what, n, skip) in sizes {
            let mut bytes = vec![0; n];
            let moved = match what {
                0 => ring.push(&bytes),
                1 => ring.pull(&mut bytes),
                2 => ring.peek(skip, &mut bytes),
                3 => ring.used().map(|n| n as usize),
                _ => ring.space().map(|n| n as usize),
            };
            prop_assert!(moved.is_err() || moved.is_ok_and(|m| m <= CAP as usize));
            prop_assert!(what > 2 || moved.is_err() || moved.is_ok_and(|m| m <= n));
            prop_assert!(ring.object() == 0 || (FIRST_OBJECT..MAX_OBJECTS).contains(&ring.object()));
        }
    }

    /// Counters that contradict each other are told from those that do not.
    #[test]
    fn contradictions_are_found(head in any::<u32>(), ahead in any::<u32>()) {
        let mem = HeapMem::new(size_of_ring(CAP));
        let ring = Ring::new(&mem, 0, CAP);
        ring.commit_read(head);
        ring.commit_write(head.wrapping_add(ahead));
        let want = if ahead <= CAP { Ok(ahead) } else { Err(Broken) };
        prop_assert_eq!(ring.used(), want);
        prop_assert_eq!(ring.push(b"x").is_err(), ahead > CAP);
        prop_assert_eq!(ring.pull(&mut [0]).is_err(), ahead > CAP);
    }
}

/// Two threads, a small ring and locks: nobody sleeps for ever, no byte is lost or doubled.
#[test]
fn no_wakeup_is_lost() {
    use std::sync::atomic::AtomicBool;
    const BYTES: usize = 20_000;
    let mem = HeapMem::new(size_of_ring(CAP));
    let ring = Ring::new(&mem, 0, CAP);
    let bells = [AtomicBool::new(false), AtomicBool::new(false)];
    // To wait: arm, look again, sleep until the bell rings.
    let wait = |side: Side, ready: &dyn Fn() -> bool| {
        ring.arm(side, side as u32 + 1);
        while !ready() && !bells[side as usize].swap(false, Ordering::SeqCst) {
            std::thread::yield_now();
        }
    };
    let tell = |side: Side| ring.take_waiters(side, |s| bells[s as usize - 1].store(true, Ordering::SeqCst));
    std::thread::scope(|s| {
        s.spawn(|| {
            let mut sent = 0;
            while sent < BYTES {
                let n = (BYTES - sent).min(sent % 90 + 1);
                let bytes: Vec<u8> = (sent..sent + n).map(|i| i as u8).collect();
                match ring.push(&bytes) {
                    Ok(0) => wait(Side::Writer, &|| ring.space() != Ok(0)),
                    Ok(n) => {
                        sent += n;
                        tell(Side::Reader);
                    }
                    Err(Broken) => panic!("a sound ring"),
                }
            }
        });
        let mut got = 0;
        while got < BYTES {
            let mut bytes = vec![0; got % 70 + 1];
            match ring.pull(&mut bytes) {
                Ok(0) => wait(Side::Reader, &|| ring.used() != Ok(0)),
                Ok(n) => {
                    assert!(bytes[..n].iter().enumerate().all(|(i, b)| *b == (got + i) as u8));
                    got += n;
                    tell(Side::Writer);
                }
                Err(Broken) => panic!("a sound ring"),
            }
        }
    });
}
