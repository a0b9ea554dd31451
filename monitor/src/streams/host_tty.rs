//! The host's terminal under the guest's control: its attributes and size are the guest's, and are put back at the end.
//! Calls that could wait for output to drain are made in their form that does not.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use abi::Errno;
use abi::ioctl::*;
use abi::signal::SIGTTOU;
use zerocopy::{FromBytes, IntoBytes};

use super::{StreamId, Terminal, host, jobs, pty_ioctl};
use crate::call::{Answer, Call, OpResult};
use crate::family::Family;

/// A terminal's attributes, to be put back.
pub(super) struct Saved {
    terminal: OwnedFd,
    termios: Termios2,
}

impl Saved {
    /// Of the host's descriptor `fd`.
    pub fn of(fd: i32) -> Option<Self> {
        // SAFETY: the descriptor is only borrowed for the duplication.
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        let terminal = rustix::io::fcntl_dupfd_cloexec(borrowed, 10).ok()?;
        let mut termios = Termios2::default();
        host_ioctl(terminal.as_fd(), TCGETS2, termios.as_mut_bytes()).ok()?;
        Some(Self { terminal, termios })
    }

    /// Puts them back.
    pub fn restore(mut self) {
        // SAFETY: ignoring a signal runs no handler; from the background the change would stop this process.
        let before = unsafe { libc::signal(libc::SIGTTOU, libc::SIG_IGN) };
        // A terminal that is gone has no attributes to put back.
        let _ = host_ioctl(self.terminal.as_fd(), TCSETS2, self.termios.as_mut_bytes());
        // SAFETY: as above; `before` came from the same call.
        unsafe { libc::signal(libc::SIGTTOU, before) };
    }
}

/// An ioctl whose argument is the structure in `arg`, which is exactly as long as `cmd` wants.
fn host_ioctl(fd: BorrowedFd<'_>, cmd: u32, arg: &mut [u8]) -> Result<i64, Errno> {
    // SAFETY: every command passed here takes a pointer to a structure of `arg`'s length, which is ours.
    let ret = unsafe { libc::ioctl(fd.as_raw_fd(), cmd.into(), arg.as_mut_ptr()) };
    result(ret)
}

/// An ioctl whose argument is a number.
fn host_ioctl_value(fd: BorrowedFd<'_>, cmd: u32, arg: u64) -> Result<i64, Errno> {
    // SAFETY: the commands passed here (TCFLSH, TCXONC) take a number.
    let ret = unsafe { libc::ioctl(fd.as_raw_fd(), cmd.into(), arg) };
    result(ret)
}

fn result(ret: i32) -> Result<i64, Errno> {
    if ret >= 0 {
        return Ok(ret.into());
    }
    Err(Errno(std::io::Error::last_os_error().raw_os_error().unwrap_or(Errno::EIO.0)))
}

/// `c_lflag` of a terminal.
pub(super) fn local_flags(fd: BorrowedFd<'_>) -> u32 {
    let mut t = Termios::default();
    host_ioctl(fd, TCGETS, t.as_mut_bytes()).map_or(0, |_| t.c_lflag)
}

/// ioctl(2) on a host stream.
pub(super) fn ioctl(fam: &mut Family, call: &Call, id: StreamId, cmd: u32) -> OpResult {
    let stream = fam.streams.hosts.get(id.0).ok_or(Errno::EBADF)?;
    if !stream.is_tty() {
        return match cmd {
            FIONREAD => get(stream.fd(), cmd, 4),
            _ => Err(Errno::ENOTTY),
        };
    }
    if let Some(answer) = pty_ioctl::job_control(fam, call, Terminal::Host, false, cmd) {
        return answer;
    }
    let changes = matches!(
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
    );
    if changes {
        jobs::check_background(fam, call, Terminal::Host, SIGTTOU)?;
    }
    let fd = fam.streams.hosts.get(id.0).map(host::HostStream::fd).ok_or(Errno::EBADF)?;
    match cmd {
        TCGETS => get(fd, cmd, size_of::<Termios>()),
        TCGETS2 => get(fd, cmd, size_of::<Termios2>()),
        TCGETA => get(fd, cmd, size_of::<Termio>()),
        TIOCGWINSZ => get(fd, cmd, size_of::<Winsize>()),
        TIOCINQ | TIOCOUTQ | TIOCGETD | TIOCMGET => get(fd, cmd, 4),
        TCSETS | TCSETSW | TCSETSF => set::<Termios>(fd, call, TCSETS, cmd == TCSETSF),
        TCSETS2 | TCSETSW2 | TCSETSF2 => set::<Termios2>(fd, call, TCSETS2, cmd == TCSETSF2),
        TCSETA | TCSETAW | TCSETAF => set::<Termio>(fd, call, TCSETA, cmd == TCSETAF),
        TIOCSWINSZ => set::<Winsize>(fd, call, cmd, false),
        TCFLSH | TCXONC => Ok(Answer::value(host_ioctl_value(fd, cmd, value(call))?)),
        TCSBRK | TCSBRKP => Answer::ok(),
        _ => Err(Errno::ENOTTY),
    }
}

/// An argument passed by value.
pub(super) fn value(call: &Call) -> u64 {
    u64::read_from_prefix(call.data).map_or(0, |(v, _)| v)
}

fn get(fd: BorrowedFd<'_>, cmd: u32, len: usize) -> OpResult {
    let mut arg = vec![0; len];
    let ret = host_ioctl(fd, cmd, &mut arg)?;
    Ok(Answer::value(ret).with_data(arg))
}

fn set<T: FromBytes + IntoBytes>(fd: BorrowedFd<'_>, call: &Call, cmd: u32, flush: bool) -> OpResult {
    let (mut arg, _) = T::read_from_prefix(call.data).map_err(|_| Errno::EFAULT)?;
    if flush {
        host_ioctl_value(fd, TCFLSH, TCIFLUSH.into())?;
    }
    Ok(Answer::value(host_ioctl(fd, cmd, arg.as_mut_bytes())?))
}
