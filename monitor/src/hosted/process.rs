//! A member's host process: named by a pidfd, so that a number used again is never mistaken for it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use protocol::hosted::KICK_SIGNAL;
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use crate::backend::Ended;

/// The host process that is a member.
#[derive(Debug)]
pub struct HostProcess {
    pub pid: u32,
    pidfd: OwnedFd,
}

impl HostProcess {
    /// A child of the monitor by its number. ECHILD when it is none: a member could name any process.
    pub fn open(pid: u32) -> Result<Self, Errno> {
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
        let pidfd = pidfd_open(raw, PidfdFlags::empty())?;
        waitid(
            WaitId::PidFd(pidfd.as_fd()),
            WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT,
        )?;
        Ok(Self { pid, pidfd })
    }

    /// Readable when the process has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Ends it; an error means that it has ended already.
    pub fn kill(&self) {
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// Makes it enter its kernel; an error means that it has ended.
    pub fn kick(&self) {
        if let Some(signal) = Signal::from_named_raw(KICK_SIGNAL) {
            let _ = pidfd_send_signal(&self.pidfd, signal);
        }
    }

    /// How it ended, if it has; then it is no more.
    pub fn reap(&self) -> Option<Ended> {
        self.wait(WaitIdOptions::EXITED | WaitIdOptions::NOHANG)
    }

    /// Waits for its end (after [`HostProcess::kill`]).
    pub fn reap_blocking(&self) -> Option<Ended> {
        self.wait(WaitIdOptions::EXITED)
    }

    fn wait(&self, options: WaitIdOptions) -> Option<Ended> {
        let status = loop {
            match waitid(WaitId::PidFd(self.pidfd.as_fd()), options) {
                Err(Errno::INTR) => continue,
                Err(_) => return Some(Ended::Killed(abi::signal::SIGKILL)),
                Ok(status) => break status?,
            }
        };
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Some(Ended::Exited(code)),
            (None, Some(signo)) => Some(Ended::Killed(signo)),
            (None, None) => None,
        }
    }
}
