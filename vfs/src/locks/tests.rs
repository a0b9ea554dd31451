//! Locks against a model that knows each byte.

extern crate std;

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::vec::Vec;

use super::*;
use abi::Errno;

const KEY: (u64, u64) = (1, 1);
const BYTES: u64 = 24;

fn owner(n: u32) -> Owner {
    if n < 3 { Owner::Process(n) } else { Owner::Description(u64::from(n)) }
}

#[derive(Clone, Debug)]
enum Step {
    Set { who: u32, kind: Option<bool>, start: u64, len: u64 },
    Drop { who: u32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let set = (0..5u32, prop::option::of(any::<bool>()), 0..BYTES - 1, 0..8u64)
        .prop_map(|(who, kind, start, len)| Step::Set { who, kind, start, len });
    let drop = (0..5u32).prop_map(|who| Step::Drop { who });
    prop::collection::vec(prop_oneof![9 => set, 1 => drop], 0..80)
}

proptest! {
    /// Each byte has at most one writer or any readers, ranges say exactly what the bytes say, and are joined.
    #[test]
    fn ranges_are_what_bytes_are(steps in steps()) {
        let mut locks = Locks::default();
        let mut model: Vec<BTreeMap<Owner, Kind>> = std::vec![BTreeMap::new(); BYTES as usize];
        for step in steps {
            match step {
                Step::Set { who, kind, start, len } => {
                    let me = owner(who);
                    let kind = kind.map(|w| if w { Kind::Write } else { Kind::Read });
                    let end = if len == 0 { BYTES } else { (start + len).min(BYTES) };
                    let real = if end == BYTES { 0 } else { end - start };
                    let range = Range::new(start as i64, real as i64).expect("range");
                    let clash = kind.is_some_and(|k| {
                        model[start as usize..end as usize].iter().any(|b| {
                            b.iter().any(|(o, h)| *o != me && (*h == Kind::Write || k == Kind::Write))
                        })
                    });
                    let before = model.clone();
                    let got = locks.set(KEY, me, kind, range, None);
                    prop_assert_eq!(got.is_err(), clash);
                    if let Some(k) = kind {
                        prop_assert_eq!(locks.get(KEY, me, k, range).is_some(), clash);
                    }
                    if !clash {
                        for b in &mut model[start as usize..end as usize] {
                            match kind {
                                Some(k) => b.insert(me, k),
                                None => b.remove(&me),
                            };
                        }
                        let eased = (start as usize..end as usize).any(|i| {
                            let others_may = |b: &BTreeMap<Owner, Kind>| match b.get(&me) {
                                None => 2,
                                Some(Kind::Read) => 1,
                                Some(Kind::Write) => 0,
                            };
                            others_may(&before[i]) < others_may(&model[i])
                        });
                        prop_assert_eq!(got, Ok(eased));
                    }
                }
                Step::Drop { who } => {
                    let had = model.iter().any(|b| b.contains_key(&owner(who)));
                    let said = match owner(who) {
                        Owner::Process(p) => locks.process_closed(KEY, p),
                        Owner::Description(d) => locks.description_closed(KEY, d),
                    };
                    prop_assert_eq!(said, had);
                    for b in &mut model {
                        b.remove(&owner(who));
                    }
                }
            }
            let held = locks.held(KEY);
            for (i, b) in model.iter().enumerate() {
                let now: BTreeMap<Owner, Kind> = held
                    .iter()
                    .filter(|h| h.range.start <= i as u64 && (i as u64) < h.range.end)
                    .map(|h| (h.owner, h.kind))
                    .collect();
                prop_assert_eq!(&now, b);
            }
            for (i, a) in held.iter().enumerate() {
                for b in &held[i + 1..] {
                    let apart = a.owner != b.owner || a.kind != b.kind || a.range.end != b.range.start;
                    prop_assert!(apart, "two ranges that should be one");
                }
            }
        }
    }

    /// flock: one writer or any readers.
    #[test]
    fn whole_locks_exclude(steps in prop::collection::vec((0..4u64, prop::option::of(any::<bool>())), 0..60)) {
        let mut locks = Locks::default();
        let mut model: BTreeMap<u64, Kind> = BTreeMap::new();
        for (who, kind) in steps {
            let kind = kind.map(|w| if w { Kind::Write } else { Kind::Read });
            let (got, _) = locks.flock(KEY, who, kind);
            if kind.is_none() || model.get(&who) != kind.as_ref() {
                model.remove(&who);
            }
            if let Some(k) = kind {
                let clash = model.iter().any(|(o, h)| *o != who && (*h == Kind::Write || k == Kind::Write));
                prop_assert_eq!(got, !clash);
                if !clash {
                    model.insert(who, k);
                }
            }
        }
    }
}

proptest! {
    /// A wait is refused exactly when it would close a circle of processes that wait for each other; whoever may have
    /// gained by a change is told; a thread that was refused, got its lock or went away waits no longer.
    #[test]
    fn waits_that_would_never_end_are_refused(
        steps in prop::collection::vec((1..5u32, 0..4u64, 0..6u8), 0..60),
    ) {
        let mut locks = Locks::default();
        let mut held: BTreeMap<u64, u32> = BTreeMap::new();
        let mut waits: BTreeMap<u32, u64> = BTreeMap::new();
        for (pid, byte, what) in steps {
            let (me, range) = (Owner::Process(pid), Range::new(byte as i64, 1).expect("range"));
            let holder = held.get(&byte).copied().filter(|h| *h != pid);
            match what {
                0..=2 => {
                    // Along the one edge that each holder has: back to where it began, or to somebody who runs.
                    let mut at = holder;
                    let mut circle = false;
                    for _ in 0..9 {
                        circle |= at == Some(pid);
                        at = at.and_then(|h| waits.get(&h)).and_then(|b| held.get(b)).copied();
                    }
                    let want = match holder {
                        None => Ok(false),
                        Some(_) if circle => Err(Blocked::Deadlock),
                        Some(_) => Err(Blocked::Conflict),
                    };
                    prop_assert_eq!(locks.set(KEY, me, Some(Kind::Write), range, Some((pid, pid))), want);
                    waits.remove(&pid);
                    match want {
                        Ok(_) => { held.insert(byte, pid); }
                        Err(Blocked::Conflict) => { waits.insert(pid, byte); }
                        Err(Blocked::Deadlock) => {}
                    }
                }
                3 => {
                    // Another thread of the process unlocks.
                    let had = held.get(&byte) == Some(&pid);
                    prop_assert_eq!(locks.set(KEY, me, None, range, None), Ok(had));
                    if had { held.remove(&byte); }
                }
                4 => { locks.stop_waiting((pid, pid)); waits.remove(&pid); }
                _ => {
                    let had = held.values().any(|h| *h == pid);
                    prop_assert_eq!(!locks.process_ended(pid).is_empty(), had);
                    held.retain(|_, h| *h != pid);
                    waits.remove(&pid);
                }
            }
        }
    }
}

#[test]
fn circles_of_waiting_processes_are_found() {
    let mut locks = Locks::default();
    let byte = |n: i64| Range::new(n, 1).expect("range");
    for p in 1..=3 {
        assert_eq!(locks.set(KEY, Owner::Process(p), Some(Kind::Write), byte(p.into()), None), Ok(false));
    }
    let mut wait =
        |p: u32, n: i64| locks.set(KEY, Owner::Process(p), Some(Kind::Write), byte(n), Some((p, p)));
    assert_eq!(wait(1, 2), Err(Blocked::Conflict));
    assert_eq!(wait(2, 3), Err(Blocked::Conflict));
    assert_eq!(wait(3, 1), Err(Blocked::Deadlock));
    // The second no longer waits: no circle.
    locks.stop_waiting((2, 2));
    assert_eq!(
        locks.set(KEY, Owner::Process(3), Some(Kind::Write), byte(1), Some((3, 3))),
        Err(Blocked::Conflict)
    );
    assert_eq!(locks.process_ended(1), [KEY]);
    assert_eq!(locks.set(KEY, Owner::Process(3), Some(Kind::Write), byte(1), Some((3, 3))), Ok(false));
}

#[test]
fn lengths_may_be_negative_or_open() {
    assert_eq!(Range::new(10, -4), Ok(Range { start: 6, end: 10 }));
    assert_eq!(Range::new(10, 0), Ok(Range { start: 10, end: u64::MAX }));
    assert_eq!(Range::new(3, -4), Err(Errno::EINVAL));
    assert_eq!(Range::new(-1, 4), Err(Errno::EINVAL));
    assert_eq!(Range::new(i64::MAX, 2), Err(Errno::EOVERFLOW));
    assert_eq!(Range::new(i64::MAX, 1).map(Range::len), Ok(1));
}
