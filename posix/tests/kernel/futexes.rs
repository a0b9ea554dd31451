//! Futexes and locks.

use abi::errno::Errno;
use abi::nr::*;
use abi::process::*;
use abi::time::Timespec;

use crate::lab::{App, Log, run};

fn futex(app: &App, addr: usize, op: u32, value: u32, rest: [usize; 3]) -> i64 {
    app.call(
        SYS_futex,
        &[addr, (op | FUTEX_PRIVATE_FLAG) as usize, value as usize, rest[0], rest[1], rest[2]],
    )
}

fn error(e: Errno) -> i64 {
    -i64::from(e.0)
}

#[test]
fn wait_and_wake() {
    run(|app| {
        let word = app.place(0u32);
        let log = Log::default();
        for n in 0..3 {
            let log = log.clone();
            app.spawn(move |app| {
                assert_eq!(futex(app, word, FUTEX_WAIT, 0, [0; 3]), 0);
                log.add(n);
            });
        }
        app.call(SYS_sched_yield, &[]);
        assert_eq!(futex(app, word, FUTEX_WAKE, 2, [0; 3]), 2);
        app.call(SYS_sched_yield, &[]);
        assert_eq!(log.all(), [0, 1]);
        app.write(word, 1u32);
        assert_eq!(futex(app, word, FUTEX_WAIT, 0, [0; 3]), error(Errno::EAGAIN));
        assert_eq!(futex(app, word, FUTEX_WAKE, 9, [0; 3]), 1);
        app.call(SYS_sched_yield, &[]);
        assert_eq!(log.all(), [0, 1, 2]);
        assert_eq!(futex(app, word + 1, FUTEX_WAKE, 1, [0; 3]), error(Errno::EINVAL));
        assert_eq!(futex(app, 0x10_0000, FUTEX_WAIT, 1, [0; 3]), error(Errno::EFAULT));
    });
}

#[test]
fn timeouts() {
    run(|app| {
        let word = app.place(0u32);
        let time = app.place(Timespec { tv_sec: 1, tv_nsec: 0 });
        let start = app.now();
        assert_eq!(futex(app, word, FUTEX_WAIT, 0, [time, 0, 0]), error(Errno::ETIMEDOUT));
        let passed = app.now() - start;
        assert!((1_000_000_000..1_001_000_000).contains(&passed), "{passed}");
        // An absolute time in the past.
        let any = FUTEX_BITSET_MATCH_ANY as usize;
        assert_eq!(futex(app, word, FUTEX_WAIT_BITSET, 0, [time, 0, any]), error(Errno::ETIMEDOUT));
        app.write(time, Timespec { tv_sec: 0, tv_nsec: 1_000_000_000 });
        assert_eq!(futex(app, word, FUTEX_WAIT, 0, [time, 0, 0]), error(Errno::EINVAL));
    });
}

#[test]
fn requeue_moves_waiters() {
    run(|app| {
        let (first, second) = (app.place(0u32), app.place(0u32));
        let log = Log::default();
        for n in 0..3 {
            let log = log.clone();
            app.spawn(move |app| {
                futex(app, first, FUTEX_WAIT, 0, [0; 3]);
                log.add(n);
            });
        }
        app.call(SYS_sched_yield, &[]);
        assert_eq!(futex(app, first, FUTEX_CMP_REQUEUE, 1, [9, second, 7]), error(Errno::EAGAIN));
        assert_eq!(futex(app, first, FUTEX_CMP_REQUEUE, 1, [9, second, 0]), 3);
        app.call(SYS_sched_yield, &[]);
        assert_eq!(log.all(), [0]);
        assert_eq!(futex(app, first, FUTEX_WAKE, 9, [0; 3]), 0);
        assert_eq!(futex(app, second, FUTEX_WAKE, 9, [0; 3]), 2);
    });
}

#[test]
fn a_lock_that_names_its_owner() {
    run(|app| {
        let word = app.place(0u32);
        let log = Log::default();
        assert_eq!(futex(app, word, FUTEX_LOCK_PI, 0, [0; 3]), 0);
        assert_eq!(futex(app, word, FUTEX_LOCK_PI, 0, [0; 3]), error(Errno::EDEADLK));
        for n in 0..2 {
            let log = log.clone();
            app.spawn(move |app| {
                assert_eq!(futex(app, word, FUTEX_TRYLOCK_PI, 0, [0; 3]), error(Errno::EAGAIN));
                assert_eq!(futex(app, word, FUTEX_LOCK_PI, 0, [0; 3]), 0);
                log.add(n);
                assert_eq!(futex(app, word, FUTEX_UNLOCK_PI, 0, [0; 3]), 0);
            });
        }
        app.call(SYS_sched_yield, &[]);
        assert_eq!(futex(app, word, FUTEX_UNLOCK_PI, 0, [0; 3]), 0);
        for _ in 0..4 {
            app.call(SYS_sched_yield, &[]);
        }
        assert_eq!((log.all(), app.read::<u32>(word)), (vec![0, 1], 0));
        assert_eq!(futex(app, word, FUTEX_UNLOCK_PI, 0, [0; 3]), error(Errno::EPERM));
    });
}

#[test]
fn robust_locks_tell_that_their_owner_died() {
    run(|app| {
        // One entry behind the head, its futex word 16 bytes further on.
        let block = app.memory(4096);
        let (head, entry, word) = (block, block + 64, block + 80);
        let tid = app.spawn(move |app| {
            let list = RobustListHead { list: entry as u64, futex_offset: 16, list_op_pending: 0 };
            app.write(head, list);
            app.write(entry, head as u64);
            let tid = app.call(SYS_gettid, &[]) as u32;
            app.write(word, tid | FUTEX_WAITERS);
            app.call(SYS_set_robust_list, &[head, 24]);
            app.call(SYS_sched_yield, &[]);
        });
        app.call(SYS_sched_yield, &[]);
        let value = app.read::<u32>(word);
        assert_eq!(value, tid | FUTEX_WAITERS);
        assert_eq!(futex(app, word, FUTEX_WAIT, value, [0; 3]), 0);
        assert_eq!(app.read::<u32>(word), FUTEX_OWNER_DIED | FUTEX_WAITERS);
    });
}
