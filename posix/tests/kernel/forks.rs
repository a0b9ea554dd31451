//! fork(2) in its order, and what is left when one of its steps fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use abi::Errno;
use abi::fs::{O_RDWR, S_IFREG};
use abi::nr::*;
use abi::signal::{SIG_BLOCK, SIGUSR1, SigSet};
use abi::time::{Itimerval, Timeval};
use platform::{CloneError, Cloned};
use protocol::Op;
use protocol::boot::Identity;
use protocol::control::{RegionRef, Reply, Request};
use protocol::desc::{DescInfo, Kind};
use protocol::family::{self, DescState};
use zerocopy::IntoBytes;

use crate::lab::{App, Log, PID, error, of_kind, refusal, run};

const CHILD: u32 = 77;
const DESC: u32 = 5;
/// The child's control region.
const REGION: RegionRef = RegionRef { id: 9001, size: 4096 };

/// An open file whose offset is the member's; the answers of a monitor that has it.
fn file_answer(request: &Request) -> Option<(Reply, Vec<u8>)> {
    match Op::from_u16(request.op)? {
        Op::Open => {
            let kind = Kind::File as u32;
            let info = DescInfo { desc: DESC, kind, mode: S_IFREG | 0o644, ino: 1, ..DescInfo::default() };
            Some((Reply::default(), info.as_bytes().to_vec()))
        }
        Op::PRead | Op::Read => Some((Reply { ret: 3, ..Reply::default() }, b"abc".to_vec())),
        Op::TakeOffset => Some((Reply { ret: 3, ..Reply::default() }, Vec::new())),
        _ => None,
    }
}

fn prepared(region: RegionRef, deliver: u32) -> Option<(Reply, Vec<u8>)> {
    let regions = [region, RegionRef::default()];
    Some((Reply { ret: CHILD.into(), deliver, regions, ..Reply::default() }, Vec::new()))
}

fn open(app: &App) -> usize {
    family::set_desc_state(
        app.fake().monitor_view().1,
        DESC,
        DescState { flags: O_RDWR, holders: 1, generation: 1, changes: 0 },
    );
    let path = app.place(*b"/file\0\0\0");
    let fd = app.call(SYS_open, &[path, O_RDWR as usize, 0]);
    assert!(fd >= 0, "open: {fd}");
    fd as usize
}

fn ops(requests: &[Request]) -> Vec<Op> {
    requests.iter().filter_map(|r| Op::from_u16(r.op)).collect()
}

/// Forks while something fails; the process must be what it was, and nothing may be left at the monitor.
fn fails(
    expected: Errno,
    undone: bool,
    answer: impl Fn() -> Option<(Reply, Vec<u8>)> + Send + 'static,
    clone: Option<CloneError>,
) {
    run(move |app| {
        app.fake().add_region(REGION.id, REGION.size as usize);
        app.fake().set_cloning(clone.map(|e| Box::new(move |_: &_| Err(e)) as platform::fake::Cloning));
        app.answer(move |r, _| if r.op == Op::ForkPrepare as u16 { answer() } else { file_answer(r) });
        let (fd, buf) = (open(app), app.memory(64));
        assert_eq!(app.call(SYS_read, &[fd, buf, 3]), 3);
        let ran = Log::default();
        let other = ran.clone();
        app.spawn(move |app| {
            app.call(SYS_sched_yield, &[]);
            other.add(1);
        });
        app.requests();
        for _ in 0..3 {
            assert_eq!(app.call(SYS_fork, &[]), error(expected));
            let done = app.requests();
            // The offset goes back before the child could share it; what was prepared is taken back.
            let mut want = vec![Op::Recall, Op::ForkPrepare];
            want.extend(undone.then_some(Op::ForkDone));
            assert_eq!(ops(&done), want);
            assert!(of_kind(&done, Op::ForkDone).iter().all(|a| a[..2] == [CHILD.into(), 0]));
            // The offset is ours again, as before.
            assert_eq!(app.call(SYS_read, &[fd, buf, 3]), 3);
            assert_eq!(ops(&app.requests()), [Op::TakeOffset, Op::PRead]);
        }
        assert_eq!(app.call(SYS_getpid, &[]), PID.into());
        for _ in 0..3 {
            app.call(SYS_sched_yield, &[]);
        }
        assert_eq!(ran.all(), [1], "the other thread goes on");
        // All request slots are free.
        for _ in 0..100 {
            assert_eq!(app.call(SYS_read, &[fd, buf, 3]), 3);
        }
        assert_eq!(app.call(SYS_close, &[fd]), 0);
    });
}

#[test]
fn the_monitor_refuses() {
    fails(Errno::EAGAIN, false, || refusal(Errno::EAGAIN), None);
    fails(Errno::ENOMEM, false, || refusal(Errno::ENOMEM), None);
}

#[test]
fn the_childs_region_is_missing() {
    fails(Errno::ENOMEM, true, || prepared(RegionRef::default(), 0), None);
}

#[test]
fn the_childs_region_cannot_be_taken() {
    fails(Errno::ENOMEM, true, || prepared(RegionRef { id: 4711, size: 4096 }, 1), None);
}

#[test]
fn the_platform_cannot_clone() {
    fails(Errno::ENOMEM, true, || prepared(REGION, 1), Some(CloneError::NoMemory));
    fails(Errno::EAGAIN, true, || prepared(REGION, 1), Some(CloneError::Again));
}

#[test]
fn a_vfork_child_without_a_context() {
    run(|app| {
        app.answer(|r, _| {
            if r.op == Op::ForkPrepare as u16 { prepared(RegionRef::default(), 0) } else { file_answer(r) }
        });
        let (fd, buf) = (open(app), app.memory(64));
        app.fake().limit_contexts(0);
        app.requests();
        assert_eq!(app.call(SYS_vfork, &[]), error(Errno::EAGAIN));
        let done = app.requests();
        assert_eq!(ops(&done), [Op::Recall, Op::ForkPrepare, Op::ForkDone], "the parent's file stays open");
        assert_eq!(app.call(SYS_read, &[fd, buf, 3]), 3);
        assert_eq!(app.call(SYS_clone, &[0x1_0f00, buf + 64]), error(Errno::EAGAIN));
    });
}

#[test]
fn the_parent_confirms_and_goes_on() {
    run(|app| {
        app.fake().add_region(REGION.id, REGION.size as usize);
        app.answer(|r, _| if r.op == Op::ForkPrepare as u16 { prepared(REGION, 1) } else { None });
        let asked = Arc::new(AtomicU32::new(0));
        let plan = asked.clone();
        app.fake().set_cloning(Some(Box::new(move |p| {
            assert_eq!((p.control_region, p.pid), (REGION.id, CHILD));
            plan.fetch_add(1, Ordering::SeqCst);
            Ok(Cloned::Parent { token: 4242 })
        })));
        assert_eq!(app.call(SYS_fork, &[]), CHILD.into());
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert_eq!(of_kind(&app.requests(), Op::ForkDone)[0][..2], [CHILD.into(), 4242]);
        assert_eq!(app.call(SYS_getpid, &[]), PID.into());
    });
}

#[test]
fn the_child_is_nobody_but_itself() {
    let requests = run(|app| {
        app.fake().add_region(REGION.id, REGION.size as usize);
        app.answer(|r, _| if r.op == Op::ForkPrepare as u16 { prepared(REGION, 1) } else { None });
        app.fake().set_cloning(Some(Box::new(|_| {
            let (ppid, pgid, sid) = (PID, PID, PID);
            Ok(Cloned::Child(Identity {
                slot: 1,
                pid: CHILD,
                ppid,
                pgid,
                sid,
                generation: 2,
                entropy: [3; 32],
            }))
        })));
        let others = Log::default();
        let other = others.clone();
        app.spawn(move |app| {
            app.call(SYS_sched_yield, &[]);
            other.add(1);
        });
        let kept = app.place(0xfeed_u64);
        app.mask(SIG_BLOCK, SigSet::of(SIGUSR1));
        assert_eq!(app.call(SYS_kill, &[PID as usize, SIGUSR1 as usize]), 0);
        let pending = app.memory(8);
        app.call(SYS_rt_sigpending, &[pending, 8]);
        assert_eq!(app.read::<SigSet>(pending), SigSet::of(SIGUSR1));
        let second = Timeval { tv_sec: 1, tv_usec: 0 };
        let alarm = app.place(Itimerval { it_interval: second, it_value: second });
        assert_eq!(app.call(SYS_setitimer, &[0, alarm, 0]), 0);

        assert_eq!(app.call(SYS_fork, &[]), 0);
        assert_eq!(app.call(SYS_getpid, &[]), CHILD.into());
        assert_eq!(app.call(SYS_gettid, &[]), CHILD.into());
        assert_eq!(app.read::<u64>(kept), 0xfeed);
        app.call(SYS_rt_sigpending, &[pending, 8]);
        assert!(app.read::<SigSet>(pending).is_empty(), "nothing is pending");
        app.call(SYS_rt_sigprocmask, &[SIG_BLOCK as usize, 0, pending, 8]);
        assert_eq!(app.read::<SigSet>(pending), SigSet::of(SIGUSR1), "the mask is the parent's");
        assert_eq!(app.call(SYS_getitimer, &[0, alarm]), 0);
        let left = app.read::<Itimerval>(alarm);
        assert_eq!((left.it_value.tv_sec, left.it_value.tv_usec), (0, 0), "timers are not inherited");
        for _ in 0..3 {
            app.call(SYS_sched_yield, &[]);
        }
        assert_eq!(others.all(), [0; 0], "only the thread that called fork is there");
        // Threads of its own it can have.
        let own = others.clone();
        app.spawn(move |_| own.add(2));
        app.call(SYS_sched_yield, &[]);
        assert_eq!(others.all(), [2]);
    });
    let exits: Vec<u32> = requests.iter().filter(|r| r.op == Op::Exit as u16).map(|r| r.pid).collect();
    assert_eq!(exits, [CHILD]);
    assert!(of_kind(&requests, Op::ForkDone).is_empty(), "the parent's to say");
}
