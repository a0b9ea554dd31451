//! The context of one request: who asks, when, and what the rest of the family looks like to procfs.

use alloc::vec::Vec;
use protocol::caps::Caps;

use crate::server::attr::Time;
use crate::server::walk::Place;

/// Credentials that permission checks use (the filesystem ids, or the real ones for access(2)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Creds {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
}

impl Creds {
    /// The all-powerful user: passes CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_CHOWN, CAP_MKNOD and so on.
    pub fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// True when `gid` is the group or one of the supplementary groups.
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }
}

/// What procfs tells of a process.
#[derive(Clone, Debug, Default)]
pub struct ProcInfo {
    pub pid: u32,
    pub ppid: u32,
    pub pgid: u32,
    pub sid: u32,
    /// Device number of the controlling terminal, or 0, and its foreground group (-1 without one).
    pub tty: u32,
    pub tty_pgrp: i32,
    /// As in /proc/PID/stat: `R`, `S`, `T`, `Z`.
    pub state: u8,
    /// How many threads it has, and their ids as far as they are known.
    pub threads: u32,
    pub tids: Vec<u32>,
    /// Real, effective, saved, filesystem uid, then the same for gid.
    pub ids: [u32; 8],
    pub groups: Vec<u32>,
    pub comm: Vec<u8>,
    pub exe: Vec<u8>,
    pub argv: Vec<Vec<u8>>,
    pub envp: Vec<Vec<u8>>,
    /// After the family's start.
    pub start_ns: u64,
    pub user_ns: u64,
    pub system_ns: u64,
    pub child_user_ns: u64,
    pub child_system_ns: u64,
    pub min_flt: u64,
    pub nice: i32,
    /// Memory, in bytes, as far as the monitor sees it.
    pub vsize: u64,
    pub rss: u64,
    /// Soft and hard limits by RLIMIT number; empty when unknown.
    pub limits: Vec<(u64, u64)>,
    pub exit_code: i32,
    /// Pending for the first thread, pending for the process, blocked, ignored, caught (bit signo-1).
    pub signals: [u64; 5],
    /// Capability sets.
    pub caps: Caps,
}

/// What procfs tells of the machine.
#[derive(Clone, Debug, Default)]
pub struct SystemInfo {
    pub uptime_ns: u64,
    pub boot_sec: i64,
    pub mem_total: u64,
    pub mem_free: u64,
    pub cpus: u32,
    /// CPU model name for /proc/cpuinfo.
    pub cpu_model: Vec<u8>,
    /// Load averages times 65536.
    pub loads: [u64; 3],
    pub running: u32,
    pub processes: u32,
    pub last_pid: u32,
    pub forks: u64,
    pub max_pids: u32,
    pub boot_id: [u8; 16],
}

/// A pseudo-terminal that exists.
#[derive(Clone, Copy, Debug, Default)]
pub struct PtyInfo {
    pub number: u32,
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    pub since: Time,
}

/// The rest of the family, as generated files see it.
pub trait World {
    /// All processes, zombies included.
    fn pids(&self) -> Vec<u32>;
    /// One process.
    fn process(&self, pid: u32) -> Option<ProcInfo>;
    /// Root and working directory of a process.
    fn place(&self, pid: u32) -> Option<Place>;
    /// The machine.
    fn system(&self) -> SystemInfo;
    /// Node name and domain name.
    fn host_name(&self) -> (Vec<u8>, Vec<u8>);
    /// Pseudo-terminals.
    fn ptys(&self) -> Vec<PtyInfo>;
    /// The lines of /proc/PID/mounts (`info` false) or mountinfo as the process sees them.
    fn mounts(&self, pid: u32, info: bool) -> Vec<u8>;
    /// Fresh random bytes.
    fn random(&self, buf: &mut [u8]);
    /// The adjustment that /proc/PID/oom_score_adj shows.
    fn oom_adj(&self, pid: u32) -> i32;
    /// Remembers the adjustment.
    fn set_oom_adj(&self, pid: u32, adj: i32);
    /// Lines of a file below /proc/net (`tcp`, `unix` …); `None` when the family has no such table.
    fn net_table(&self, name: &str) -> Option<Vec<u8>>;
}

/// One request's context.
pub struct Cx<'a> {
    /// Process that asks, and the thread of it.
    pub pid: u32,
    pub tid: u32,
    pub creds: &'a Creds,
    pub now: Time,
    pub world: &'a dyn World,
}
