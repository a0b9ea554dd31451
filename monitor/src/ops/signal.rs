//! kill(2), tgkill(2), sigqueue(3): whom a signal reaches, and who may send it.

use abi::Errno;
use abi::signal::{NSIG, SIGCONT};
use protocol::Op;

use crate::call::{Answer, Call, OpResult};
use crate::family::Family;
use crate::procs::{INIT_PID, Process, Signal};

/// Carries out one of them.
pub fn handle(fam: &mut Family, op: Op, call: &Call) -> OpResult {
    match op {
        Op::Kill => kill(fam, call, call.arg(0) as i64),
        Op::KillThread => kill_thread(fam, call),
        _ => Err(Errno::ENOSYS),
    }
}

fn signal_number(n: u64) -> Result<u32, Errno> {
    u32::try_from(n).ok().filter(|n| *n <= NSIG as u32).ok_or(Errno::EINVAL)
}

/// kill(2) of `whom`; signal, code and value are arguments 1 to 3.
pub(super) fn kill(fam: &mut Family, call: &Call, whom: i64) -> OpResult {
    let signo = signal_number(call.arg(1))?;
    let sender = fam.procs.get(call.pid)?;
    let model = Signal {
        target: 0,
        tid: 0,
        signo,
        code: call.arg(2) as i32,
        pid: call.pid,
        uid: sender.creds.ruid,
        value: call.arg(3),
        status: 0,
    };
    let everyone = whom == -1;
    let targets: Vec<u32> = match whom {
        n if n > 0 => {
            let pid = u32::try_from(n).map_err(|_| Errno::ESRCH)?;
            vec![fam.procs.get(pid)?.pid]
        }
        -1 => fam.procs.iter().map(|p| p.pid).filter(|p| *p != INIT_PID && *p != call.pid).collect(),
        0 => fam.procs.group(sender.pgid).map(|p| p.pid).collect(),
        n => fam
            .procs
            .group(u32::try_from(n.unsigned_abs()).map_err(|_| Errno::ESRCH)?)
            .map(|p| p.pid)
            .collect(),
    };
    let mut sent = false;
    let mut failure = Errno::ESRCH;
    for target in targets {
        match send(fam, call.pid, Signal { target, ..model }) {
            Ok(()) => sent = true,
            // To everyone: those whom the sender may not signal do not count, but they exist.
            Err(Errno::EPERM) if everyone => sent = true,
            Err(e) => failure = e,
        }
    }
    if sent { Answer::ok() } else { Err(failure) }
}

fn kill_thread(fam: &mut Family, call: &Call) -> OpResult {
    let signo = signal_number(call.arg(2))?;
    let (pid, tid) = (call.arg32(0)?, call.arg32(1)?);
    let target = if pid == 0 { tid } else { pid };
    let uid = fam.procs.get(call.pid)?.creds.ruid;
    let signal = Signal {
        target,
        tid,
        signo,
        code: call.arg(3) as i32,
        pid: call.pid,
        uid,
        value: call.arg(4),
        status: 0,
    };
    fam.procs.get(target)?;
    send(fam, call.pid, signal)?;
    Answer::ok()
}

/// Sends after the checks of kill(2). Signal 0 is only checked.
fn send(fam: &mut Family, sender: u32, signal: Signal) -> Result<(), Errno> {
    let (from, to) = (fam.procs.get(sender)?, fam.procs.get(signal.target)?);
    if !allowed(from, to, signal.signo) {
        return Err(Errno::EPERM);
    }
    fam.send_signal(signal)
}

/// kill(2): real or effective uid meets real or saved uid; SIGCONT reaches the whole session.
fn allowed(from: &Process, to: &Process, signo: u32) -> bool {
    from.pid == to.pid || from.creds.may_signal(&to.creds) || signo == SIGCONT as u32 && from.sid == to.sid
}
