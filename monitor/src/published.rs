//! The family region as the monitor writes it.

use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use abi::Errno;
use protocol::family::{self, DescState, ProcIds};
use protocol::{PROTOCOL_VERSION, SharedMem};
use rustix::fs::{SealFlags, fcntl_add_seals};

use crate::clock;
use crate::mapping::Mapped;
use crate::regions::{Backing, Memory};

/// What all members may read: generations, identities, state of descriptions.
pub struct FamilyRegion {
    mem: Mapped,
    backing: Backing,
}

impl FamilyRegion {
    /// A fresh region; members can only map it for reading.
    pub fn new(memory: &Memory) -> Result<Self, Errno> {
        let (backing, mem) = memory.create_mapped("offshoot-family", family::REGION_SIZE as u64)?;
        if let Some(file) = backing.file() {
            fcntl_add_seals(file, SealFlags::FUTURE_WRITE).map_err(|e| Errno(e.raw_os_error()))?;
        }
        let me = Self { mem, backing };
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let boot = (wall.as_nanos() as u64).saturating_sub(clock::boot_ns());
        me.mem.u64_at(family::BOOT_WALL_NS).store(boot, Ordering::Relaxed);
        me.mem.u64_at(family::FS_GENERATION).store(1, Ordering::Relaxed);
        me.mem.u32_at(family::VERSION).store(PROTOCOL_VERSION, Ordering::Release);
        Ok(me)
    }

    /// For members.
    pub fn backing(&self) -> &Backing {
        &self.backing
    }

    /// Whether the monitor runs or spins.
    pub fn set_awake(&self, awake: bool) {
        self.mem.u32_at(family::MONITOR_AWAKE).store(awake.into(), Ordering::Release);
    }

    /// Cached paths and attributes may be stale from here on.
    pub fn bump_fs_generation(&self) {
        self.mem.u64_at(family::FS_GENERATION).fetch_add(1, Ordering::SeqCst);
    }

    /// Whether members send trace lines.
    pub fn set_trace(&self, on: bool) {
        self.mem.u32_at(family::TRACE).store(on.into(), Ordering::Release);
    }

    /// Wall-clock time of the family's start in nanoseconds.
    pub fn boot_wall_ns(&self) -> u64 {
        self.mem.u64_at(family::BOOT_WALL_NS).load(Ordering::Relaxed)
    }

    /// Publishes the identity of the process in `slot`.
    pub fn set_proc(&self, slot: u32, ids: ProcIds) {
        family::set_proc_ids(&self.mem, slot, ids);
    }

    /// Publishes an open file description.
    pub fn set_desc(&self, desc: u32, state: DescState) {
        family::set_desc_state(&self.mem, desc, state);
    }
}
