//! The table itself.

use std::collections::BTreeMap;

use abi::Errno;

use super::Process;

/// All processes of a family, zombies included.
#[derive(Default)]
pub struct ProcTable {
    map: BTreeMap<u32, Process>,
}

impl ProcTable {
    /// The process, a zombie too; ESRCH.
    pub fn get(&self, pid: u32) -> Result<&Process, Errno> {
        self.map.get(&pid).ok_or(Errno::ESRCH)
    }

    /// The process, a zombie too; ESRCH.
    pub fn get_mut(&mut self, pid: u32) -> Result<&mut Process, Errno> {
        self.map.get_mut(&pid).ok_or(Errno::ESRCH)
    }

    /// All processes by pid.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.map.values()
    }
}
