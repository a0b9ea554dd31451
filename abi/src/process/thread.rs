//! What threads use among themselves: futex(2), rseq(2), membarrier(2), sched(7).

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

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
