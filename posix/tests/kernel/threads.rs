//! Threads: turns, ends, preemption.

use abi::nr::*;
use protocol::Op;

use crate::lab::{Log, PID, of_kind, run};

#[test]
fn threads_take_turns_and_end() {
    let requests = run(|app| {
        let log = Log::default();
        for n in 0..3 {
            let log = log.clone();
            app.spawn(move |app| {
                for _ in 0..2 {
                    log.add(n);
                    app.call(SYS_sched_yield, &[]);
                }
            });
        }
        for _ in 0..4 {
            app.call(SYS_sched_yield, &[]);
        }
        assert_eq!(log.all(), [0, 1, 2, 0, 1, 2]);
        assert_eq!(app.call(SYS_getpid, &[]), app.call(SYS_gettid, &[]));
    });
    let exits = of_kind(&requests, Op::Exit);
    assert_eq!(exits.len(), 1);
    assert_eq!(exits[0][0], 0);
}

#[test]
fn a_thread_that_computes_is_preempted() {
    run(|app| {
        let log = Log::default();
        let other = log.clone();
        app.spawn(move |_| other.add(1));
        // The first step may end before the other thread's turn; time slices end sooner than this.
        for _ in 0..10 {
            app.compute(5_000_000);
        }
        assert_eq!(log.all(), [1]);
    });
}

#[test]
fn exit_group_ends_the_others() {
    let requests = run(|app| {
        app.spawn(|app| {
            app.call(SYS_pause, &[]);
            unreachable!("pause came back");
        });
        app.call(SYS_sched_yield, &[]);
        app.call(SYS_exit_group, &[3]);
    });
    assert_eq!(of_kind(&requests, Op::Exit)[0][0], 3 << 8);
}

#[test]
fn the_first_thread_may_end_first() {
    let requests = run(|app| {
        app.spawn(|app| {
            assert_ne!(app.call(SYS_gettid, &[]), i64::from(PID));
            app.call(SYS_exit, &[5]);
        });
        app.call(SYS_exit, &[4]);
    });
    assert_eq!(of_kind(&requests, Op::Exit)[0][0], 5 << 8);
}
