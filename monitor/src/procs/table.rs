//! The table itself: entries, numbers, relations.

use std::collections::BTreeMap;

use abi::Errno;

use super::{Creds, FIRST_PID, INIT_PID, Image, Process, Schedule, State, Times};

/// Largest pid plus one, as Linux's default pid_max.
const PID_MAX: u32 = 32768;
/// Where numbers start again after the largest, as in Linux.
const PID_RESTART: u32 = 300;

/// All processes of a family, zombies included.
pub struct ProcTable {
    pub(super) map: BTreeMap<u32, Process>,
    last: u32,
}

impl Default for ProcTable {
    fn default() -> Self {
        Self::new()
    }
}

impl ProcTable {
    /// A table with init alone.
    pub fn new() -> Self {
        let mut init = Process::new(INIT_PID, 0, Creds::default());
        init.image.comm = b"init".to_vec();
        Self { map: BTreeMap::from([(INIT_PID, init)]), last: INIT_PID }
    }

    /// The process, a zombie too; ESRCH.
    pub fn get(&self, pid: u32) -> Result<&Process, Errno> {
        self.map.get(&pid).ok_or(Errno::ESRCH)
    }

    /// The process, a zombie too; ESRCH.
    pub fn get_mut(&mut self, pid: u32) -> Result<&mut Process, Errno> {
        self.map.get_mut(&pid).ok_or(Errno::ESRCH)
    }

    /// All processes by pid, init first.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.map.values()
    }

    /// How many there are apart from init, zombies included.
    pub fn count(&self) -> usize {
        self.map.len() - 1
    }

    /// Children of `pid`, zombies included.
    pub fn children(&self, pid: u32) -> impl Iterator<Item = &Process> {
        self.map.values().filter(move |p| p.ppid == pid)
    }

    /// Puts the family's first program in: child of init, which plays the shell that runs it as a job of its session. So
    /// terminal stops work as they do natively, and the group is not an orphaned one.
    pub fn insert_first(&mut self, creds: Creds, slot: u32) -> u32 {
        let mut p = Process::new(FIRST_PID, INIT_PID, creds);
        p.sid = INIT_PID;
        p.slot = slot;
        self.map.insert(FIRST_PID, p);
        self.last = FIRST_PID;
        FIRST_PID
    }

    /// A number that names neither a process nor a group nor a session; EAGAIN when there is none.
    fn free_pid(&self) -> Result<u32, Errno> {
        let mut pid = self.last;
        for _ in 0..PID_MAX {
            pid = if pid + 1 >= PID_MAX { PID_RESTART } else { pid + 1 };
            if !self.map.contains_key(&pid) && !self.map.values().any(|p| p.pgid == pid || p.sid == pid) {
                return Ok(pid);
            }
        }
        Err(Errno::EAGAIN)
    }

    /// A child of `parent` (or, with `sibling`, of its parent) in member `slot`: fork(2) lists what is inherited.
    pub fn fork(
        &mut self,
        parent: u32,
        sibling: bool,
        slot: u32,
        exit_signal: u32,
        now_ns: u64,
    ) -> Result<u32, Errno> {
        let pid = self.free_pid()?;
        let p = self.get(parent)?;
        let (ppid, exit_signal) = if sibling { (p.ppid, p.exit_signal) } else { (parent, exit_signal) };
        let child = Process {
            pid,
            ppid,
            slot,
            state: State::Running,
            exit_signal,
            execed: false,
            stop_unreported: false,
            continue_unreported: false,
            subreaper: false,
            pdeath_signal: 0,
            times: Times::default(),
            child_times: Times::default(),
            start_ns: now_ns,
            schedule: p.schedule.for_child(),
            ..p.clone()
        };
        self.map.insert(pid, child);
        self.last = pid;
        Ok(pid)
    }

    /// Takes a child back that never ran.
    pub fn unfork(&mut self, pid: u32) {
        self.map.remove(&pid);
    }

    /// What a process runs from now on; its program was executed in place or afresh.
    pub fn execed(&mut self, pid: u32, image: Image) -> Result<(), Errno> {
        let p = self.get_mut(pid)?;
        p.execed = true;
        let ids = p.creds.ids();
        p.creds.caps.execed(&ids);
        p.image = image;
        Ok(())
    }
}

impl Process {
    /// A process that leads its own session and group.
    fn new(pid: u32, ppid: u32, creds: Creds) -> Self {
        Self {
            pid,
            ppid,
            pgid: pid,
            sid: pid,
            slot: 0,
            state: State::Running,
            creds,
            exit_signal: abi::signal::SIGCHLD as u32,
            execed: false,
            stop_unreported: false,
            continue_unreported: false,
            subreaper: false,
            pdeath_signal: 0,
            dumpable: true,
            schedule: Schedule::default(),
            auto_reap: false,
            no_stop_signals: false,
            rlimits: Vec::new(),
            image: Image::default(),
            times: Times::default(),
            child_times: Times::default(),
            start_ns: 0,
        }
    }
}
