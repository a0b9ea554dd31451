//! The family region: what the monitor publishes to all members, read-only for them.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::{MAX_DESCS, MAX_MEMBERS, SharedMem};

/// Offset: protocol version (u32).
pub const VERSION: usize = 0;
/// Offset: 1 while the monitor runs or spins, 0 while it sleeps (u32). A hint for how long to spin.
pub const MONITOR_AWAKE: usize = 4;
/// Offset: generation of names and attributes; changes whenever any cached path or attribute may be stale (u64).
pub const FS_GENERATION: usize = 8;
/// Offset: wall-clock time of the host's start in nanoseconds (u64).
pub const BOOT_WALL_NS: usize = 16;
/// Offset: 1 when the family is traced (u32).
pub const TRACE: usize = 24;

const PROCS: usize = 0x1000;
const PROC_SIZE: usize = 32;
const DESCS: usize = PROCS + PROC_SIZE * MAX_MEMBERS as usize;
const DESC_SIZE: usize = 16;
/// Bytes of the whole region.
pub const REGION_SIZE: usize = DESCS + DESC_SIZE * MAX_DESCS as usize;

/// Identity of the process that a slot runs, as the monitor's table has it now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcIds {
    pub pid: u32,
    pub ppid: u32,
    pub pgid: u32,
    pub sid: u32,
}

/// Reads the identity published for `slot`.
pub fn proc_ids<M: SharedMem + ?Sized>(mem: &M, slot: u32) -> ProcIds {
    let at = PROCS + PROC_SIZE * (slot % MAX_MEMBERS) as usize;
    let get = |i: usize| mem.u32_at(at + i * 4).load(Ordering::Relaxed);
    ProcIds { pid: get(0), ppid: get(1), pgid: get(2), sid: get(3) }
}

/// Where [`proc_ids`] has the process id of `slot`.
pub fn pid_word<M: SharedMem + ?Sized>(mem: &M, slot: u32) -> &AtomicU32 {
    mem.u32_at(PROCS + PROC_SIZE * (slot % MAX_MEMBERS) as usize)
}

/// Where it has the parent's.
pub fn ppid_word<M: SharedMem + ?Sized>(mem: &M, slot: u32) -> &AtomicU32 {
    mem.u32_at(PROCS + PROC_SIZE * (slot % MAX_MEMBERS) as usize + 4)
}

/// Publishes the identity of `slot` (monitor only).
pub fn set_proc_ids<M: SharedMem + ?Sized>(mem: &M, slot: u32, ids: ProcIds) {
    let at = PROCS + PROC_SIZE * (slot % MAX_MEMBERS) as usize;
    for (i, v) in [ids.pid, ids.ppid, ids.pgid, ids.sid].into_iter().enumerate() {
        mem.u32_at(at + i * 4).store(v, Ordering::Relaxed);
    }
}

/// What is published of an open file description.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DescState {
    /// Status flags as F_GETFL gives them (O_APPEND, O_NONBLOCK, access mode …).
    pub flags: u32,
    /// Processes that hold the description.
    pub holders: u32,
    /// Changes when the number is used for another description.
    pub generation: u32,
    /// Of an epoll instance: changes with its list ([`crate::epoll`]); otherwise 0.
    pub changes: u32,
}

/// Reads what is published of `desc`.
pub fn desc_state<M: SharedMem + ?Sized>(mem: &M, desc: u32) -> DescState {
    let at = DESCS + DESC_SIZE * (desc % MAX_DESCS) as usize;
    let get = |i: usize| mem.u32_at(at + i * 4).load(Ordering::Acquire);
    DescState { flags: get(0), holders: get(1), generation: get(2), changes: get(3) }
}

/// Publishes `desc` (monitor only).
pub fn set_desc_state<M: SharedMem + ?Sized>(mem: &M, desc: u32, state: DescState) {
    let at = DESCS + DESC_SIZE * (desc % MAX_DESCS) as usize;
    for (i, v) in [state.flags, state.holders, state.generation, state.changes].into_iter().enumerate() {
        mem.u32_at(at + i * 4).store(v, Ordering::Release);
    }
}
