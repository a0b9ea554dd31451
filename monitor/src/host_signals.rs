//! Host signals to the command are passed on to the family.

use std::io::IsTerminal;
use std::os::fd::OwnedFd;

use abi::signal::{SI_KERNEL, SI_USER, SIGCONT, SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};

use crate::family::Family;
use crate::procs::{FIRST_PID, Signal};
use crate::streams;

/// SIGINTs and SIGTERMs after which the family is ended whatever its program does, as docker's client does.
const PATIENCE: u32 = 3;

/// The signal that stands in the exit code when the user lost patience.
pub fn forced(interrupts: u32) -> Option<i32> {
    (interrupts >= PATIENCE).then_some(SIGKILL)
}

/// The first program stopped. If that is a user's doing at a terminal, the command stops with it, so that the user's
/// shell takes the terminal back; the shell's SIGCONT is passed on.
pub fn suspend(fam: &mut Family) {
    if !std::io::stdin().is_terminal() {
        return;
    }
    fam.events.flush();
    // Nothing can fail here: SIGSTOP to oneself.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
}

/// Passes the pending signals on; how many of them ask for an end.
pub fn forward(fam: &mut Family, signals: &OwnedFd) -> u32 {
    let mut interrupts = 0;
    let mut buf = [0u8; size_of::<libc::signalfd_siginfo>()];
    while let Ok(n) = rustix::io::read(signals, &mut buf) {
        if n < buf.len() {
            break;
        }
        let signo = u32::from_ne_bytes([buf[0], buf[1], buf[2], buf[3]]) as i32;
        match signo {
            SIGWINCH => streams::window_changed(fam),
            SIGCONT => {
                // The terminal may have another size by now.
                streams::window_changed(fam);
                pass_on(fam, signo);
            }
            _ => {
                interrupts += u32::from(signo == SIGINT || signo == SIGTERM);
                pass_on(fam, signo);
            }
        }
    }
    interrupts
}

/// To the foreground group of the first program's terminal, or else to the first program.
fn pass_on(fam: &mut Family, signo: i32) {
    let terminal = fam.procs.get(FIRST_PID).ok().and_then(|p| streams::controlling(fam, p.sid));
    let (targets, code) = match terminal {
        Some((group, _)) if [SIGINT, SIGQUIT, SIGTSTP, SIGCONT].contains(&signo) => {
            (fam.procs.group(group).filter(|p| p.alive()).map(|p| p.pid).collect(), SI_KERNEL)
        }
        _ => (vec![FIRST_PID], SI_USER),
    };
    for target in targets {
        // A full queue: the signal is lost, as it would be on Linux.
        let _ = fam.send_signal(Signal { target, signo: signo as u32, code, ..Signal::default() });
    }
}
