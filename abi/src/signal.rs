//! Signals: signal(7), sigaction(2), sigaltstack(2), and the frame that a handler is entered with.

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::regs::TrapFrame;

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

// `si_code` of any signal. Zero or less: sent by a program.
pub const SI_USER: i32 = 0;
pub const SI_KERNEL: i32 = 128;
pub const SI_QUEUE: i32 = -1;
pub const SI_TIMER: i32 = -2;
pub const SI_MESGQ: i32 = -3;
pub const SI_ASYNCIO: i32 = -4;
pub const SI_SIGIO: i32 = -5;
pub const SI_TKILL: i32 = -6;
pub const SI_DETHREAD: i32 = -7;
pub const SI_ASYNCNL: i32 = -60;

// `si_code` of SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP, SIGCHLD, SIGPOLL, SIGSYS.
pub const ILL_ILLOPC: i32 = 1;
pub const ILL_ILLOPN: i32 = 2;
pub const ILL_ILLADR: i32 = 3;
pub const ILL_ILLTRP: i32 = 4;
pub const ILL_PRVOPC: i32 = 5;
pub const ILL_PRVREG: i32 = 6;
pub const ILL_COPROC: i32 = 7;
pub const ILL_BADSTK: i32 = 8;
pub const FPE_INTDIV: i32 = 1;
pub const FPE_INTOVF: i32 = 2;
pub const FPE_FLTDIV: i32 = 3;
pub const FPE_FLTOVF: i32 = 4;
pub const FPE_FLTUND: i32 = 5;
pub const FPE_FLTRES: i32 = 6;
pub const FPE_FLTINV: i32 = 7;
pub const FPE_FLTSUB: i32 = 8;
pub const SEGV_MAPERR: i32 = 1;
pub const SEGV_ACCERR: i32 = 2;
pub const SEGV_BNDERR: i32 = 3;
pub const SEGV_PKUERR: i32 = 4;
pub const BUS_ADRALN: i32 = 1;
pub const BUS_ADRERR: i32 = 2;
pub const BUS_OBJERR: i32 = 3;
pub const TRAP_BRKPT: i32 = 1;
pub const TRAP_TRACE: i32 = 2;
pub const TRAP_BRANCH: i32 = 3;
pub const TRAP_HWBKPT: i32 = 4;
pub const CLD_EXITED: i32 = 1;
pub const CLD_KILLED: i32 = 2;
pub const CLD_DUMPED: i32 = 3;
pub const CLD_TRAPPED: i32 = 4;
pub const CLD_STOPPED: i32 = 5;
pub const CLD_CONTINUED: i32 = 6;
pub const POLL_IN: i32 = 1;
pub const POLL_OUT: i32 = 2;
pub const POLL_MSG: i32 = 3;
pub const POLL_ERR: i32 = 4;
pub const POLL_PRI: i32 = 5;
pub const POLL_HUP: i32 = 6;
pub const SYS_SECCOMP: i32 = 1;
pub const SYS_USER_DISPATCH: i32 = 2;

/// `siginfo_t`: the three common fields, and a union whose parts the accessors below place.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SigInfo {
    pub si_signo: i32,
    pub si_errno: i32,
    pub si_code: i32,
    pub pad: u32,
    /// The union `_sifields`, in 8-byte words.
    pub fields: [u64; 14],
}
const_assert_eq!(size_of::<SigInfo>(), 128);
impl Default for SigInfo {
    fn default() -> Self {
        Self::new_zeroed()
    }
}

/// Two 32-bit fields that share a word of the union, the first in the lower half.
const fn pair(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

impl SigInfo {
    /// A signal with nothing but its number and code (`SI_KERNEL`, mostly).
    pub const fn new(signo: i32, code: i32) -> Self {
        Self { si_signo: signo, si_errno: 0, si_code: code, pad: 0, fields: [0; 14] }
    }

    /// From kill(2) (`SI_USER`) or tgkill(2) (`SI_TKILL`).
    pub const fn kill(signo: i32, code: i32, pid: i32, uid: u32) -> Self {
        let mut info = Self::new(signo, code);
        info.fields[0] = pair(pid as u32, uid);
        info
    }

    /// From sigqueue(3) or a message queue: `value` is the `sigval`.
    pub const fn queue(signo: i32, code: i32, pid: i32, uid: u32, value: u64) -> Self {
        let mut info = Self::kill(signo, code, pid, uid);
        info.fields[1] = value;
        info
    }

    /// SIGCHLD: `code` is one of `CLD_*`; times are in clock ticks.
    pub const fn child(
        signo: i32,
        code: i32,
        pid: i32,
        uid: u32,
        status: i32,
        utime: i64,
        stime: i64,
    ) -> Self {
        let mut info = Self::kill(signo, code, pid, uid);
        info.fields[1] = status as u32 as u64;
        info.fields[2] = utime as u64;
        info.fields[3] = stime as u64;
        info
    }

    /// A fault at an address.
    pub const fn fault(signo: i32, code: i32, addr: u64) -> Self {
        let mut info = Self::new(signo, code);
        info.fields[0] = addr;
        info
    }

    /// A POSIX timer's expiry.
    pub const fn timer(signo: i32, timer_id: i32, overrun: i32, value: u64) -> Self {
        let mut info = Self::new(signo, SI_TIMER);
        info.fields[0] = pair(timer_id as u32, overrun as u32);
        info.fields[1] = value;
        info
    }

    /// Readiness of a descriptor (SIGIO with F_SETSIG); `code` is one of `POLL_*`.
    pub const fn poll(signo: i32, code: i32, band: i64, fd: i32) -> Self {
        let mut info = Self::new(signo, code);
        info.fields[0] = band as u64;
        info.fields[1] = fd as u32 as u64;
        info
    }

    /// SIGSYS.
    pub const fn sigsys(code: i32, call_addr: u64, nr: i32, arch: u32) -> Self {
        let mut info = Self::new(SIGSYS, code);
        info.fields[0] = call_addr;
        info.fields[1] = pair(nr as u32, arch);
        info
    }

    pub const fn si_pid(&self) -> i32 {
        self.fields[0] as i32
    }

    pub const fn si_uid(&self) -> u32 {
        (self.fields[0] >> 32) as u32
    }

    pub const fn si_value(&self) -> u64 {
        self.fields[1]
    }

    pub const fn si_status(&self) -> i32 {
        self.fields[1] as i32
    }

    pub const fn si_utime(&self) -> i64 {
        self.fields[2] as i64
    }

    pub const fn si_stime(&self) -> i64 {
        self.fields[3] as i64
    }

    pub const fn si_addr(&self) -> u64 {
        self.fields[0]
    }

    pub const fn si_timerid(&self) -> i32 {
        self.fields[0] as i32
    }

    pub const fn si_overrun(&self) -> i32 {
        (self.fields[0] >> 32) as i32
    }

    pub const fn si_band(&self) -> i64 {
        self.fields[0] as i64
    }

    pub const fn si_fd(&self) -> i32 {
        self.fields[1] as i32
    }

    /// Sets a timer signal's overrun count, known only at delivery.
    pub const fn set_overrun(&mut self, overrun: i32) {
        self.fields[0] = pair(self.fields[0] as u32, overrun as u32);
    }
}

// `sigev_notify`, sigevent(3type).
pub const SIGEV_SIGNAL: i32 = 0;
pub const SIGEV_NONE: i32 = 1;
pub const SIGEV_THREAD: i32 = 2;
pub const SIGEV_THREAD_ID: i32 = 4;

/// `struct sigevent`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SigEvent {
    pub sigev_value: u64,
    pub sigev_signo: i32,
    pub sigev_notify: i32,
    /// The thread id for `SIGEV_THREAD_ID`.
    pub sigev_tid: i32,
    pub reserved: [u32; 11],
}
const_assert_eq!(size_of::<SigEvent>(), 64);

/// `struct sigcontext`: the registers in a signal frame.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SigContext {
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub rdx: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rsp: u64,
    pub rip: u64,
    pub eflags: u64,
    pub cs: u16,
    pub gs: u16,
    pub fs: u16,
    pub ss: u16,
    pub err: u64,
    pub trapno: u64,
    pub oldmask: u64,
    pub cr2: u64,
    /// Address of the FXSAVE or XSAVE image.
    pub fpstate: u64,
    pub reserved: [u64; 8],
}
const_assert_eq!(size_of::<SigContext>(), 256);

/// The code segment selector of 64-bit programs.
pub const USER_CS: u16 = 0x33;
/// Their stack segment selector.
pub const USER_SS: u16 = 0x2b;

impl SigContext {
    /// The general registers of a frame; the caller fills in the mask and the floating-point state's address.
    pub fn from_frame(frame: &TrapFrame) -> Self {
        Self {
            r8: frame.r8,
            r9: frame.r9,
            r10: frame.r10,
            r11: frame.r11,
            r12: frame.r12,
            r13: frame.r13,
            r14: frame.r14,
            r15: frame.r15,
            rdi: frame.rdi,
            rsi: frame.rsi,
            rbp: frame.rbp,
            rbx: frame.rbx,
            rdx: frame.rdx,
            rax: frame.rax,
            rcx: frame.rcx,
            rsp: frame.rsp,
            rip: frame.rip,
            eflags: frame.rflags,
            cs: USER_CS,
            ss: USER_SS,
            err: frame.fault_code,
            trapno: frame.trapno,
            cr2: frame.fault_addr,
            ..Self::default()
        }
    }

    /// Puts the general registers back, as rt_sigreturn does; only the flags a program may set are taken.
    pub fn restore_into(&self, frame: &mut TrapFrame) {
        frame.r8 = self.r8;
        frame.r9 = self.r9;
        frame.r10 = self.r10;
        frame.r11 = self.r11;
        frame.r12 = self.r12;
        frame.r13 = self.r13;
        frame.r14 = self.r14;
        frame.r15 = self.r15;
        frame.rdi = self.rdi;
        frame.rsi = self.rsi;
        frame.rbp = self.rbp;
        frame.rbx = self.rbx;
        frame.rdx = self.rdx;
        frame.rax = self.rax;
        frame.rcx = self.rcx;
        frame.rsp = self.rsp;
        frame.rip = self.rip;
        frame.rflags = (frame.rflags & !crate::regs::RFLAGS_USER) | (self.eflags & crate::regs::RFLAGS_USER);
    }
}

/// `uc_flags`: the floating-point state is an XSAVE image.
pub const UC_FP_XSTATE: u64 = 1;
/// `uc_flags`: the saved stack segment is valid, and must be restored as it is.
pub const UC_SIGCONTEXT_SS: u64 = 2;
pub const UC_STRICT_RESTORE_SS: u64 = 4;

/// `struct ucontext`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct UContext {
    pub uc_flags: u64,
    pub uc_link: u64,
    pub uc_stack: StackT,
    pub uc_mcontext: SigContext,
    pub uc_sigmask: SigSet,
}
const_assert_eq!(size_of::<UContext>(), 304);

/// `struct rt_sigframe`: what lies at the stack pointer when a handler is entered.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct RtSigFrame {
    /// The handler's return address: the restorer.
    pub pretcode: u64,
    pub uc: UContext,
    pub info: SigInfo,
}
const_assert_eq!(size_of::<RtSigFrame>(), 440);

/// Marks an XSAVE image in the reserved bytes of the FXSAVE area (`FP_XSTATE_MAGIC1`)...
pub const FP_XSTATE_MAGIC1: u32 = 0x4650_5853;
/// ...and right behind it.
pub const FP_XSTATE_MAGIC2: u32 = 0x4650_5845;
pub const FP_XSTATE_MAGIC2_SIZE: usize = 4;
/// Where [`FpxSwBytes`] lies in the FXSAVE area.
pub const FPX_SW_OFFSET: usize = 464;

/// `struct _fpx_sw_bytes`: describes the image around it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct FpxSwBytes {
    pub magic1: u32,
    pub extended_size: u32,
    pub xfeatures: u64,
    pub xstate_size: u32,
    pub padding: [u32; 7],
}
const_assert_eq!(size_of::<FpxSwBytes>(), 48);

// signalfd(2).
pub const SFD_CLOEXEC: u32 = 0x8_0000;
pub const SFD_NONBLOCK: u32 = 0x800;

/// `struct signalfd_siginfo`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SignalfdSiginfo {
    pub ssi_signo: u32,
    pub ssi_errno: i32,
    pub ssi_code: i32,
    pub ssi_pid: u32,
    pub ssi_uid: u32,
    pub ssi_fd: i32,
    pub ssi_tid: u32,
    pub ssi_band: u32,
    pub ssi_overrun: u32,
    pub ssi_trapno: u32,
    pub ssi_status: i32,
    pub ssi_int: i32,
    pub ssi_ptr: u64,
    pub ssi_utime: u64,
    pub ssi_stime: u64,
    pub ssi_addr: u64,
    pub ssi_addr_lsb: u16,
    pub pad2: u16,
    pub ssi_syscall: i32,
    pub ssi_call_addr: u64,
    pub ssi_arch: u32,
    pub pad: [u8; 28],
}
const_assert_eq!(size_of::<SignalfdSiginfo>(), 128);
impl Default for SignalfdSiginfo {
    fn default() -> Self {
        Self::new_zeroed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
