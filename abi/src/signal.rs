//! Signals: signal(7), sigaction(2), sigprocmask(2), sigaltstack(2).

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

mod frame;
mod info;

pub use frame::*;
pub use info::*;

// Signal numbers.
pub const SIGHUP: i32 = 1;
pub const SIGINT: i32 = 2;
pub const SIGQUIT: i32 = 3;
pub const SIGILL: i32 = 4;
pub const SIGTRAP: i32 = 5;
pub const SIGABRT: i32 = 6;
pub const SIGIOT: i32 = 6;
pub const SIGBUS: i32 = 7;
pub const SIGFPE: i32 = 8;
pub const SIGKILL: i32 = 9;
pub const SIGUSR1: i32 = 10;
pub const SIGSEGV: i32 = 11;
pub const SIGUSR2: i32 = 12;
pub const SIGPIPE: i32 = 13;
pub const SIGALRM: i32 = 14;
pub const SIGTERM: i32 = 15;
pub const SIGSTKFLT: i32 = 16;
pub const SIGCHLD: i32 = 17;
pub const SIGCONT: i32 = 18;
pub const SIGSTOP: i32 = 19;
pub const SIGTSTP: i32 = 20;
pub const SIGTTIN: i32 = 21;
pub const SIGTTOU: i32 = 22;
pub const SIGURG: i32 = 23;
pub const SIGXCPU: i32 = 24;
pub const SIGXFSZ: i32 = 25;
pub const SIGVTALRM: i32 = 26;
pub const SIGPROF: i32 = 27;
pub const SIGWINCH: i32 = 28;
pub const SIGIO: i32 = 29;
pub const SIGPOLL: i32 = 29;
pub const SIGPWR: i32 = 30;
pub const SIGSYS: i32 = 31;
pub const SIGRTMIN: i32 = 32;
pub const SIGRTMAX: i32 = 64;
/// The number of signals; the highest is `NSIG` itself.
pub const NSIG: usize = 64;
/// The only size of a signal set that the system calls accept.
pub const SIGSET_SIZE: usize = 8;

/// The signal's name, such as `"SIGINT"`. Real-time signals other than the first are named by their number alone,
/// and have none here.
pub const fn name(signo: i32) -> Option<&'static str> {
    Some(match signo {
        SIGHUP => "SIGHUP",
        SIGINT => "SIGINT",
        SIGQUIT => "SIGQUIT",
        SIGILL => "SIGILL",
        SIGTRAP => "SIGTRAP",
        SIGABRT => "SIGABRT",
        SIGBUS => "SIGBUS",
        SIGFPE => "SIGFPE",
        SIGKILL => "SIGKILL",
        SIGUSR1 => "SIGUSR1",
        SIGSEGV => "SIGSEGV",
        SIGUSR2 => "SIGUSR2",
        SIGPIPE => "SIGPIPE",
        SIGALRM => "SIGALRM",
        SIGTERM => "SIGTERM",
        SIGSTKFLT => "SIGSTKFLT",
        SIGCHLD => "SIGCHLD",
        SIGCONT => "SIGCONT",
        SIGSTOP => "SIGSTOP",
        SIGTSTP => "SIGTSTP",
        SIGTTIN => "SIGTTIN",
        SIGTTOU => "SIGTTOU",
        SIGURG => "SIGURG",
        SIGXCPU => "SIGXCPU",
        SIGXFSZ => "SIGXFSZ",
        SIGVTALRM => "SIGVTALRM",
        SIGPROF => "SIGPROF",
        SIGWINCH => "SIGWINCH",
        SIGIO => "SIGIO",
        SIGPWR => "SIGPWR",
        SIGSYS => "SIGSYS",
        SIGRTMIN => "SIGRTMIN",
        _ => return None,
    })
}

/// True for 1..=64.
pub const fn is_valid(signo: i32) -> bool {
    signo >= 1 && signo <= NSIG as i32
}

/// What a signal does when its disposition is SIG_DFL; signal(7), "Signal dispositions".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultAction {
    /// End the process.
    Term,
    /// End the process and say that it would have dumped core.
    Core,
    /// Nothing.
    Ign,
    /// Stop the process.
    Stop,
    /// Continue the process if it is stopped.
    Cont,
}

/// The default action of a signal.
pub const fn default_action(signo: i32) -> DefaultAction {
    match signo {
        SIGCHLD | SIGURG | SIGWINCH => DefaultAction::Ign,
        SIGCONT => DefaultAction::Cont,
        SIGSTOP | SIGTSTP | SIGTTIN | SIGTTOU => DefaultAction::Stop,
        SIGQUIT | SIGILL | SIGTRAP | SIGABRT | SIGBUS | SIGFPE | SIGSEGV | SIGXCPU | SIGXFSZ | SIGSYS => {
            DefaultAction::Core
        }
        _ => DefaultAction::Term,
    }
}

/// `sigset_t` as the kernel has it: bit `n - 1` is signal `n`.
#[repr(transparent)]
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SigSet(pub u64);
const_assert_eq!(size_of::<SigSet>(), 8);

impl SigSet {
    pub const EMPTY: Self = Self(0);
    pub const FULL: Self = Self(u64::MAX);
    /// The signals that cannot be blocked, caught or ignored.
    pub const UNBLOCKABLE: Self = Self::of(SIGKILL).with(SIGSTOP);
    /// The signals whose default action is to stop; the job-control ones and SIGSTOP.
    pub const STOPS: Self = Self::of(SIGSTOP).with(SIGTSTP).with(SIGTTIN).with(SIGTTOU);
    /// The signals that report a fault of the thread itself; they are delivered before others.
    pub const SYNCHRONOUS: Self =
        Self::of(SIGSEGV).with(SIGBUS).with(SIGILL).with(SIGTRAP).with(SIGFPE).with(SIGSYS);

    /// The set with one member; empty if `signo` is no signal.
    pub const fn of(signo: i32) -> Self {
        if is_valid(signo) { Self(1 << (signo - 1)) } else { Self(0) }
    }

    pub const fn with(self, signo: i32) -> Self {
        Self(self.0 | Self::of(signo).0)
    }

    pub const fn without(self, signo: i32) -> Self {
        Self(self.0 & !Self::of(signo).0)
    }

    pub const fn contains(self, signo: i32) -> bool {
        self.0 & Self::of(signo).0 != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn insert(&mut self, signo: i32) {
        *self = self.with(signo);
    }

    pub fn remove(&mut self, signo: i32) {
        *self = self.without(signo);
    }

    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub const fn complement(self) -> Self {
        Self(!self.0)
    }

    /// The lowest signal in the set.
    pub const fn first(self) -> Option<i32> {
        if self.0 == 0 { None } else { Some(self.0.trailing_zeros() as i32 + 1) }
    }

    /// The members, lowest first.
    pub fn iter(self) -> impl Iterator<Item = i32> {
        let mut rest = self;
        core::iter::from_fn(move || {
            let signo = rest.first()?;
            rest.remove(signo);
            Some(signo)
        })
    }
}

impl core::fmt::Debug for SigSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SigSet({:#x})", self.0)
    }
}

// Dispositions, as found in a handler's place.
pub const SIG_DFL: u64 = 0;
pub const SIG_IGN: u64 = 1;

// sigprocmask(2).
pub const SIG_BLOCK: i32 = 0;
pub const SIG_UNBLOCK: i32 = 1;
pub const SIG_SETMASK: i32 = 2;

// sigaction(2).
pub const SA_NOCLDSTOP: u64 = 0x1;
pub const SA_NOCLDWAIT: u64 = 0x2;
pub const SA_SIGINFO: u64 = 0x4;
pub const SA_UNSUPPORTED: u64 = 0x400;
pub const SA_EXPOSE_TAGBITS: u64 = 0x800;
pub const SA_RESTORER: u64 = 0x400_0000;
pub const SA_ONSTACK: u64 = 0x800_0000;
pub const SA_RESTART: u64 = 0x1000_0000;
pub const SA_NODEFER: u64 = 0x4000_0000;
pub const SA_RESETHAND: u64 = 0x8000_0000;
/// The flags that sigaction keeps; others read back as zero (so a program can ask what is supported).
pub const SA_SUPPORTED: u64 = SA_NOCLDSTOP
    | SA_NOCLDWAIT
    | SA_SIGINFO
    | SA_RESTORER
    | SA_ONSTACK
    | SA_RESTART
    | SA_NODEFER
    | SA_RESETHAND;

/// `struct sigaction` as the kernel has it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct KernelSigAction {
    pub handler: u64,
    pub flags: u64,
    pub restorer: u64,
    pub mask: SigSet,
}
const_assert_eq!(size_of::<KernelSigAction>(), 32);

// sigaltstack(2).
pub const SS_ONSTACK: i32 = 0x1;
pub const SS_DISABLE: i32 = 0x2;
pub const SS_AUTODISARM: i32 = -2147483648;
pub const MINSIGSTKSZ: usize = 2048;
pub const SIGSTKSZ: usize = 8192;

/// `stack_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct StackT {
    pub ss_sp: u64,
    pub ss_flags: i32,
    pub pad: u32,
    pub ss_size: u64,
}
const_assert_eq!(size_of::<StackT>(), 24);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regs::TrapFrame;

    #[test]
    fn sets() {
        let set = SigSet::of(SIGINT).with(SIGRTMAX).with(0).with(65);
        assert!(set.contains(SIGINT) && set.contains(64) && !set.contains(0));
        let members = set.iter().fold((0, 0), |(n, sum), signo| (n + 1, sum + signo));
        assert_eq!(members, (2, SIGINT + SIGRTMAX));
        assert_eq!(set.without(SIGINT).first(), Some(64));
        assert_eq!(SigSet::UNBLOCKABLE.0, 1 << 8 | 1 << 18);
    }

    #[test]
    fn contexts_round_trip() {
        let frame = TrapFrame { rip: 5, r12: 7, rflags: 0x202, ..TrapFrame::default() };
        let mut other = TrapFrame { rflags: 0x202, ..TrapFrame::default() };
        let mut context = SigContext::from_frame(&frame);
        context.eflags |= 0x3000; // the I/O privilege level is not the program's to set
        context.restore_into(&mut other);
        assert_eq!(other, frame);
    }

    #[test]
    fn siginfo_fields() {
        let info = SigInfo::child(SIGCHLD, CLD_EXITED, 12, 1000, 3, 4, 5);
        assert_eq!((info.si_pid(), info.si_uid(), info.si_status()), (12, 1000, 3));
        assert_eq!((info.si_utime(), info.si_stime()), (4, 5));
        let mut info = SigInfo::timer(SIGALRM, 2, 0, 99);
        info.set_overrun(4);
        assert_eq!((info.si_timerid(), info.si_overrun(), info.si_value()), (2, 4, 99));
    }
}
