//! Processes: clone(2), wait(2), pidfd_open(2), kcmp(2).

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

mod control;
mod limits;
mod system;
mod thread;

pub use control::*;
pub use limits::*;
pub use system::*;
pub use thread::*;

pub const CLONE_NEWTIME: u64 = 0x80;
pub const CLONE_VM: u64 = 0x100;
pub const CLONE_FS: u64 = 0x200;
pub const CLONE_FILES: u64 = 0x400;
pub const CLONE_SIGHAND: u64 = 0x800;
pub const CLONE_PIDFD: u64 = 0x1000;
pub const CLONE_PTRACE: u64 = 0x2000;
pub const CLONE_VFORK: u64 = 0x4000;
pub const CLONE_PARENT: u64 = 0x8000;
pub const CLONE_THREAD: u64 = 0x1_0000;
pub const CLONE_NEWNS: u64 = 0x2_0000;
pub const CLONE_SYSVSEM: u64 = 0x4_0000;
pub const CLONE_SETTLS: u64 = 0x8_0000;
pub const CLONE_PARENT_SETTID: u64 = 0x10_0000;
pub const CLONE_CHILD_CLEARTID: u64 = 0x20_0000;
pub const CLONE_DETACHED: u64 = 0x40_0000;
pub const CLONE_UNTRACED: u64 = 0x80_0000;
pub const CLONE_CHILD_SETTID: u64 = 0x100_0000;
pub const CLONE_NEWCGROUP: u64 = 0x200_0000;
pub const CLONE_NEWUTS: u64 = 0x400_0000;
pub const CLONE_NEWIPC: u64 = 0x800_0000;
pub const CLONE_NEWUSER: u64 = 0x1000_0000;
pub const CLONE_NEWPID: u64 = 0x2000_0000;
pub const CLONE_NEWNET: u64 = 0x4000_0000;
pub const CLONE_IO: u64 = 0x8000_0000;
pub const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
pub const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

bitflags::bitflags! {
    /// The flags of clone(2), clone3(2) and unshare(2). The low byte of clone's is the exit signal.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct CloneFlags: u64 {
        const CLONE_NEWTIME = CLONE_NEWTIME;
        const CLONE_VM = CLONE_VM;
        const CLONE_FS = CLONE_FS;
        const CLONE_FILES = CLONE_FILES;
        const CLONE_SIGHAND = CLONE_SIGHAND;
        const CLONE_PIDFD = CLONE_PIDFD;
        const CLONE_PTRACE = CLONE_PTRACE;
        const CLONE_VFORK = CLONE_VFORK;
        const CLONE_PARENT = CLONE_PARENT;
        const CLONE_THREAD = CLONE_THREAD;
        const CLONE_NEWNS = CLONE_NEWNS;
        const CLONE_SYSVSEM = CLONE_SYSVSEM;
        const CLONE_SETTLS = CLONE_SETTLS;
        const CLONE_PARENT_SETTID = CLONE_PARENT_SETTID;
        const CLONE_CHILD_CLEARTID = CLONE_CHILD_CLEARTID;
        const CLONE_DETACHED = CLONE_DETACHED;
        const CLONE_UNTRACED = CLONE_UNTRACED;
        const CLONE_CHILD_SETTID = CLONE_CHILD_SETTID;
        const CLONE_NEWCGROUP = CLONE_NEWCGROUP;
        const CLONE_NEWUTS = CLONE_NEWUTS;
        const CLONE_NEWIPC = CLONE_NEWIPC;
        const CLONE_NEWUSER = CLONE_NEWUSER;
        const CLONE_NEWPID = CLONE_NEWPID;
        const CLONE_NEWNET = CLONE_NEWNET;
        const CLONE_IO = CLONE_IO;
        const CLONE_CLEAR_SIGHAND = CLONE_CLEAR_SIGHAND;
        const CLONE_INTO_CGROUP = CLONE_INTO_CGROUP;
    }
}
/// The exit signal in clone's flags.
pub const CSIGNAL: u64 = 0xff;

/// `struct clone_args`; clone3(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct CloneArgs {
    pub flags: u64,
    pub pidfd: u64,
    pub child_tid: u64,
    pub parent_tid: u64,
    pub exit_signal: u64,
    pub stack: u64,
    pub stack_size: u64,
    pub tls: u64,
    pub set_tid: u64,
    pub set_tid_size: u64,
    pub cgroup: u64,
}
const_assert_eq!(size_of::<CloneArgs>(), 88);
/// The size that clone3 has accepted from its first version on.
pub const CLONE_ARGS_SIZE_VER0: usize = 64;

// wait4(2) and waitid(2).
pub const WNOHANG: u32 = 0x1;
pub const WUNTRACED: u32 = 0x2;
pub const WSTOPPED: u32 = 0x2;
pub const WEXITED: u32 = 0x4;
pub const WCONTINUED: u32 = 0x8;
pub const WNOWAIT: u32 = 0x100_0000;
pub const __WNOTHREAD: u32 = 0x2000_0000;
pub const __WALL: u32 = 0x4000_0000;
pub const __WCLONE: u32 = 0x8000_0000;
pub const P_ALL: i32 = 0;
pub const P_PID: i32 = 1;
pub const P_PGID: i32 = 2;
pub const P_PIDFD: i32 = 3;

/// A child's change of state, as wait(2) tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitStatus {
    /// Ended by exit with this code (0..=255).
    Exited(u8),
    /// Ended by a signal.
    Signaled { signo: i32, core: bool },
    /// Stopped by a signal.
    Stopped(i32),
    /// Continued by SIGCONT.
    Continued,
}

impl WaitStatus {
    /// The word that wait4 stores.
    pub const fn encode(self) -> i32 {
        match self {
            WaitStatus::Exited(code) => (code as i32) << 8,
            WaitStatus::Signaled { signo, core } => (signo & 0x7f) | if core { 0x80 } else { 0 },
            WaitStatus::Stopped(signo) => (signo & 0xff) << 8 | 0x7f,
            WaitStatus::Continued => 0xffff,
        }
    }

    /// The inverse of [`WaitStatus::encode`].
    pub const fn decode(word: i32) -> Self {
        if word == 0xffff {
            WaitStatus::Continued
        } else if word & 0xff == 0x7f {
            WaitStatus::Stopped((word >> 8) & 0xff)
        } else if word & 0x7f == 0 {
            WaitStatus::Exited((word >> 8) as u8)
        } else {
            WaitStatus::Signaled { signo: word & 0x7f, core: word & 0x80 != 0 }
        }
    }

    /// The `si_code` that waitid and SIGCHLD give.
    pub const fn si_code(self) -> i32 {
        match self {
            WaitStatus::Exited(_) => crate::signal::CLD_EXITED,
            WaitStatus::Signaled { core: false, .. } => crate::signal::CLD_KILLED,
            WaitStatus::Signaled { core: true, .. } => crate::signal::CLD_DUMPED,
            WaitStatus::Stopped(_) => crate::signal::CLD_STOPPED,
            WaitStatus::Continued => crate::signal::CLD_CONTINUED,
        }
    }

    /// The `si_status` that waitid and SIGCHLD give: the exit code, or the signal.
    pub const fn si_status(self) -> i32 {
        match self {
            WaitStatus::Exited(code) => code as i32,
            WaitStatus::Signaled { signo, .. } | WaitStatus::Stopped(signo) => signo,
            WaitStatus::Continued => crate::signal::SIGCONT,
        }
    }
}

// pidfd_open(2).
pub const PIDFD_NONBLOCK: u32 = 0x800;
pub const PIDFD_THREAD: u32 = 0x80;

// kcmp(2).
pub const KCMP_FILE: i32 = 0;
pub const KCMP_VM: i32 = 1;
pub const KCMP_FILES: i32 = 2;
pub const KCMP_FS: i32 = 3;
pub const KCMP_SIGHAND: i32 = 4;
pub const KCMP_IO: i32 = 5;
pub const KCMP_SYSVSEM: i32 = 6;
pub const KCMP_EPOLL_TFD: i32 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_round_trip() {
        let all = [
            (WaitStatus::Exited(3), 0x300),
            (WaitStatus::Signaled { signo: 9, core: false }, 9),
            (WaitStatus::Signaled { signo: 11, core: true }, 0x8b),
            (WaitStatus::Stopped(19), 0x137f),
            (WaitStatus::Continued, 0xffff),
        ];
        for (status, word) in all {
            assert_eq!(status.encode(), word);
            assert_eq!(WaitStatus::decode(word), status);
        }
    }
}
