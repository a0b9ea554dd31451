//! Signals: frames, masks, restarts, default actions.

use abi::errno::Errno;
use abi::nr::*;
use abi::process::WaitStatus;
use abi::regs::TRAP_PAGE_FAULT;
use abi::signal::*;
use abi::time::Timespec;
use protocol::Op;
use protocol::inbox::Message;

use crate::lab::{App, Log, PID, of_kind, run};

fn kill(app: &App, signo: i32) {
    assert_eq!(app.call(SYS_kill, &[PID as usize, signo as usize]), 0);
}

#[test]
fn a_handler_runs_before_kill_returns() {
    run(|app| {
        let log = Log::default();
        let seen = log.clone();
        app.handle_signal(SIGUSR1, SA_SIGINFO, SigSet::of(SIGUSR2), move |app, info, context| {
            seen.add(info.si_pid().into());
            assert!(app.saved_mask(context).is_empty());
            // Blocked meanwhile: itself, and what the mask says. Sent now, it comes afterwards.
            kill(app, SIGUSR2);
            seen.add(2);
        });
        let seen = log.clone();
        app.handle_signal(SIGUSR2, 0, SigSet::EMPTY, move |_, _, _| seen.add(3));
        kill(app, SIGUSR1);
        assert_eq!(log.all(), [i64::from(PID), 2, 3]);
    });
}

#[test]
fn nested_and_once() {
    run(|app| {
        let log = Log::default();
        let seen = log.clone();
        app.handle_signal(SIGUSR1, SA_NODEFER, SigSet::EMPTY, move |app, _, _| {
            seen.add(1);
            if seen.all().len() < 3 {
                kill(app, SIGUSR1);
            }
            seen.add(2);
        });
        kill(app, SIGUSR1);
        assert_eq!(log.all(), [1, 1, 1, 2, 2, 2]);
        let seen = log.clone();
        app.handle_signal(SIGURG, SA_RESETHAND, SigSet::EMPTY, move |_, _, _| seen.add(9));
        kill(app, SIGURG);
        kill(app, SIGURG);
        assert_eq!(log.all().iter().filter(|n| **n == 9).count(), 1);
    });
}

#[test]
fn interrupted_calls_restart_or_not() {
    run(|app| {
        let word = app.place(0u32);
        let wait = [word, 128, 0];
        let log = Log::default();
        for (flags, signo) in [(SA_RESTART, SIGUSR1), (0, SIGUSR2)] {
            let log = log.clone();
            app.handle_signal(signo, flags, SigSet::EMPTY, move |_, _, _| log.add(signo.into()));
        }
        app.spawn(move |app| {
            kill(app, SIGUSR1);
            app.call(SYS_sched_yield, &[]);
            app.call(SYS_futex, &[word, 129, 1]);
        });
        // SIGUSR1 runs its handler, and the wait goes on until it is woken.
        assert_eq!(app.call(SYS_futex, &wait), 0);
        assert_eq!(log.all(), [i64::from(SIGUSR1)]);
        app.spawn(|app| kill(app, SIGUSR2));
        assert_eq!(app.call(SYS_futex, &wait), -i64::from(Errno::EINTR.0));
        // An ignored signal is not noticed at all: nothing to restart.
        app.spawn(move |app| {
            kill(app, SIGCHLD);
            app.call(SYS_futex, &[word, 129, 1]);
        });
        assert_eq!(app.call(SYS_futex, &wait), 0);
    });
}

#[test]
fn a_sleep_tells_what_is_left() {
    run(|app| {
        app.handle_signal(SIGALRM, SA_RESTART, SigSet::EMPTY, |_, _, _| {});
        app.call(SYS_alarm, &[1]);
        let (time, left) = (app.place(Timespec { tv_sec: 3, tv_nsec: 0 }), app.memory(16));
        assert_eq!(app.call(SYS_nanosleep, &[time, left]), -i64::from(Errno::EINTR.0));
        let left: Timespec = app.read(left);
        let left = left.to_ns().unwrap();
        assert!((1_999_000_000..2_001_000_000).contains(&left), "{left}");
    });
}

#[test]
fn sigsuspend_gives_the_old_mask_back() {
    run(|app| {
        let log = Log::default();
        let seen = log.clone();
        app.handle_signal(SIGUSR1, 0, SigSet::EMPTY, move |app, _, context| {
            seen.add(app.saved_mask(context).0 as i64);
        });
        app.mask(SIG_BLOCK, SigSet::of(SIGUSR1));
        kill(app, SIGUSR1);
        assert!(log.all().is_empty());
        let none = app.place(SigSet::EMPTY);
        assert_eq!(app.call(SYS_rt_sigsuspend, &[none, 8]), -i64::from(Errno::EINTR.0));
        // During the handler the suspended mask counts; its frame gives back the one before sigsuspend.
        assert_eq!(log.all(), [SigSet::of(SIGUSR1).0 as i64]);
        let mask = app.memory(8);
        app.call(SYS_rt_sigprocmask, &[0, 0, mask, 8]);
        assert_eq!(app.read::<SigSet>(mask), SigSet::of(SIGUSR1));
    });
}

#[test]
fn sigtimedwait_takes_blocked_signals() {
    run(|app| {
        let set = SigSet::of(SIGRTMIN).with(SIGUSR1);
        app.mask(SIG_BLOCK, set);
        let (set, info) = (app.place(set), app.memory(128));
        let queued = app.place(SigInfo::queue(SIGRTMIN, SI_QUEUE, PID as i32, 0, 77));
        for _ in 0..2 {
            assert_eq!(app.call(SYS_rt_sigqueueinfo, &[PID as usize, SIGRTMIN as usize, queued]), 0);
        }
        kill(app, SIGUSR1);
        assert_eq!(app.call(SYS_rt_sigtimedwait, &[set, info, 0, 8]), i64::from(SIGUSR1));
        for _ in 0..2 {
            assert_eq!(app.call(SYS_rt_sigtimedwait, &[set, info, 0, 8]), i64::from(SIGRTMIN));
            assert_eq!(app.read::<SigInfo>(info).si_value(), 77);
        }
        let time = app.place(Timespec { tv_sec: 0, tv_nsec: 1000 });
        let error = -i64::from(Errno::EAGAIN.0);
        assert_eq!(app.call(SYS_rt_sigtimedwait, &[set, info, time, 8]), error);
    });
}

#[test]
fn a_process_signal_goes_to_a_thread_that_takes_it() {
    run(|app| {
        let log = Log::default();
        let seen = log.clone();
        app.handle_signal(SIGUSR1, 0, SigSet::EMPTY, move |app, _, _| seen.add(app.call(SYS_gettid, &[])));
        let tid = app.spawn(|app| {
            app.call(SYS_pause, &[]);
        });
        app.mask(SIG_BLOCK, SigSet::of(SIGUSR1));
        app.call(SYS_sched_yield, &[]);
        kill(app, SIGUSR1);
        app.call(SYS_sched_yield, &[]);
        assert_eq!(log.all(), [i64::from(tid)]);
    });
}

#[test]
fn faults_cannot_be_blocked() {
    let requests = run(|app| {
        let log = Log::default();
        let seen = log.clone();
        app.handle_signal(SIGSEGV, SA_SIGINFO, SigSet::EMPTY, move |_, info, _| {
            seen.add(info.si_addr() as i64);
            seen.add(info.si_code.into());
        });
        app.fault(TRAP_PAGE_FAULT, 0x1234, 0);
        assert_eq!(log.all(), [0x1234, i64::from(SEGV_MAPERR)]);
        app.mask(SIG_BLOCK, SigSet::of(SIGSEGV));
        app.fault(TRAP_PAGE_FAULT, 0x1234, 0);
        unreachable!("a blocked fault ends the process");
    });
    let status = of_kind(&requests, Op::Exit)[0][0];
    assert_eq!(status as i32, WaitStatus::Signaled { signo: SIGSEGV, core: false }.encode());
}

#[test]
fn alternative_stacks() {
    run(|app| {
        let at = app.memory(0x4000);
        let stack = StackT { ss_sp: at as u64, ss_size: 0x4000, ..StackT::default() };
        let stack = app.place(stack);
        assert_eq!(app.call(SYS_sigaltstack, &[stack, 0]), 0);
        let log = Log::default();
        let seen = log.clone();
        app.handle_signal(SIGUSR1, SA_ONSTACK, SigSet::EMPTY, move |app, info, context| {
            let on = |a: usize| (at..at + 0x4000).contains(&a);
            seen.add(on(context).into());
            // In use: it cannot be changed, and says so.
            assert_eq!(app.call(SYS_sigaltstack, &[stack, 0]), -i64::from(Errno::EPERM.0));
            let old = app.memory(24);
            app.call(SYS_sigaltstack, &[0, old]);
            assert_eq!(app.read::<StackT>(old).ss_flags, SS_ONSTACK);
            assert_eq!(info.si_code, SI_USER);
        });
        kill(app, SIGUSR1);
        assert_eq!(log.all(), [1]);
    });
}

#[test]
fn stop_and_continue() {
    let requests = run(|app| {
        let log = Log::default();
        let seen = log.clone();
        app.spawn(move |_| seen.add(2));
        // Somebody continues the process when everybody stands still.
        let fake = app.fake();
        let others = log.clone();
        fake.when_idle(Box::new(move || {
            others.add(0);
            protocol::inbox::push(&fake.monitor_view().0, &Message::Continue { target: PID });
            fake.post(protocol::EV_INBOX);
        }));
        kill(app, SIGTSTP);
        app.call(SYS_sched_yield, &[]);
        assert_eq!(log.all(), [0, 2]);
    });
    assert_eq!(of_kind(&requests, Op::Stopped)[0][0], SIGTSTP as u64);
    assert_eq!(of_kind(&requests, Op::Continued).len(), 1);
}
