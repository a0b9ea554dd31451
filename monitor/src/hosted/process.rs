//! A member's host process: named by a pidfd, so that a number used again is never mistaken for it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use abi::mm::PAGE_SIZE;
use protocol::hosted::KICK_SIGNAL;
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use crate::backend::Ended;

/// USER_HZ is 100 on x86-64.
const TICK_NS: u64 = 10_000_000;

/// What a member has used so far, as the host counts it; proc(5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub user_ns: u64,
    pub system_ns: u64,
    pub minor_faults: u64,
    pub vsize: u64,
    pub rss: u64,
}

impl Usage {
    /// From the text of /proc/PID/stat. Fields are counted after the name, which may itself have spaces and parentheses.
    fn parse(stat: &str) -> Option<Self> {
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let field = |i: usize| fields.get(i)?.parse::<u64>().ok();
        Some(Self {
            minor_faults: field(7)?,
            user_ns: field(11)? * TICK_NS,
            system_ns: field(12)? * TICK_NS,
            vsize: field(20)?,
            rss: field(21)? * PAGE_SIZE as u64,
        })
    }
}

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

    /// What it has used; none when it is no more.
    pub fn usage(&self) -> Option<Usage> {
        Usage::parse(&std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_counted_behind_the_name() {
        let stat =
            "7 (a) b) R 1 7 7 0 -1 4194560 91 0 2 0 12 34 0 0 20 0 1 0 100 4096000 25 18446744073709551615";
        let used = Usage::parse(stat).expect("a line of stat");
        assert_eq!((used.minor_faults, used.vsize), (91, 4_096_000));
        assert_eq!(used.rss, 25 * PAGE_SIZE as u64);
        assert!(used.user_ns > 0 && used.system_ns > used.user_ns);
        assert_eq!(Usage::parse("7 (short) R 1"), None);
    }
}
