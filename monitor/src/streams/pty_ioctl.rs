//! ioctl_tty(2) on ptys, and the job control part of it on any terminal.

use abi::Errno;
use abi::ioctl::*;
use abi::process::CAP_SYS_ADMIN;
use abi::signal::{SIGTTOU, SIGWINCH};
use vfs::tty::{Effects, FlushQueues};
use zerocopy::FromBytes;

use super::host_tty::value;
use super::{PtyEnd, Terminal, jobs, pty};
use crate::call::{Answer, Call, OpResult};
use crate::family::Family;

/// TIOCSCTTY and its like; `None` for other commands.
pub(super) fn job_control(
    fam: &mut Family,
    call: &Call,
    terminal: Terminal,
    master: bool,
    cmd: u32,
) -> Option<OpResult> {
    let done = |r: Result<(), Errno>| r.and_then(|()| Answer::ok());
    let number = |r: Result<u32, Errno>| r.map(|n| Answer::default().with_data(n.to_le_bytes().to_vec()));
    Some(match cmd {
        TIOCSCTTY => done(jobs::set_controlling(fam, call, terminal, value(call) == 1)),
        TIOCNOTTY => done(jobs::give_up(fam, call, terminal)),
        TIOCGPGRP => number(jobs::get_foreground(fam, call.pid, terminal, master)),
        TIOCGSID => number(jobs::get_session(fam, call.pid, terminal, master)),
        TIOCSPGRP => match int(call) {
            Ok(pgid) => done(jobs::set_foreground(fam, call, terminal, pgid)),
            Err(e) => Err(e),
        },
        _ => return None,
    })
}

/// An argument that is an int behind a pointer.
fn int(call: &Call) -> Result<i32, Errno> {
    i32::read_from_prefix(call.data).map(|(v, _)| v).map_err(|_| Errno::EFAULT)
}

fn structure<T: FromBytes>(call: &Call) -> Result<T, Errno> {
    T::read_from_prefix(call.data).map(|(v, _)| v).map_err(|_| Errno::EFAULT)
}

fn int_answer(n: u32) -> OpResult {
    Ok(Answer::default().with_data(n.to_le_bytes().to_vec()))
}

/// ioctl(2) on a pty's end.
pub(super) fn ioctl(fam: &mut Family, call: &Call, end: PtyEnd, cmd: u32) -> OpResult {
    let n = end.n;
    if fam.streams.ptys.get(&n).ok_or(Errno::EIO)?.dead(end) {
        return Err(if cmd == TIOCSPGRP { Errno::ENOTTY } else { Errno::EIO });
    }
    if let Some(answer) = job_control(fam, call, Terminal::Pty(n), end.master, cmd) {
        return answer;
    }
    if !end.master && changes(cmd) {
        jobs::check_background(fam, call, Terminal::Pty(n), SIGTTOU)?;
    }
    if end.master
        && let Some(answer) = master_only(fam, call, n, cmd)
    {
        return answer;
    }
    let p = fam.streams.ptys.get_mut(&n).ok_or(Errno::EIO)?;
    match cmd {
        TCGETS => Ok(Answer::default().with_struct(&p.tty.termios())),
        TCGETS2 => Ok(Answer::default().with_struct(&to_termios2(p.tty.termios()))),
        TCGETA => Ok(Answer::default().with_struct(&to_termio(p.tty.termios()))),
        TCSETS | TCSETSW | TCSETSF => {
            let t: Termios = structure(call)?;
            set(fam, n, t, cmd == TCSETSF)
        }
        TCSETS2 | TCSETSW2 | TCSETSF2 => {
            let t: Termios2 = structure(call)?;
            set(fam, n, from_termios2(t), cmd == TCSETSF2)
        }
        TCSETA | TCSETAW | TCSETAF => {
            let t = from_termio(p.tty.termios(), structure(call)?);
            set(fam, n, t, cmd == TCSETAF)
        }
        TIOCGWINSZ => Ok(Answer::default().with_struct(&p.tty.winsize())),
        TIOCSWINSZ => {
            let size: Winsize = structure(call)?;
            if p.tty.set_winsize(size) {
                let group = jobs::get_foreground(fam, call.pid, Terminal::Pty(n), true)?;
                jobs::signal_group(fam, group, SIGWINCH);
            }
            Answer::ok()
        }
        TIOCINQ => int_answer(if end.master { p.tty.output_len() } else { p.tty.input_len() } as u32),
        TIOCOUTQ => int_answer(0),
        TIOCGETD => int_answer(N_TTY as u32),
        TIOCSETD if int(call)? == N_TTY => Answer::ok(),
        TIOCSETD => Err(Errno::EINVAL),
        TCFLSH => {
            p.tty.flush(FlushQueues::from_arg(value(call)).ok_or(Errno::EINVAL)?);
            pty::wake(fam, n);
            Answer::ok()
        }
        TCXONC => {
            flow(fam, n, value(call))?;
            Answer::ok()
        }
        // Output is never on its way: it drained when it was written. There is no line for a break either.
        TCSBRK | TCSBRKP | TIOCSBRK | TIOCCBRK => Answer::ok(),
        TIOCEXCL => {
            p.exclusive = true;
            Answer::ok()
        }
        TIOCNXCL => {
            p.exclusive = false;
            Answer::ok()
        }
        TIOCGEXCL => int_answer(p.exclusive.into()),
        TIOCGLCKTRMIOS => Ok(Answer::default().with_struct(&p.fixed)),
        TIOCSLCKTRMIOS => {
            if !fam.procs.get(call.pid)?.creds.has(CAP_SYS_ADMIN) {
                return Err(Errno::EPERM);
            }
            p.fixed = structure(call)?;
            Answer::ok()
        }
        TIOCSTI => type_in(fam, call, n),
        _ => Err(Errno::ENOTTY),
    }
}

fn changes(cmd: u32) -> bool {
    matches!(
        cmd,
        TCSETS
            | TCSETSW
            | TCSETSF
            | TCSETS2
            | TCSETSW2
            | TCSETSF2
            | TCSETA
            | TCSETAW
            | TCSETAF
            | TCFLSH
            | TCXONC
            | TCSBRK
            | TCSBRKP
            | TIOCSBRK
            | TIOCCBRK
    )
}

/// What only a master understands.
fn master_only(fam: &mut Family, call: &Call, n: u32, cmd: u32) -> Option<OpResult> {
    let p = fam.streams.ptys.get_mut(&n)?;
    Some(match cmd {
        TIOCGPTN => int_answer(n),
        TIOCSPTLCK => int(call).and_then(|v| {
            p.locked = v != 0;
            Answer::ok()
        }),
        TIOCGPTLCK => int_answer(p.locked.into()),
        TIOCPKT => int(call).and_then(|v| {
            p.tty.set_packet_mode(v != 0);
            Answer::ok()
        }),
        TIOCGPKT => int_answer(p.tty.packet_mode().into()),
        TIOCSIG => {
            let signo = value(call);
            if !(1..=64).contains(&signo) {
                return Some(Err(Errno::EINVAL));
            }
            let group = jobs::get_foreground(fam, call.pid, Terminal::Pty(n), true).unwrap_or(0);
            jobs::signal_group(fam, group, signo as i32);
            Answer::ok()
        }
        TIOCGPTPEER => pty::open_peer(fam, call, n, value(call) as u32).map(|desc| {
            let info = crate::ops::descs::info(fam, desc);
            Answer::default().with_struct(&info)
        }),
        _ => return None,
    })
}

fn set(fam: &mut Family, n: u32, t: Termios, flush: bool) -> OpResult {
    if let Some(p) = fam.streams.ptys.get_mut(&n) {
        if flush {
            p.tty.flush(FlushQueues::Input);
        }
        p.tty.set_termios(kept(p.tty.termios(), t, p.fixed));
    }
    pty::wake(fam, n);
    Answer::ok()
}

/// New settings but for those that are fixed; ioctl_tty(2), TIOCSLCKTRMIOS.
fn kept(old: Termios, new: Termios, fixed: Termios) -> Termios {
    let merge = |old: u32, new: u32, fixed: u32| new & !fixed | old & fixed;
    let mut c_cc = new.c_cc;
    for ((c, old), fixed) in c_cc.iter_mut().zip(old.c_cc).zip(fixed.c_cc) {
        if fixed != 0 {
            *c = old;
        }
    }
    Termios {
        c_iflag: merge(old.c_iflag, new.c_iflag, fixed.c_iflag),
        c_oflag: merge(old.c_oflag, new.c_oflag, fixed.c_oflag),
        c_cflag: merge(old.c_cflag, new.c_cflag, fixed.c_cflag),
        c_lflag: merge(old.c_lflag, new.c_lflag, fixed.c_lflag),
        c_line: if fixed.c_line != 0 { old.c_line } else { new.c_line },
        c_cc,
    }
}

fn flow(fam: &mut Family, n: u32, arg: u64) -> Result<(), Errno> {
    let p = fam.streams.ptys.get_mut(&n).ok_or(Errno::EIO)?;
    match u32::try_from(arg).map_err(|_| Errno::EINVAL)? {
        TCOOFF => p.tty.set_stopped_by_program(true),
        TCOON => p.tty.set_stopped_by_program(false),
        // Sends STOP or START to the other side, as output.
        what @ (TCIOFF | TCION) => {
            let c = p.tty.termios().c_cc[if what == TCIOFF { VSTOP } else { VSTART }];
            if c != POSIX_VDISABLE {
                p.tty.transmit(&[c]);
            }
        }
        _ => return Err(Errno::EINVAL),
    }
    pty::wake(fam, n);
    Ok(())
}

/// TIOCSTI: as if typed. Only on the caller's own terminal, or by the superuser.
fn type_in(fam: &mut Family, call: &Call, n: u32) -> OpResult {
    let privileged = fam.procs.get(call.pid)?.creds.has(CAP_SYS_ADMIN);
    if jobs::terminal_of(fam, call.pid) != Some(Terminal::Pty(n)) && !privileged {
        return Err(Errno::EPERM);
    }
    let c = *call.data.first().ok_or(Errno::EFAULT)?;
    let mut effects = Effects::default();
    let p = fam.streams.ptys.get_mut(&n).ok_or(Errno::EIO)?;
    p.tty.receive(&[c], crate::clock::monotonic_ns(), &mut effects);
    pty::apply(fam, n, effects);
    Answer::ok()
}

fn to_termios2(t: Termios) -> Termios2 {
    let speed = speed_of(t.c_cflag & CBAUD);
    Termios2 {
        c_iflag: t.c_iflag,
        c_oflag: t.c_oflag,
        c_cflag: t.c_cflag,
        c_lflag: t.c_lflag,
        c_line: t.c_line,
        c_cc: t.c_cc,
        c_ispeed: speed,
        c_ospeed: speed,
    }
}

fn from_termios2(t: Termios2) -> Termios {
    Termios {
        c_iflag: t.c_iflag,
        c_oflag: t.c_oflag,
        c_cflag: t.c_cflag,
        c_lflag: t.c_lflag,
        c_line: t.c_line,
        c_cc: t.c_cc,
    }
}

/// Bits per second of a `c_cflag` speed.
fn speed_of(code: u32) -> u32 {
    const LOW: [u32; 16] =
        [0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400];
    const HIGH: [u32; 15] = [
        57600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000, 1_500_000,
        2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000,
    ];
    let index = (code & 0o17) as usize;
    if code & CBAUDEX == 0 { LOW[index] } else { index.checked_sub(1).map_or(SPEED_DEFAULT, |i| HIGH[i]) }
}

fn to_termio(t: Termios) -> Termio {
    let mut c_cc = [0; 8];
    c_cc.copy_from_slice(&t.c_cc[..8]);
    Termio {
        c_iflag: t.c_iflag as u16,
        c_oflag: t.c_oflag as u16,
        c_cflag: t.c_cflag as u16,
        c_lflag: t.c_lflag as u16,
        c_line: t.c_line,
        c_cc,
        pad: 0,
    }
}

/// The old structure sets the lower halves and the first eight control characters.
fn from_termio(old: Termios, t: Termio) -> Termios {
    let half = |old: u32, new: u16| old & 0xffff_0000 | u32::from(new);
    let mut c_cc = old.c_cc;
    c_cc[..8].copy_from_slice(&t.c_cc);
    Termios {
        c_iflag: half(old.c_iflag, t.c_iflag),
        c_oflag: half(old.c_oflag, t.c_oflag),
        c_cflag: half(old.c_cflag, t.c_cflag),
        c_lflag: half(old.c_lflag, t.c_lflag),
        c_line: t.c_line,
        c_cc,
    }
}
