//! Processes and threads: clone(2), wait(2), getrlimit(2), prctl(2), futex(2), sched(7), and the structures of
//! the small calls about them.

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::time::Timeval;

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

/// `struct rusage`; getrusage(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Rusage {
    pub ru_utime: Timeval,
    pub ru_stime: Timeval,
    pub ru_maxrss: i64,
    pub ru_ixrss: i64,
    pub ru_idrss: i64,
    pub ru_isrss: i64,
    pub ru_minflt: i64,
    pub ru_majflt: i64,
    pub ru_nswap: i64,
    pub ru_inblock: i64,
    pub ru_oublock: i64,
    pub ru_msgsnd: i64,
    pub ru_msgrcv: i64,
    pub ru_nsignals: i64,
    pub ru_nvcsw: i64,
    pub ru_nivcsw: i64,
}
const_assert_eq!(size_of::<Rusage>(), 144);

pub const RUSAGE_SELF: i32 = 0;
pub const RUSAGE_CHILDREN: i32 = -1;
pub const RUSAGE_BOTH: i32 = -2;
pub const RUSAGE_THREAD: i32 = 1;

// getrlimit(2).
pub const RLIMIT_CPU: u32 = 0;
pub const RLIMIT_FSIZE: u32 = 1;
pub const RLIMIT_DATA: u32 = 2;
pub const RLIMIT_STACK: u32 = 3;
pub const RLIMIT_CORE: u32 = 4;
pub const RLIMIT_RSS: u32 = 5;
pub const RLIMIT_NPROC: u32 = 6;
pub const RLIMIT_NOFILE: u32 = 7;
pub const RLIMIT_MEMLOCK: u32 = 8;
pub const RLIMIT_AS: u32 = 9;
pub const RLIMIT_LOCKS: u32 = 10;
pub const RLIMIT_SIGPENDING: u32 = 11;
pub const RLIMIT_MSGQUEUE: u32 = 12;
pub const RLIMIT_NICE: u32 = 13;
pub const RLIMIT_RTPRIO: u32 = 14;
pub const RLIMIT_RTTIME: u32 = 15;
pub const RLIM_NLIMITS: u32 = 16;
pub const RLIM_INFINITY: u64 = 18_446_744_073_709_551_615;

/// `struct rlimit`, which is `struct rlimit64` on x86-64.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Rlimit64 {
    pub rlim_cur: u64,
    pub rlim_max: u64,
}
const_assert_eq!(size_of::<Rlimit64>(), 16);

// getpriority(2).
pub const PRIO_MIN: i32 = -20;
pub const PRIO_MAX: i32 = 20;
pub const PRIO_PROCESS: i32 = 0;
pub const PRIO_PGRP: i32 = 1;
pub const PRIO_USER: i32 = 2;

// prctl(2).
pub const PR_SET_PDEATHSIG: i32 = 1;
pub const PR_GET_PDEATHSIG: i32 = 2;
pub const PR_GET_DUMPABLE: i32 = 3;
pub const PR_SET_DUMPABLE: i32 = 4;
pub const PR_GET_UNALIGN: i32 = 5;
pub const PR_SET_UNALIGN: i32 = 6;
pub const PR_GET_KEEPCAPS: i32 = 7;
pub const PR_SET_KEEPCAPS: i32 = 8;
pub const PR_GET_FPEMU: i32 = 9;
pub const PR_SET_FPEMU: i32 = 10;
pub const PR_GET_FPEXC: i32 = 11;
pub const PR_SET_FPEXC: i32 = 12;
pub const PR_GET_TIMING: i32 = 13;
pub const PR_SET_TIMING: i32 = 14;
pub const PR_SET_NAME: i32 = 15;
pub const PR_GET_NAME: i32 = 16;
pub const PR_GET_ENDIAN: i32 = 19;
pub const PR_SET_ENDIAN: i32 = 20;
pub const PR_GET_SECCOMP: i32 = 21;
pub const PR_SET_SECCOMP: i32 = 22;
pub const PR_CAPBSET_READ: i32 = 23;
pub const PR_CAPBSET_DROP: i32 = 24;
pub const PR_GET_TSC: i32 = 25;
pub const PR_SET_TSC: i32 = 26;
pub const PR_GET_SECUREBITS: i32 = 27;
pub const PR_SET_SECUREBITS: i32 = 28;
pub const PR_SET_TIMERSLACK: i32 = 29;
pub const PR_GET_TIMERSLACK: i32 = 30;
pub const PR_TASK_PERF_EVENTS_DISABLE: i32 = 31;
pub const PR_TASK_PERF_EVENTS_ENABLE: i32 = 32;
pub const PR_MCE_KILL: i32 = 33;
pub const PR_MCE_KILL_GET: i32 = 34;
pub const PR_SET_MM: i32 = 35;
pub const PR_SET_CHILD_SUBREAPER: i32 = 36;
pub const PR_GET_CHILD_SUBREAPER: i32 = 37;
pub const PR_SET_NO_NEW_PRIVS: i32 = 38;
pub const PR_GET_NO_NEW_PRIVS: i32 = 39;
pub const PR_GET_TID_ADDRESS: i32 = 40;
pub const PR_SET_THP_DISABLE: i32 = 41;
pub const PR_GET_THP_DISABLE: i32 = 42;
pub const PR_CAP_AMBIENT: i32 = 47;
pub const PR_GET_SPECULATION_CTRL: i32 = 52;
pub const PR_SET_SPECULATION_CTRL: i32 = 53;
pub const PR_SET_IO_FLUSHER: i32 = 57;
pub const PR_GET_IO_FLUSHER: i32 = 58;
pub const PR_SET_SYSCALL_USER_DISPATCH: i32 = 59;
pub const PR_SCHED_CORE: i32 = 62;
pub const PR_SET_MDWE: i32 = 65;
pub const PR_GET_MDWE: i32 = 66;
pub const PR_SET_VMA: i32 = 1_398_164_801;
pub const PR_SET_VMA_ANON_NAME: i32 = 0;
pub const PR_SET_PTRACER: i32 = 1_499_557_217;
pub const PR_CAP_AMBIENT_IS_SET: i32 = 1;
pub const PR_CAP_AMBIENT_RAISE: i32 = 2;
pub const PR_CAP_AMBIENT_LOWER: i32 = 3;
pub const PR_CAP_AMBIENT_CLEAR_ALL: i32 = 4;
pub const PR_SET_MM_START_CODE: i32 = 1;
pub const PR_SET_MM_END_CODE: i32 = 2;
pub const PR_SET_MM_START_DATA: i32 = 3;
pub const PR_SET_MM_END_DATA: i32 = 4;
pub const PR_SET_MM_START_STACK: i32 = 5;
pub const PR_SET_MM_START_BRK: i32 = 6;
pub const PR_SET_MM_BRK: i32 = 7;
pub const PR_SET_MM_ARG_START: i32 = 8;
pub const PR_SET_MM_ARG_END: i32 = 9;
pub const PR_SET_MM_ENV_START: i32 = 10;
pub const PR_SET_MM_ENV_END: i32 = 11;
pub const PR_SET_MM_AUXV: i32 = 12;
pub const PR_SET_MM_EXE_FILE: i32 = 13;
pub const PR_SET_MM_MAP: i32 = 14;
pub const PR_SET_MM_MAP_SIZE: i32 = 15;
pub const PR_TSC_ENABLE: i32 = 1;
pub const PR_TSC_SIGSEGV: i32 = 2;
/// The length of a thread's name with its final NUL (`TASK_COMM_LEN`).
pub const TASK_COMM_LEN: usize = 16;

// arch_prctl(2).
pub const ARCH_SET_GS: i32 = 0x1001;
pub const ARCH_SET_FS: i32 = 0x1002;
pub const ARCH_GET_FS: i32 = 0x1003;
pub const ARCH_GET_GS: i32 = 0x1004;
pub const ARCH_GET_CPUID: i32 = 0x1011;
pub const ARCH_SET_CPUID: i32 = 0x1012;
pub const ARCH_GET_XCOMP_SUPP: i32 = 0x1021;
pub const ARCH_GET_XCOMP_PERM: i32 = 0x1022;
pub const ARCH_REQ_XCOMP_PERM: i32 = 0x1023;
pub const ARCH_MAP_VDSO_64: i32 = 0x2003;
pub const ARCH_CET_STATUS: i32 = 0x3001;
pub const ARCH_SHSTK_ENABLE: i32 = 0x5001;
pub const ARCH_SHSTK_DISABLE: i32 = 0x5002;
pub const ARCH_SHSTK_LOCK: i32 = 0x5003;
pub const ARCH_SHSTK_UNLOCK: i32 = 0x5004;
pub const ARCH_SHSTK_STATUS: i32 = 0x5005;

// futex(2): operations, their flags, and the bits of the word.
pub const FUTEX_WAIT: u32 = 0;
pub const FUTEX_WAKE: u32 = 1;
pub const FUTEX_FD: u32 = 2;
pub const FUTEX_REQUEUE: u32 = 3;
pub const FUTEX_CMP_REQUEUE: u32 = 4;
pub const FUTEX_WAKE_OP: u32 = 5;
pub const FUTEX_LOCK_PI: u32 = 6;
pub const FUTEX_UNLOCK_PI: u32 = 7;
pub const FUTEX_TRYLOCK_PI: u32 = 8;
pub const FUTEX_WAIT_BITSET: u32 = 9;
pub const FUTEX_WAKE_BITSET: u32 = 10;
pub const FUTEX_WAIT_REQUEUE_PI: u32 = 11;
pub const FUTEX_CMP_REQUEUE_PI: u32 = 12;
pub const FUTEX_LOCK_PI2: u32 = 13;
pub const FUTEX_PRIVATE_FLAG: u32 = 128;
pub const FUTEX_CLOCK_REALTIME: u32 = 256;
pub const FUTEX_OP_SET: u32 = 0;
pub const FUTEX_OP_ADD: u32 = 1;
pub const FUTEX_OP_OR: u32 = 2;
pub const FUTEX_OP_ANDN: u32 = 3;
pub const FUTEX_OP_XOR: u32 = 4;
pub const FUTEX_OP_OPARG_SHIFT: u32 = 8;
pub const FUTEX_OP_CMP_EQ: u32 = 0;
pub const FUTEX_OP_CMP_NE: u32 = 1;
pub const FUTEX_OP_CMP_LT: u32 = 2;
pub const FUTEX_OP_CMP_LE: u32 = 3;
pub const FUTEX_OP_CMP_GT: u32 = 4;
pub const FUTEX_OP_CMP_GE: u32 = 5;
pub const FUTEX_CMD_MASK: u32 = 0x7f;
pub const FUTEX_WAITERS: u32 = 0x8000_0000;
pub const FUTEX_OWNER_DIED: u32 = 0x4000_0000;
pub const FUTEX_TID_MASK: u32 = 0x3fff_ffff;
pub const FUTEX_BITSET_MATCH_ANY: u32 = 0xffff_ffff;
pub const FUTEX2_SIZE_U8: u32 = 0x0;
pub const FUTEX2_SIZE_U16: u32 = 0x1;
pub const FUTEX2_SIZE_U32: u32 = 0x2;
pub const FUTEX2_SIZE_U64: u32 = 0x3;
pub const FUTEX2_SIZE_MASK: u32 = 0x3;
pub const FUTEX2_NUMA: u32 = 0x4;
pub const FUTEX2_PRIVATE: u32 = 0x80;
/// How many entries of a robust list are looked at, so that a loop in it ends.
pub const ROBUST_LIST_LIMIT: usize = 2048;
/// The most elements of futex_waitv.
pub const FUTEX_WAITV_MAX: usize = 128;

/// `struct robust_list_head`; set_robust_list(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct RobustListHead {
    /// The first entry; bit 0 of an entry's address says that the lock is a priority-inheritance one.
    pub list: u64,
    pub futex_offset: i64,
    pub list_op_pending: u64,
}
const_assert_eq!(size_of::<RobustListHead>(), 24);

/// `struct futex_waitv`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct FutexWaitv {
    pub val: u64,
    pub uaddr: u64,
    pub flags: u32,
    pub reserved: u32,
}
const_assert_eq!(size_of::<FutexWaitv>(), 24);

// sched_setscheduler(2), sched_setattr(2).
pub const SCHED_OTHER: u32 = 0;
pub const SCHED_FIFO: u32 = 1;
pub const SCHED_RR: u32 = 2;
pub const SCHED_BATCH: u32 = 3;
pub const SCHED_IDLE: u32 = 5;
pub const SCHED_DEADLINE: u32 = 6;
pub const SCHED_EXT: u32 = 7;
pub const SCHED_RESET_ON_FORK: u32 = 0x4000_0000;
pub const SCHED_FLAG_RESET_ON_FORK: u64 = 0x1;
pub const SCHED_FLAG_RECLAIM: u64 = 0x2;
pub const SCHED_FLAG_DL_OVERRUN: u64 = 0x4;
pub const SCHED_FLAG_KEEP_POLICY: u64 = 0x8;
pub const SCHED_FLAG_KEEP_PARAMS: u64 = 0x10;
pub const SCHED_FLAG_UTIL_CLAMP_MIN: u64 = 0x20;
pub const SCHED_FLAG_UTIL_CLAMP_MAX: u64 = 0x40;

/// `struct sched_param`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SchedParam {
    pub sched_priority: i32,
}
const_assert_eq!(size_of::<SchedParam>(), 4);

/// `struct sched_attr`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SchedAttr {
    pub size: u32,
    pub sched_policy: u32,
    pub sched_flags: u64,
    pub sched_nice: i32,
    pub sched_priority: u32,
    pub sched_runtime: u64,
    pub sched_deadline: u64,
    pub sched_period: u64,
    pub sched_util_min: u32,
    pub sched_util_max: u32,
}
const_assert_eq!(size_of::<SchedAttr>(), 56);
/// The size that sched_setattr has accepted from its first version on.
pub const SCHED_ATTR_SIZE_VER0: usize = 48;

// ioprio_set(2).
pub const IOPRIO_WHO_PROCESS: i32 = 1;
pub const IOPRIO_WHO_PGRP: i32 = 2;
pub const IOPRIO_WHO_USER: i32 = 3;
pub const IOPRIO_CLASS_SHIFT: i32 = 13;
pub const IOPRIO_CLASS_NONE: i32 = 0;
pub const IOPRIO_CLASS_RT: i32 = 1;
pub const IOPRIO_CLASS_BE: i32 = 2;
pub const IOPRIO_CLASS_IDLE: i32 = 3;

/// The length of one field of [`Utsname`], with its final NUL.
pub const UTS_FIELD: usize = 65;

/// `struct new_utsname`; uname(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Utsname {
    pub sysname: [u8; UTS_FIELD],
    pub nodename: [u8; UTS_FIELD],
    pub release: [u8; UTS_FIELD],
    pub version: [u8; UTS_FIELD],
    pub machine: [u8; UTS_FIELD],
    pub domainname: [u8; UTS_FIELD],
}
const_assert_eq!(size_of::<Utsname>(), 390);
impl Default for Utsname {
    fn default() -> Self {
        Self::new_zeroed()
    }
}

/// `struct sysinfo`; sysinfo(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Sysinfo {
    pub uptime: i64,
    /// Load averages, scaled by 65536.
    pub loads: [u64; 3],
    pub totalram: u64,
    pub freeram: u64,
    pub sharedram: u64,
    pub bufferram: u64,
    pub totalswap: u64,
    pub freeswap: u64,
    pub procs: u16,
    pub pad: u16,
    pub pad2: u32,
    pub totalhigh: u64,
    pub freehigh: u64,
    pub mem_unit: u32,
    pub pad3: u32,
}
const_assert_eq!(size_of::<Sysinfo>(), 112);

/// `struct tms`; times(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Tms {
    pub tms_utime: i64,
    pub tms_stime: i64,
    pub tms_cutime: i64,
    pub tms_cstime: i64,
}
const_assert_eq!(size_of::<Tms>(), 32);

/// `struct rseq`, as first published; rseq(2).
#[repr(C, align(32))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Rseq {
    pub cpu_id_start: u32,
    pub cpu_id: u32,
    pub rseq_cs: u64,
    pub flags: u32,
    pub node_id: u32,
    pub mm_cid: u32,
    pub pad: u32,
}
const_assert_eq!(size_of::<Rseq>(), 32);

/// `struct rseq_cs`: a restartable sequence.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct RseqCs {
    pub version: u32,
    pub flags: u32,
    pub start_ip: u64,
    pub post_commit_offset: u64,
    pub abort_ip: u64,
}
const_assert_eq!(size_of::<RseqCs>(), 32);
pub const RSEQ_FLAG_UNREGISTER: u32 = 1;
pub const RSEQ_CPU_ID_UNINITIALIZED: i32 = -1;
pub const RSEQ_CPU_ID_REGISTRATION_FAILED: i32 = -2;

/// `struct __user_cap_header_struct`; capget(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct CapUserHeader {
    pub version: u32,
    pub pid: i32,
}
const_assert_eq!(size_of::<CapUserHeader>(), 8);

/// `struct __user_cap_data_struct`; two of them since version 2.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct CapUserData {
    pub effective: u32,
    pub permitted: u32,
    pub inheritable: u32,
}
const_assert_eq!(size_of::<CapUserData>(), 12);
pub const _LINUX_CAPABILITY_VERSION_1: u32 = 0x1998_0330;
pub const _LINUX_CAPABILITY_VERSION_2: u32 = 0x2007_1026;
pub const _LINUX_CAPABILITY_VERSION_3: u32 = 0x2008_0522;

// capabilities(7).
pub const CAP_CHOWN: u32 = 0;
pub const CAP_DAC_OVERRIDE: u32 = 1;
pub const CAP_DAC_READ_SEARCH: u32 = 2;
pub const CAP_FOWNER: u32 = 3;
pub const CAP_FSETID: u32 = 4;
pub const CAP_KILL: u32 = 5;
pub const CAP_SETGID: u32 = 6;
pub const CAP_SETUID: u32 = 7;
pub const CAP_SETPCAP: u32 = 8;
pub const CAP_LINUX_IMMUTABLE: u32 = 9;
pub const CAP_NET_BIND_SERVICE: u32 = 10;
pub const CAP_NET_BROADCAST: u32 = 11;
pub const CAP_NET_ADMIN: u32 = 12;
pub const CAP_NET_RAW: u32 = 13;
pub const CAP_IPC_LOCK: u32 = 14;
pub const CAP_IPC_OWNER: u32 = 15;
pub const CAP_SYS_MODULE: u32 = 16;
pub const CAP_SYS_RAWIO: u32 = 17;
pub const CAP_SYS_CHROOT: u32 = 18;
pub const CAP_SYS_PTRACE: u32 = 19;
pub const CAP_SYS_PACCT: u32 = 20;
pub const CAP_SYS_ADMIN: u32 = 21;
pub const CAP_SYS_BOOT: u32 = 22;
pub const CAP_SYS_NICE: u32 = 23;
pub const CAP_SYS_RESOURCE: u32 = 24;
pub const CAP_SYS_TIME: u32 = 25;
pub const CAP_SYS_TTY_CONFIG: u32 = 26;
pub const CAP_MKNOD: u32 = 27;
pub const CAP_LEASE: u32 = 28;
pub const CAP_AUDIT_WRITE: u32 = 29;
pub const CAP_AUDIT_CONTROL: u32 = 30;
pub const CAP_SETFCAP: u32 = 31;
pub const CAP_MAC_OVERRIDE: u32 = 32;
pub const CAP_MAC_ADMIN: u32 = 33;
pub const CAP_SYSLOG: u32 = 34;
pub const CAP_WAKE_ALARM: u32 = 35;
pub const CAP_BLOCK_SUSPEND: u32 = 36;
pub const CAP_AUDIT_READ: u32 = 37;
pub const CAP_PERFMON: u32 = 38;
pub const CAP_BPF: u32 = 39;
pub const CAP_CHECKPOINT_RESTORE: u32 = 40;
pub const CAP_LAST_CAP: u32 = 40;

// personality(2).
pub const PER_LINUX: u32 = 0x0;
pub const PER_MASK: u32 = 0xff;
pub const PER_LINUX32: u32 = 0x8;
pub const UNAME26: u32 = 0x2_0000;
pub const ADDR_NO_RANDOMIZE: u32 = 0x4_0000;
pub const FDPIC_FUNCPTRS: u32 = 0x8_0000;
pub const MMAP_PAGE_ZERO: u32 = 0x10_0000;
pub const ADDR_COMPAT_LAYOUT: u32 = 0x20_0000;
pub const READ_IMPLIES_EXEC: u32 = 0x40_0000;
pub const ADDR_LIMIT_32BIT: u32 = 0x80_0000;
pub const SHORT_INODE: u32 = 0x100_0000;
pub const WHOLE_SECONDS: u32 = 0x200_0000;
pub const STICKY_TIMEOUTS: u32 = 0x400_0000;
pub const ADDR_LIMIT_3GB: u32 = 0x800_0000;
/// The argument that asks for the personality without changing it.
pub const PERSONALITY_QUERY: u32 = 0xffff_ffff;

// getrandom(2).
pub const GRND_NONBLOCK: u32 = 0x1;
pub const GRND_RANDOM: u32 = 0x2;
pub const GRND_INSECURE: u32 = 0x4;

// membarrier(2).
pub const MEMBARRIER_CMD_QUERY: i32 = 0x0;
pub const MEMBARRIER_CMD_GLOBAL: i32 = 0x1;
pub const MEMBARRIER_CMD_GLOBAL_EXPEDITED: i32 = 0x2;
pub const MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED: i32 = 0x4;
pub const MEMBARRIER_CMD_PRIVATE_EXPEDITED: i32 = 0x8;
pub const MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED: i32 = 0x10;
pub const MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE: i32 = 0x20;
pub const MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: i32 = 0x40;
pub const MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ: i32 = 0x80;
pub const MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ: i32 = 0x100;
pub const MEMBARRIER_CMD_GET_REGISTRATIONS: i32 = 0x200;

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

// seccomp(2).
pub const SECCOMP_MODE_DISABLED: u32 = 0x0;
pub const SECCOMP_MODE_STRICT: u32 = 0x1;
pub const SECCOMP_MODE_FILTER: u32 = 0x2;
pub const SECCOMP_SET_MODE_STRICT: u32 = 0x0;
pub const SECCOMP_SET_MODE_FILTER: u32 = 0x1;
pub const SECCOMP_GET_ACTION_AVAIL: u32 = 0x2;
pub const SECCOMP_GET_NOTIF_SIZES: u32 = 0x3;
pub const SECCOMP_RET_KILL_PROCESS: u32 = 0x8000_0000;
pub const SECCOMP_RET_KILL_THREAD: u32 = 0x0;
pub const SECCOMP_RET_TRAP: u32 = 0x3_0000;
pub const SECCOMP_RET_ERRNO: u32 = 0x5_0000;
pub const SECCOMP_RET_TRACE: u32 = 0x7ff0_0000;
pub const SECCOMP_RET_LOG: u32 = 0x7ffc_0000;
pub const SECCOMP_RET_ALLOW: u32 = 0x7fff_0000;
pub const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;

/// `struct seccomp_data`: what a seccomp filter sees.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SeccompData {
    pub nr: i32,
    pub arch: u32,
    pub instruction_pointer: u64,
    pub args: [u64; 6],
}
const_assert_eq!(size_of::<SeccompData>(), 64);

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
