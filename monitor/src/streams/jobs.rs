//! Controlling terminals and job control: who may read and write, whom signals reach; ioctl_tty(2), setpgid(2),
//! POSIX XBD 11.1.

use abi::Errno;
use abi::process::CAP_SYS_ADMIN;
use abi::signal::{SI_KERNEL, SIGCONT, SIGHUP, SIGTTIN, SIGTTOU};
use protocol::op::{TTIN_IGNORED, TTOU_IGNORED};

use super::{Terminal, pty};
use crate::call::Call;
use crate::family::Family;
use crate::procs::{Effect, Signal};

/// The session that a terminal controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Control {
    pub session: u32,
    /// Foreground process group; 0: none.
    pub foreground: u32,
}

/// Sends a signal to every living process of a group.
pub(super) fn signal_group(fam: &mut Family, pgid: u32, signo: i32) {
    if pgid == 0 {
        return;
    }
    let targets: Vec<u32> = fam.procs.group(pgid).filter(|p| p.alive()).map(|p| p.pid).collect();
    for target in targets {
        signal_process(fam, target, signo);
    }
}

fn signal_process(fam: &mut Family, target: u32, signo: i32) {
    let signal = Signal { target, signo: signo as u32, code: SI_KERNEL, ..Signal::default() };
    fam.effects.push(Effect::Signal(signal));
}

/// The controlling terminal of a process.
pub(super) fn terminal_of(fam: &Family, pid: u32) -> Option<Terminal> {
    if fam.streams.detached.contains(&pid) {
        return None;
    }
    let sid = fam.procs.get(pid).ok()?.sid;
    fam.streams.control.iter().find(|(_, c)| c.session == sid).map(|(t, _)| *t)
}

/// The terminal becomes the controlling one of `pid`'s session if that leads a session without, and the terminal
/// controls none (what open(2) without O_NOCTTY does).
pub(super) fn adopt(fam: &mut Family, terminal: Terminal, pid: u32) {
    let Ok(p) = fam.procs.get(pid) else { return };
    let (sid, pgid) = (p.sid, p.pgid);
    if sid == pid && terminal_of(fam, pid).is_none() && !fam.streams.control.contains_key(&terminal) {
        fam.streams.control.insert(terminal, Control { session: sid, foreground: pgid });
    }
}

/// The host's terminal is the controlling one of the first program's session from the start.
pub(super) fn begin(fam: &mut Family, terminal: Terminal, pid: u32) {
    let Ok(p) = fam.procs.get(pid) else { return };
    let control = Control { session: p.sid, foreground: p.pgid };
    fam.streams.control.insert(terminal, control);
}

/// Whether the caller may read (SIGTTIN) from its controlling terminal, or change or write it (SIGTTOU).
/// ERESTARTSYS: its group was sent the signal.
pub(super) fn check_background(
    fam: &mut Family,
    call: &Call,
    terminal: Terminal,
    signo: i32,
) -> Result<(), Errno> {
    let p = fam.procs.get(call.pid)?;
    let (sid, pgid) = (p.sid, p.pgid);
    match fam.streams.control.get(&terminal) {
        Some(c) if c.session == sid && c.foreground != 0 && c.foreground != pgid => {}
        _ => return Ok(()),
    }
    let ignored = call.arg(7) & if signo == SIGTTIN { TTIN_IGNORED } else { TTOU_IGNORED } != 0;
    if ignored {
        return if signo == SIGTTIN { Err(Errno::EIO) } else { Ok(()) };
    }
    if fam.procs.is_orphaned(pgid, None) {
        return Err(Errno::EIO);
    }
    signal_group(fam, pgid, signo);
    Err(Errno::ERESTARTSYS)
}

/// TIOCSCTTY.
pub(super) fn set_controlling(
    fam: &mut Family,
    call: &Call,
    terminal: Terminal,
    steal: bool,
) -> Result<(), Errno> {
    let p = fam.procs.get(call.pid)?;
    let (sid, pgid, privileged) = (p.sid, p.pgid, p.creds.has(CAP_SYS_ADMIN));
    let owner = fam.streams.control.get(&terminal).map(|c| c.session);
    if sid == call.pid && owner == Some(sid) {
        return Ok(());
    }
    if sid != call.pid || terminal_of(fam, call.pid).is_some() {
        return Err(Errno::EPERM);
    }
    if owner.is_some() && !(steal && privileged) {
        return Err(Errno::EPERM);
    }
    fam.streams.control.insert(terminal, Control { session: sid, foreground: pgid });
    fam.streams.detached.remove(&call.pid);
    Ok(())
}

/// TIOCNOTTY: a session's leader gives the terminal up for its session, others for themselves.
pub(super) fn give_up(fam: &mut Family, call: &Call, terminal: Terminal) -> Result<(), Errno> {
    if terminal_of(fam, call.pid) != Some(terminal) {
        return Err(Errno::ENOTTY);
    }
    if fam.procs.get(call.pid)?.sid != call.pid {
        fam.streams.detached.insert(call.pid);
        return Ok(());
    }
    if let Some(c) = fam.streams.control.remove(&terminal) {
        signal_group(fam, c.foreground, SIGHUP);
        signal_group(fam, c.foreground, SIGCONT);
    }
    Ok(())
}

/// TIOCGPGRP; a pty's master may always ask.
pub(super) fn get_foreground(fam: &Family, pid: u32, terminal: Terminal, master: bool) -> Result<u32, Errno> {
    if !master && terminal_of(fam, pid) != Some(terminal) {
        return Err(Errno::ENOTTY);
    }
    Ok(fam.streams.control.get(&terminal).map_or(0, |c| c.foreground))
}

/// TIOCSPGRP.
pub(super) fn set_foreground(
    fam: &mut Family,
    call: &Call,
    terminal: Terminal,
    pgid: i32,
) -> Result<(), Errno> {
    check_background(fam, call, terminal, SIGTTOU)
        .map_err(|e| if e == Errno::EIO { Errno::ENOTTY } else { e })?;
    let sid = fam.procs.get(call.pid)?.sid;
    if terminal_of(fam, call.pid) != Some(terminal) {
        return Err(Errno::ENOTTY);
    }
    let pgid = u32::try_from(pgid).map_err(|_| Errno::EINVAL)?;
    let group_session = fam.procs.group(pgid).map(|p| p.sid).next().ok_or(Errno::ESRCH)?;
    if group_session != sid {
        return Err(Errno::EPERM);
    }
    if let Some(c) = fam.streams.control.get_mut(&terminal) {
        c.foreground = pgid;
    }
    Ok(())
}

/// TIOCGSID.
pub(super) fn get_session(fam: &Family, pid: u32, terminal: Terminal, master: bool) -> Result<u32, Errno> {
    if !master && terminal_of(fam, pid) != Some(terminal) {
        return Err(Errno::ENOTTY);
    }
    fam.streams.control.get(&terminal).map(|c| c.session).ok_or(Errno::ENOTTY)
}

/// The terminal hung up: its session's leader is told, and the terminal controls nothing any more.
pub(super) fn hang_up(fam: &mut Family, terminal: Terminal) {
    let Some(c) = fam.streams.control.remove(&terminal) else { return };
    for signo in [SIGHUP, SIGCONT] {
        signal_process(fam, c.session, signo);
    }
}

/// The session's leader ended: its controlling terminal is given up, its foreground group gets SIGHUP and SIGCONT.
pub fn session_ended(fam: &mut Family, sid: u32) {
    let Some((terminal, c)) =
        fam.streams.control.iter().find(|(_, c)| c.session == sid).map(|(t, c)| (*t, *c))
    else {
        return;
    };
    fam.streams.control.remove(&terminal);
    signal_group(fam, c.foreground, SIGHUP);
    signal_group(fam, c.foreground, SIGCONT);
    if let Terminal::Pty(n) = terminal {
        pty::hang_up_slaves(fam, n);
    }
}

/// A process ended: nothing of it is remembered.
pub fn process_ended(fam: &mut Family, pid: u32) {
    fam.streams.detached.remove(&pid);
    fam.streams.reads.retain(|(p, _), _| *p != pid);
}

/// The foreground group of the host's terminal: what ^C typed there is meant for.
pub fn foreground(fam: &Family) -> Option<u32> {
    fam.streams.control.get(&Terminal::Host).map(|c| c.foreground).filter(|g| *g != 0)
}

/// The foreground process group and the terminal's device number of a session's controlling terminal.
pub fn controlling(fam: &Family, sid: u32) -> Option<(u32, u64)> {
    let (terminal, c) = fam.streams.control.iter().find(|(_, c)| c.session == sid)?;
    let device = match terminal {
        Terminal::Host => super::host::tty_device(fam),
        Terminal::Pty(n) => pty::slave_device(*n),
    };
    Some((c.foreground, device))
}
