//! Hostile members: whatever they ask, the monitor answers, and its tables stay sound.

use std::path::PathBuf;

use proptest::prelude::*;
use protocol::control::{NOREPLY, Request, data_at};
use protocol::epoll::Entry;
use protocol::{MemberSide, Op, SharedMem};
use zerocopy::IntoBytes;

use crate::config::Config;
use crate::family::Family;
use crate::life::TestMember;
use crate::procs::{FIRST_PID, INIT_PID};
use crate::serve::drain;

fn family() -> (Family, TestMember) {
    let config = Config {
        name: "fuzz".into(),
        kernel: PathBuf::from("/nonexistent"),
        argv: vec![b"/bin/x".to_vec()],
        workdir: b"/".to_vec(),
        ..Config::default()
    };
    let mut fam = Family::new(config).expect("a family");
    let member = fam.test_member();
    (fam, member)
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..8u64,
        2 => 0..70u64,
        1 => Just(u64::MAX),
        1 => Just(i64::MIN as u64),
        1 => Just(u64::from(u32::MAX)),
        1 => Just(0x7fff_ffff_ffff_f000),
        1 => any::<u64>(),
    ]
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        Just(b"/tmp/fuzz".to_vec()),
        Just(b"../../etc/passwd".to_vec()),
        Just(b"/proc/self/fd/1".to_vec()),
        Just(b"/dev/ptmx".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..64),
        proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(4), Just(b'/'), Just(255)], 0..200),
    ]
}

fn request() -> impl Strategy<Value = (Request, Vec<u8>)> {
    let op = prop_oneof![8 => (1..=167u16).prop_filter("known", |n| Op::from_u16(*n).is_some()), 1 => any::<u16>()];
    let pid = prop_oneof![8 => Just(FIRST_PID), 1 => 0..6u32];
    (op, any::<bool>(), pid, 0..4u32, proptest::array::uniform8(number()), data()).prop_map(
        |(op, noreply, pid, tid, args, data)| {
            let flags = if noreply { NOREPLY } else { 0 };
            (Request { op, flags, pid, tid, data_len: data.len() as u32, args }, data)
        },
    )
}

fn check(fam: &Family) {
    assert!(fam.descs.watchers_are_sound(), "a watcher is lost");
    for p in fam.procs.iter().filter(|p| p.pid != INIT_PID) {
        assert!(fam.procs.get(p.ppid).is_ok_and(|parent| parent.alive()), "{} has no parent", p.pid);
        if p.alive() {
            assert!(fam.members.get(p.slot).is_some_and(|m| m.hosts(p.pid)), "{} lives nowhere", p.pid);
        } else {
            assert!(fam.descs.held_by(p.pid).is_empty(), "a zombie holds something");
        }
    }
}

/// Epoll requests among those that open and close what they may watch.
fn epoll_request() -> impl Strategy<Value = (Request, Vec<u8>)> {
    let (make, end) = (Op::EventFd as u16, Op::Close as u16);
    let op = prop_oneof![1 => Just(make), 1 => Just(end), 6 => Just(Op::Epoll as u16)];
    let entries = proptest::collection::vec((0..3i32, 0..8u32, 0..4u32), 0..4);
    (op, 0..8u64, 0..8u64, 0..4u64, entries).prop_map(move |(op, a0, a1, a2, entries)| {
        let entry = |(fd, desc, state)| Entry { fd, desc, state, events: 1 << 30, ..Entry::default() };
        let data: Vec<u8> = entries.into_iter().flat_map(|e| entry(e).as_bytes().to_vec()).collect();
        let args = if op == make { [0; 8] } else { [a0, a1, a2, 0, 0, 0, 0, 0] };
        let req = Request { op, pid: FIRST_PID, data_len: data.len() as u32, args, ..Request::default() };
        (req, data)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_request_is_answered(
        requests in proptest::collection::vec(prop_oneof![2 => request(), 1 => epoll_request()], 1..120),
    ) {
        let (mut fam, member) = family();
        let mut side = MemberSide::new();
        for (req, data) in requests {
            // The first program's end is the family's, and crash reports are for people: not what is tried here.
            let ends_family = req.op == Op::Exit as u16 && req.pid == FIRST_PID;
            if ends_family || req.op == Op::Crash as u16 {
                continue;
            }
            let Some(place) = side.alloc(&*member.control) else { break };
            member.control.write(data_at(place), &data);
            side.submit(&*member.control, place, &req);
            drain(&mut fam, member.slot);
            if req.flags & NOREPLY == 0 {
                prop_assert!(MemberSide::is_done(&*member.control, place), "{} is not answered", req.op);
                side.free(&*member.control, place);
            }
            check(&fam);
        }
        fam.end_process(FIRST_PID, 0, Default::default()).expect("alive");
        prop_assert!(fam.descs.held_by(FIRST_PID).is_empty());
    }
}
