//! Sleeping and timers, in virtual time.

use abi::nr::*;
use abi::signal::*;
use abi::time::*;

use crate::lab::{App, Log, run};

fn spec(value: u64, interval: u64) -> Itimerspec {
    Itimerspec { it_value: Timespec::from_ns(value), it_interval: Timespec::from_ns(interval) }
}

#[test]
fn sleepers_wake_in_order() {
    run(|app| {
        let log = Log::default();
        for ms in [30u64, 10, 20] {
            let log = log.clone();
            app.spawn(move |app| {
                let time = app.place(Timespec::from_ns(ms * 1_000_000));
                assert_eq!(app.call(SYS_nanosleep, &[time, 0]), 0);
                log.add(ms as i64);
            });
        }
        let time = app.place(Timespec::from_ns(40_000_000));
        let start = app.now();
        assert_eq!(app.call(SYS_nanosleep, &[time, 0]), 0);
        assert!(app.now() - start >= 40_000_000);
        assert_eq!(log.all(), [10, 20, 30]);
    });
}

#[test]
fn an_interval_timer_ticks_while_the_app_computes() {
    run(|app| {
        let log = Log::default();
        let seen = log.clone();
        app.handle_signal(SIGALRM, 0, SigSet::EMPTY, move |_, info, _| seen.add(info.si_code.into()));
        let tick = Timeval { tv_sec: 0, tv_usec: 1000 };
        let value = app.place(Itimerval { it_interval: tick, it_value: tick });
        assert_eq!(app.call(SYS_setitimer, &[ITIMER_REAL as usize, value, 0]), 0);
        for _ in 0..10 {
            app.compute(1_000_000);
        }
        assert!((9..=11).contains(&log.all().len()), "{:?}", log.all());
        assert!(log.all().iter().all(|code| *code == i64::from(SI_KERNEL)));
    });
}

fn timer(app: &App, signo: i32, notify: i32) -> usize {
    let event = SigEvent { sigev_signo: signo, sigev_notify: notify, sigev_value: 5, ..Default::default() };
    let (event, id) = (app.place(event), app.memory(4));
    assert_eq!(app.call(SYS_timer_create, &[CLOCK_MONOTONIC as usize, event, id]), 0);
    app.read::<i32>(id) as usize
}

#[test]
fn overruns_are_counted() {
    run(|app| {
        app.mask(SIG_BLOCK, SigSet::of(SIGRTMIN));
        let id = timer(app, SIGRTMIN, SIGEV_SIGNAL);
        let every_ms = app.place(spec(1_000_000, 1_000_000));
        assert_eq!(app.call(SYS_timer_settime, &[id, 0, every_ms, 0]), 0);
        for _ in 0..5 {
            app.compute(1_000_000);
        }
        let (set, info) = (app.place(SigSet::of(SIGRTMIN)), app.memory(128));
        assert_eq!(app.call(SYS_rt_sigtimedwait, &[set, info, 0, 8]), i64::from(SIGRTMIN));
        let got: SigInfo = app.read(info);
        assert_eq!((got.si_code, got.si_value(), got.si_timerid()), (SI_TIMER, 5, id as i32));
        assert!((3..=5).contains(&got.si_overrun()), "{}", got.si_overrun());
        assert_eq!(app.call(SYS_timer_getoverrun, &[id]), i64::from(got.si_overrun()));
        assert_eq!(app.call(SYS_timer_delete, &[id]), 0);
        assert!(app.call(SYS_timer_delete, &[id]) < 0);
    });
}

#[test]
fn a_timer_without_notice_only_counts_down() {
    run(|app| {
        let id = timer(app, 0, SIGEV_NONE);
        let (new, now) = (app.place(spec(5_000_000, 0)), app.memory(32));
        app.call(SYS_timer_settime, &[id, 0, new, 0]);
        app.call(SYS_timer_gettime, &[id, now]);
        let left = app.read::<Itimerspec>(now).it_value.to_ns().unwrap();
        assert!((4_900_000..=5_000_000).contains(&left), "{left}");
        app.compute(6_000_000);
        app.call(SYS_timer_gettime, &[id, now]);
        assert_eq!(app.read::<Itimerspec>(now), Itimerspec::default());
    });
}

#[test]
fn cpu_time_does_not_pass_in_sleep() {
    run(|app| {
        let log = Log::default();
        let seen = log.clone();
        app.handle_signal(SIGPROF, 0, SigSet::EMPTY, move |_, _, _| seen.add(1));
        let once = Timeval { tv_sec: 0, tv_usec: 10_000 };
        let value = app.place(Itimerval { it_interval: Timeval::default(), it_value: once });
        app.call(SYS_setitimer, &[ITIMER_PROF as usize, value, 0]);
        let time = app.place(Timespec::from_ns(50_000_000));
        assert_eq!(app.call(SYS_nanosleep, &[time, 0]), 0);
        assert!(log.all().is_empty());
        for _ in 0..4 {
            app.compute(5_000_000);
        }
        assert_eq!(log.all(), [1]);
    });
}
