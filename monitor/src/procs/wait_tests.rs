//! wait4(2) against a model of one parent's children.

use std::collections::BTreeMap;

use abi::process::{__WALL, __WCLONE, WCONTINUED, WEXITED, WNOWAIT, WUNTRACED};
use abi::signal::SIGCHLD;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Runs,
    Stopped,
    Ended,
}

#[derive(Clone, Debug)]
struct Child {
    phase: Phase,
    /// The status that nobody waited for yet.
    news: Option<u32>,
    pgid: u32,
    /// Made by clone(2) with another signal than SIGCHLD.
    quiet: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Fork {
        quiet: bool,
    },
    Exit(usize, u32),
    Stop(usize),
    Continue(usize),
    /// setpgid(2): the child leads its own group, or joins that of another.
    Group(usize, usize),
    /// Which children (as `-1`, `0`, a pid or a group), and which news.
    Wait {
        who: u8,
        which: usize,
        options: u32,
    },
    Ignore(bool),
    NoStops(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = || any::<usize>();
    let kinds = prop_oneof![Just(0), Just(__WALL), Just(__WCLONE)];
    let news = proptest::sample::subsequence(vec![WEXITED, WUNTRACED, WCONTINUED, WNOWAIT], 0..=4);
    let options = (kinds, news).prop_map(|(k, n)| n.into_iter().fold(k, |all, o| all | o));
    let wait = (0..4u8, n(), options).prop_map(|(who, which, options)| Step::Wait { who, which, options });
    proptest::collection::vec(
        prop_oneof![
            4 => proptest::bool::weighted(0.2).prop_map(|quiet| Step::Fork { quiet }),
            3 => (n(), 0..0x100u32).prop_map(|(i, s)| Step::Exit(i, s << 8)),
            1 => (n(), 1..65u32).prop_map(|(i, s)| Step::Exit(i, s)),
            2 => n().prop_map(Step::Stop),
            2 => n().prop_map(Step::Continue),
            2 => (n(), n()).prop_map(|(a, b)| Step::Group(a, b)),
            8 => wait,
            1 => proptest::bool::weighted(0.3).prop_map(Step::Ignore),
            1 => any::<bool>().prop_map(Step::NoStops),
        ],
        1..100,
    )
}

/// The signals that the parent is sent.
fn sent(effects: &[Effect]) -> Vec<(u32, u32, i32)> {
    let of = |e: &Effect| match e {
        Effect::Signal(s) if s.target == FIRST_PID => Some((s.signo, s.pid, s.code)),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn changed(effects: &[Effect]) -> bool {
    effects.contains(&Effect::ChildChanged(FIRST_PID))
}

proptest! {
    /// A wait reports what some child that it asks for has to tell, once; it says that there is no such child exactly when
    /// there is none, and a waiting parent is told whenever its answer may have changed. SIGCHLD comes with each change
    /// that the parent did not refuse.
    #[test]
    fn waits_report_what_happened(steps in steps()) {
        const PARENT: u32 = FIRST_PID;
        let mut t = ProcTable::new();
        t.insert_first(Creds::default(), 1);
        let mut model: BTreeMap<u32, Child> = BTreeMap::new();
        let (mut ignore, mut no_stops) = (false, false);
        for step in steps {
            let alive: Vec<u32> = model.iter().filter(|(_, c)| c.phase != Phase::Ended).map(|(p, _)| *p).collect();
            let pick = |i: usize| (!alive.is_empty()).then(|| alive[i % alive.len()]);
            let mut e = Vec::new();
            match step {
                Step::Fork { quiet } => {
                    let signal = if quiet { 0 } else { SIGCHLD as u32 };
                    let pid = t.fork(PARENT, false, 1, signal, 0).expect("a pid");
                    let child = Child { phase: Phase::Runs, news: None, pgid: PARENT, quiet };
                    prop_assert!(model.insert(pid, child).is_none(), "a number of its own");
                }
                Step::Exit(i, status) => if let Some(pid) = pick(i) {
                    t.exit(pid, status, Times::default(), &mut e).expect("alive");
                    prop_assert!(t.exit(pid, status, Times::default(), &mut e).is_err(), "once");
                    let c = model.get_mut(&pid).expect("known");
                    (c.phase, c.news) = (Phase::Ended, Some(status));
                    let told: Vec<u32> = sent(&e).iter().filter(|s| s.1 == pid).map(|s| s.0).collect();
                    prop_assert_eq!(told, if c.quiet { vec![] } else { vec![SIGCHLD as u32] });
                    prop_assert!(changed(&e));
                    if ignore && !c.quiet {
                        model.remove(&pid);
                    }
                    prop_assert_eq!(t.get(pid).is_ok(), model.contains_key(&pid));
                },
                Step::Stop(i) => if let Some(pid) = pick(i) {
                    prop_assert_eq!(t.stopped(pid, 19, &mut e), Ok(true));
                    let c = model.get_mut(&pid).expect("known");
                    (c.phase, c.news) = (Phase::Stopped, Some(0x137f));
                    prop_assert_eq!(sent(&e).len(), usize::from(!no_stops));
                    prop_assert!(changed(&e));
                },
                Step::Continue(i) => if let Some(pid) = pick(i) {
                    t.continued(pid, &mut e).expect("alive");
                    let c = model.get_mut(&pid).expect("known");
                    let stopped = c.phase == Phase::Stopped;
                    if stopped {
                        (c.phase, c.news) = (Phase::Runs, Some(0xffff));
                    }
                    prop_assert_eq!(sent(&e).len(), usize::from(stopped && !no_stops));
                    prop_assert_eq!(changed(&e), stopped);
                },
                Step::Group(a, b) => if let (Some(a), Some(b)) = (pick(a), pick(b)) {
                    // A group that has members, or a new one.
                    let to = if a == b { a } else { model[&b].pgid };
                    prop_assert_eq!(t.set_pgid(PARENT, a, to, &mut e), Ok(()));
                    model.get_mut(&a).expect("known").pgid = to;
                    prop_assert!(changed(&e));
                },
                Step::Ignore(on) => { t.get_mut(PARENT).expect("alive").auto_reap = on; ignore = on; }
                Step::NoStops(on) => { t.get_mut(PARENT).expect("alive").no_stop_signals = on; no_stops = on; }
                Step::Wait { who, which, options } => {
                    let known: Vec<u32> = model.keys().copied().collect();
                    let any = if known.is_empty() { 4242 } else { known[which % known.len()] };
                    let group = model.get(&any).map_or(any, |c| c.pgid);
                    let selector = match who { 0 => -1, 1 => 0, 2 => i64::from(any), _ => -i64::from(group) };
                    let asked = |pid: u32, c: &Child| {
                        let named = match who { 0 => true, 1 => c.pgid == PARENT, 2 => pid == any, _ => c.pgid == group };
                        named && (options & __WALL != 0 || (options & __WCLONE != 0) == c.quiet)
                    };
                    let tells = |c: &Child| c.news.filter(|_| options & match c.phase {
                        Phase::Ended => WEXITED,
                        Phase::Stopped => WUNTRACED,
                        Phase::Runs => WCONTINUED,
                    } != 0);
                    let asked: Vec<(u32, Option<u32>)> =
                        model.iter().filter(|(p, c)| asked(**p, c)).map(|(p, c)| (*p, tells(c))).collect();
                    match t.wait(PARENT, selector, options, &mut e) {
                        Waited::NoChild => prop_assert!(asked.is_empty()),
                        Waited::NotYet => prop_assert!(!asked.is_empty() && asked.iter().all(|a| a.1.is_none())),
                        Waited::Found(f) => {
                            prop_assert!(asked.contains(&(f.pid, Some(f.status))));
                            if options & WNOWAIT == 0 {
                                let c = model.get_mut(&f.pid).expect("known");
                                c.news = None;
                                if c.phase == Phase::Ended {
                                    model.remove(&f.pid);
                                    prop_assert!(e.contains(&Effect::Reaped(f.pid)) && changed(&e));
                                }
                            }
                        }
                    }
                }
            }
            prop_assert!(t.children(PARENT).map(|p| p.pid).eq(model.keys().copied()));
        }
    }
}
