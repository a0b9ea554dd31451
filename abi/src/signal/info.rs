//! What a signal carries: `siginfo_t`, `struct sigevent` and `struct signalfd_siginfo`; sigaction(2), signalfd(2).

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use super::SIGSYS;

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
