//! File descriptors of a process.

use alloc::vec::Vec;

use protocol::boot::BootFd;

use crate::host::Host;

/// Descriptor numbers to open files.
#[derive(Default)]
pub struct FdTable {}

impl FdTable {
    /// Before descriptions get another holder: offsets kept here go back to the monitor.
    pub fn prepare_fork(&self, _host: &Host) {}
    /// A copy for a child that lives in this member, whose pid holds the descriptions too.
    pub fn duplicate(&self, _pid: u32) -> Self {
        Self {}
    }
    /// In a clone: the open files are held by this pid now.
    pub fn child(&self, _pid: u32) {}
    /// exec: closes what is marked close-on-exec.
    pub fn close_on_exec(&self, _host: &Host) {}
    /// For a fresh member that goes on with this process.
    pub fn to_boot(&self) -> Vec<BootFd> {
        Vec::new()
    }
    /// What a fresh member starts with.
    pub fn from_boot(_host: &'static Host, _fds: &[BootFd]) -> Self {
        Self {}
    }
    /// The process goes on elsewhere or ended: drops everything without closing at the monitor.
    pub fn forget_all(&self) {}
}
