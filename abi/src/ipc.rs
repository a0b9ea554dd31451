//! System V IPC, sysvipc(7), and POSIX message queues, mq_overview(7).

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

// Creation flags, and the commands of the *ctl calls.
pub const IPC_CREAT: i32 = 0o1000;
pub const IPC_EXCL: i32 = 0o2000;
pub const IPC_NOWAIT: i32 = 0o4000;
pub const IPC_PRIVATE: i32 = 0;
pub const IPC_RMID: i32 = 0;
pub const IPC_SET: i32 = 1;
pub const IPC_STAT: i32 = 2;
pub const IPC_INFO: i32 = 3;
/// A bit that old C libraries add to commands; x86-64 ignores it.
pub const IPC_64: i32 = 0x100;

/// `struct ipc64_perm`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IpcPerm {
    pub key: i32,
    pub uid: u32,
    pub gid: u32,
    pub cuid: u32,
    pub cgid: u32,
    pub mode: u32,
    pub seq: u16,
    pub pad: [u16; 3],
    pub reserved: [u64; 2],
}
const_assert_eq!(size_of::<IpcPerm>(), 48);

// shmget(2), shmat(2), shmctl(2).
pub const SHM_R: i32 = 0o400;
pub const SHM_W: i32 = 0o200;
pub const SHM_HUGETLB: i32 = 0o4000;
pub const SHM_NORESERVE: i32 = 0o10000;
pub const SHM_RDONLY: i32 = 0o10000;
pub const SHM_RND: i32 = 0o20000;
pub const SHM_REMAP: i32 = 0o40000;
pub const SHM_EXEC: i32 = 0o100000;
pub const SHM_DEST: i32 = 0o1000;
pub const SHM_LOCKED: i32 = 0o2000;
pub const SHM_LOCK: i32 = 11;
pub const SHM_UNLOCK: i32 = 12;
pub const SHM_STAT: i32 = 13;
pub const SHM_INFO: i32 = 14;
pub const SHM_STAT_ANY: i32 = 15;
pub const SHMMIN: u64 = 1;
pub const SHMMNI: u64 = 4096;
pub const SHMMAX: u64 = 18_446_744_073_692_774_399;
pub const SHMALL: u64 = 18_446_744_073_692_774_399;

/// `struct shmid64_ds`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ShmidDs {
    pub shm_perm: IpcPerm,
    pub shm_segsz: u64,
    pub shm_atime: i64,
    pub shm_dtime: i64,
    pub shm_ctime: i64,
    pub shm_cpid: i32,
    pub shm_lpid: i32,
    pub shm_nattch: u64,
    pub reserved: [u64; 2],
}
const_assert_eq!(size_of::<ShmidDs>(), 112);

/// `struct shminfo64`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ShmInfoLimits {
    pub shmmax: u64,
    pub shmmin: u64,
    pub shmmni: u64,
    pub shmseg: u64,
    pub shmall: u64,
    pub reserved: [u64; 4],
}
const_assert_eq!(size_of::<ShmInfoLimits>(), 72);

/// `struct shm_info`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct ShmInfoUsage {
    pub used_ids: i32,
    pub pad: u32,
    pub shm_tot: u64,
    pub shm_rss: u64,
    pub shm_swp: u64,
    pub swap_attempts: u64,
    pub swap_successes: u64,
}
const_assert_eq!(size_of::<ShmInfoUsage>(), 48);

// semop(2), semctl(2).
pub const SEM_UNDO: i32 = 0x1000;
pub const GETPID: i32 = 11;
pub const GETVAL: i32 = 12;
pub const GETALL: i32 = 13;
pub const GETNCNT: i32 = 14;
pub const GETZCNT: i32 = 15;
pub const SETVAL: i32 = 16;
pub const SETALL: i32 = 17;
pub const SEM_STAT: i32 = 18;
pub const SEM_INFO: i32 = 19;
pub const SEM_STAT_ANY: i32 = 20;
pub const SEMMNI: i32 = 32_000;
pub const SEMMSL: i32 = 32_000;
pub const SEMMNS: i32 = 1_024_000_000;
pub const SEMOPM: i32 = 500;
pub const SEMVMX: i32 = 32_767;
pub const SEMAEM: i32 = 32_767;
pub const SEMUME: i32 = 500;
pub const SEMMNU: i32 = 1_024_000_000;
pub const SEMMAP: i32 = 1_024_000_000;
pub const SEMUSZ: i32 = 20;

/// `struct semid64_ds`, as x86-64 pads it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SemidDs {
    pub sem_perm: IpcPerm,
    pub sem_otime: i64,
    pub reserved1: u64,
    pub sem_ctime: i64,
    pub reserved2: u64,
    pub sem_nsems: u64,
    pub reserved3: [u64; 2],
}
const_assert_eq!(size_of::<SemidDs>(), 104);

/// `struct sembuf`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SemBuf {
    pub sem_num: u16,
    pub sem_op: i16,
    pub sem_flg: i16,
}
const_assert_eq!(size_of::<SemBuf>(), 6);

/// `struct seminfo`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SemInfo {
    pub semmap: i32,
    pub semmni: i32,
    pub semmns: i32,
    pub semmnu: i32,
    pub semmsl: i32,
    pub semopm: i32,
    pub semume: i32,
    pub semusz: i32,
    pub semvmx: i32,
    pub semaem: i32,
}
const_assert_eq!(size_of::<SemInfo>(), 40);

// msgsnd(2), msgrcv(2), msgctl(2). The message flags are in `socket`'s name space in C, but not here.
pub const MSG_NOERROR: i32 = 0o10000;
pub const MSG_EXCEPT: i32 = 0o20000;
pub const MSG_COPY: i32 = 0o40000;
pub const MSG_STAT: i32 = 11;
pub const MSG_INFO: i32 = 12;
pub const MSG_STAT_ANY: i32 = 13;
pub const MSGMNI: usize = 32_000;
pub const MSGMAX: usize = 8192;
pub const MSGMNB: usize = 16_384;
pub const MSGPOOL: usize = 512_000;
pub const MSGTQL: usize = 16_384;
pub const MSGSSZ: usize = 16;
pub const MSGSEG: usize = 65_535;

/// `struct msqid64_ds`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MsqidDs {
    pub msg_perm: IpcPerm,
    pub msg_stime: i64,
    pub msg_rtime: i64,
    pub msg_ctime: i64,
    pub msg_cbytes: u64,
    pub msg_qnum: u64,
    pub msg_qbytes: u64,
    pub msg_lspid: i32,
    pub msg_lrpid: i32,
    pub reserved: [u64; 2],
}
const_assert_eq!(size_of::<MsqidDs>(), 120);

/// `struct msginfo`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MsgInfo {
    pub msgpool: i32,
    pub msgmap: i32,
    pub msgmax: i32,
    pub msgmnb: i32,
    pub msgmni: i32,
    pub msgssz: i32,
    pub msgtql: i32,
    pub msgseg: u16,
    pub pad: u16,
}
const_assert_eq!(size_of::<MsgInfo>(), 32);

/// `struct mq_attr`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct MqAttr {
    pub mq_flags: i64,
    pub mq_maxmsg: i64,
    pub mq_msgsize: i64,
    pub mq_curmsgs: i64,
    pub reserved: [i64; 4],
}
const_assert_eq!(size_of::<MqAttr>(), 64);
pub const MQ_PRIO_MAX: u32 = 32_768;
pub const MQ_BYTES_MAX: u32 = 819_200;
/// The limits that mq_open(3) keeps for unprivileged callers, and the sizes of a queue made without attributes.
pub const MQ_MAXMSG: i64 = 10;
pub const MQ_MSGSIZE: i64 = 8192;
/// The most queues.
pub const MQ_QUEUES_MAX: usize = 256;
