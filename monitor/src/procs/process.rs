//! One process of the family.

use super::{Creds, Schedule};

/// What a process is doing, as wait(2) sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    /// Stopped by this signal.
    Stopped(u32),
    /// Ended with this wait status; its parent has not waited for it yet.
    Zombie(u32),
}

/// Resource use, as far as it is told on exit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    pub user_ns: u64,
    pub system_ns: u64,
    pub max_rss_kib: u64,
    pub minor_faults: u64,
    pub voluntary_switches: u64,
}

impl Times {
    /// Adds another process's use; the largest resident set counts.
    pub fn add(&mut self, other: &Times) {
        self.user_ns = self.user_ns.saturating_add(other.user_ns);
        self.system_ns = self.system_ns.saturating_add(other.system_ns);
        self.max_rss_kib = self.max_rss_kib.max(other.max_rss_kib);
        self.minor_faults = self.minor_faults.saturating_add(other.minor_faults);
        self.voluntary_switches = self.voluntary_switches.saturating_add(other.voluntary_switches);
    }
}

/// What a process runs: for procfs, ps and messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    pub exe: Vec<u8>,
    pub comm: Vec<u8>,
    pub argv: Vec<Vec<u8>>,
    pub envp: Vec<Vec<u8>>,
}

/// A process.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: u32,
    pub ppid: u32,
    pub pgid: u32,
    pub sid: u32,
    /// The member where it lives; 0 for a zombie.
    pub slot: u32,
    pub state: State,
    pub creds: Creds,
    /// Signal for the parent at the end; 0: none.
    pub exit_signal: u32,
    /// Executed a program since it was forked: its parent may not move it to another group any more.
    pub execed: bool,
    /// A stop that nobody waited for yet.
    pub stop_unreported: bool,
    /// A continuation that nobody waited for yet.
    pub continue_unreported: bool,
    /// PR_SET_CHILD_SUBREAPER.
    pub subreaper: bool,
    /// Signal for it when its parent ends; 0: none.
    pub pdeath_signal: u32,
    pub dumpable: bool,
    pub schedule: Schedule,
    /// SIGCHLD is ignored or has SA_NOCLDWAIT: children leave no zombies.
    pub auto_reap: bool,
    /// SA_NOCLDSTOP: no SIGCHLD for stops and continuations.
    pub no_stop_signals: bool,
    pub rlimits: Vec<(u64, u64)>,
    pub image: Image,
    pub times: Times,
    /// Use of children that were waited for.
    pub child_times: Times,
    /// Monotonic time of its start.
    pub start_ns: u64,
}

impl Process {
    /// True until it has ended.
    pub fn alive(&self) -> bool {
        !matches!(self.state, State::Zombie(_))
    }
}
