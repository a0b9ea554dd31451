//! Properties of the process table under random histories, and the cases that the pages of POSIX single out.

use std::collections::BTreeSet;

use abi::Errno;
use abi::process::{WCONTINUED, WEXITED, WNOWAIT, WUNTRACED};
use proptest::prelude::*;

use super::*;

const ALL: u32 = WEXITED | WUNTRACED | WCONTINUED | 0x4000_0000;

fn table() -> ProcTable {
    let mut t = ProcTable::new();
    t.insert_first(Creds::default(), 1);
    t
}

fn fork(t: &mut ProcTable, parent: u32) -> u32 {
    t.fork(parent, false, 1, 17, 0).expect("a pid")
}

fn end(t: &mut ProcTable, pid: u32, status: u32) -> Vec<Effect> {
    let mut e = Vec::new();
    t.exit(pid, status, Times::default(), &mut e).expect("alive");
    e
}

fn signals_to(effects: &[Effect], pid: u32) -> Vec<u32> {
    let of = |e: &Effect| match e {
        Effect::Signal(s) if s.target == pid => Some(s.signo),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Fork(usize),
    Exit(usize, u32),
    Wait(usize, bool),
    Stop(usize),
    Continue(usize),
    SetPgid(usize, usize, usize),
    SetSid(usize),
    Subreaper(usize),
    AutoReap(usize, bool),
    Exec(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0..12usize;
    prop_oneof![
        4 => n.clone().prop_map(Step::Fork),
        3 => (n.clone(), 0..0x7fu32).prop_map(|(p, s)| Step::Exit(p, s)),
        3 => (n.clone(), any::<bool>()).prop_map(|(p, w)| Step::Wait(p, w)),
        1 => n.clone().prop_map(Step::Stop),
        1 => n.clone().prop_map(Step::Continue),
        2 => (n.clone(), n.clone(), n.clone()).prop_map(|(a, b, c)| Step::SetPgid(a, b, c)),
        1 => n.clone().prop_map(Step::SetSid),
        1 => n.clone().prop_map(Step::Subreaper),
        1 => (n.clone(), any::<bool>()).prop_map(|(p, on)| Step::AutoReap(p, on)),
        1 => n.prop_map(Step::Exec),
    ]
}

fn check(t: &ProcTable) {
    for p in t.iter().filter(|p| p.pid != INIT_PID) {
        let parent = t.get(p.ppid).expect("a parent");
        assert!(parent.alive(), "{} has a dead parent", p.pid);
        if !p.alive() {
            assert_ne!(p.ppid, INIT_PID, "init leaves no zombies");
            assert_eq!(p.slot, 0);
        }
        for q in t.group(p.pgid) {
            assert_eq!(p.sid, q.sid, "a group lies in one session");
        }
        if p.sid == p.pid {
            assert_eq!(p.pgid, p.pid, "a session leader leads its group");
        }
    }
}

proptest! {
    #[test]
    fn invariants_hold(steps in proptest::collection::vec(step(), 1..120)) {
        let mut t = table();
        let mut unwaited: BTreeSet<u32> = BTreeSet::new();
        for s in steps {
            let alive: Vec<u32> = t.iter().filter(|p| p.alive() && p.pid != INIT_PID).map(|p| p.pid).collect();
            if alive.is_empty() {
                break;
            }
            let pick = |i: usize| alive[i % alive.len()];
            let mut e = Vec::new();
            match s {
                Step::Fork(p) => { unwaited.insert(fork(&mut t, pick(p))); }
                Step::Exit(p, s) => t.exit(pick(p), s, Times::default(), &mut e).expect("alive"),
                Step::Wait(p, nowait) => {
                    let options = if nowait { ALL | WNOWAIT } else { ALL };
                    let children = t.children(pick(p)).count();
                    match t.wait(pick(p), -1, options, &mut e) {
                        Waited::Found(f) => {
                            prop_assert!(nowait || f.status & 0x7f == 0x7f || t.get(f.pid).is_err());
                        }
                        Waited::NotYet => prop_assert!(children > 0),
                        Waited::NoChild => prop_assert_eq!(children, 0),
                    }
                }
                Step::Stop(p) => { t.stopped(pick(p), 19, &mut e).expect("alive"); }
                Step::Continue(p) => t.continued(pick(p), &mut e).expect("alive"),
                Step::SetPgid(a, b, c) => { let _ = t.set_pgid(pick(a), pick(b), pick(c), &mut e); }
                Step::SetSid(p) => { let _ = t.set_sid(pick(p), &mut e); }
                Step::Subreaper(p) => t.get_mut(pick(p)).expect("alive").subreaper = true,
                Step::AutoReap(p, on) => t.get_mut(pick(p)).expect("alive").auto_reap = on,
                Step::Exec(p) => t.execed(pick(p), Image::default()).expect("alive"),
            }
            for effect in e {
                if let Effect::Reaped(pid) = effect {
                    prop_assert!(t.get(pid).is_err());
                    prop_assert!(pid == FIRST_PID || unwaited.remove(&pid), "reaped once");
                }
            }
            check(&t);
        }
    }
}

#[test]
fn a_stop_and_a_continuation_are_reported_once() {
    let mut t = table();
    let c = fork(&mut t, 2);
    let mut e = Vec::new();
    assert_eq!(t.wait(2, -1, ALL, &mut e), Waited::NotYet);
    assert_eq!(t.stopped(c, 19, &mut e), Ok(true));
    assert_eq!(signals_to(&e, 2), [17]);
    assert_eq!(t.wait(2, c.into(), WEXITED, &mut e), Waited::NotYet);
    let Waited::Found(f) = t.wait(2, c.into(), ALL, &mut e) else { panic!("a stop") };
    assert_eq!(f.status, 0x137f);
    assert_eq!(t.wait(2, c.into(), ALL, &mut e), Waited::NotYet);
    t.continued(c, &mut e).expect("alive");
    let Waited::Found(f) = t.wait(2, 0, ALL, &mut e) else { panic!("a continuation") };
    assert_eq!(f.status, 0xffff);
    assert_eq!(t.wait(2, -1, ALL, &mut e), Waited::NotYet);
}

#[test]
fn orphans_go_to_the_nearest_subreaper() {
    let mut t = table();
    let a = fork(&mut t, 2);
    let b = fork(&mut t, a);
    let c = fork(&mut t, b);
    t.get_mut(a).expect("alive").subreaper = true;
    end(&mut t, b, 0);
    assert_eq!(t.get(c).map(|p| p.ppid), Ok(a));
    end(&mut t, a, 0);
    assert_eq!(t.get(c).map(|p| p.ppid), Ok(INIT_PID));
    end(&mut t, c, 0);
    assert!(t.get(c).is_err());
}

#[test]
fn ignoring_sigchld_leaves_no_zombie() {
    let mut t = table();
    t.get_mut(2).expect("alive").auto_reap = true;
    let c = fork(&mut t, 2);
    let e = end(&mut t, c, 0x100);
    assert!(e.contains(&Effect::Reaped(c)) && e.contains(&Effect::ChildChanged(2)));
    assert_eq!(t.wait(2, -1, ALL, &mut Vec::new()), Waited::NoChild);
}

#[test]
fn a_stopped_group_that_becomes_orphaned_is_hung_up() {
    let mut t = table();
    let shell = fork(&mut t, 2);
    let job = fork(&mut t, shell);
    let mut e = Vec::new();
    t.set_pgid(shell, job, job, &mut e).expect("moved");
    assert_eq!(t.stopped(job, 20, &mut e), Ok(true));
    let e = end(&mut t, shell, 0);
    assert_eq!(signals_to(&e, job), [1, 18]);
}

#[test]
fn a_terminal_stop_does_not_stop_an_orphaned_group() {
    let mut t = table();
    let c = fork(&mut t, 2);
    t.set_sid(c, &mut Vec::new()).expect("no leader yet");
    assert_eq!(t.stopped(c, 20, &mut Vec::new()), Ok(false));
    assert_eq!(t.stopped(c, 19, &mut Vec::new()), Ok(true));
    assert_eq!(t.stopped(2, 20, &mut Vec::new()), Ok(true), "a job of the user's shell");
}

#[test]
fn setpgid_as_posix_says() {
    let mut t = table();
    let mut e = Vec::new();
    let a = fork(&mut t, 2);
    let b = fork(&mut t, 2);
    assert_eq!(t.set_pgid(a, b, a, &mut e), Err(Errno::ESRCH), "not a child");
    assert_eq!(t.set_pgid(2, a, 999, &mut e), Err(Errno::EPERM), "no such group");
    assert_eq!(t.set_pgid(2, a, 0, &mut e), Ok(()));
    assert_eq!(t.set_pgid(2, b, a, &mut e), Ok(()));
    t.execed(b, Image::default()).expect("alive");
    assert_eq!(t.set_pgid(2, b, b, &mut e), Err(Errno::EACCES), "has execed");
    assert_eq!(t.set_sid(a, &mut e), Err(Errno::EPERM), "a group leader");
    assert_eq!(t.set_sid(b, &mut e), Ok(b));
    assert_eq!(t.set_pgid(2, b, b, &mut e), Err(Errno::EPERM), "another session");
}

#[test]
fn numbers_of_groups_are_not_used_for_new_processes() {
    let mut t = table();
    let mut e = Vec::new();
    let a = fork(&mut t, 2);
    let b = fork(&mut t, 2);
    t.set_pgid(2, a, a, &mut e).expect("moved");
    t.set_pgid(2, b, a, &mut e).expect("moved");
    end(&mut t, a, 0);
    t.wait(2, a.into(), ALL, &mut e);
    for _ in 0..40_000 {
        let c = fork(&mut t, 2);
        assert_ne!(c, a);
        t.unfork(c);
    }
}

#[test]
fn times_of_waited_children_add_up() {
    let mut t = table();
    let c = fork(&mut t, 2);
    let g = fork(&mut t, c);
    let used = Times { user_ns: 5, max_rss_kib: 9, ..Times::default() };
    let mut e = Vec::new();
    t.exit(g, 0, used, &mut e).expect("alive");
    t.wait(c, -1, ALL, &mut e);
    t.exit(c, 0, used, &mut e).expect("alive");
    t.wait(2, -1, ALL, &mut e);
    let sum = t.get(2).expect("alive").child_times;
    assert_eq!((sum.user_ns, sum.max_rss_kib), (10, 9));
}

#[test]
fn clone_children_are_seen_only_when_asked_for() {
    let mut t = table();
    let c = t.fork(2, false, 1, 0, 0).expect("a pid");
    let e = end(&mut t, c, 0);
    assert_eq!(signals_to(&e, 2), [] as [u32; 0]);
    let mut e = Vec::new();
    assert_eq!(t.wait(2, -1, WEXITED, &mut e), Waited::NoChild);
    assert!(matches!(t.wait(2, -1, WEXITED | 0x8000_0000, &mut e), Waited::Found(_)));
}
