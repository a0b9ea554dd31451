//! A member that died between cloning and telling the clone's host process number.

use std::fs;

use crate::backend::Vm;
use crate::family::Family;
use crate::hosted::HostProcess;

impl Family {
    /// Settles the forks that the member in `slot` did not confirm: the clone is found among the monitor's own host
    /// children, or there is none.
    pub(super) fn resolve_forks_of(&mut self, slot: u32) {
        let Some(m) = self.members.get(slot) else { return };
        let forks: Vec<u32> = m.forks.iter().map(|(child, _)| *child).collect();
        if forks.is_empty() {
            return;
        }
        if !self.backend.is_hosted() {
            for child in forks {
                let born = self.members.iter().find(|(_, c)| c.born_as == child);
                let lives = born.is_some_and(|(_, c)| c.vm.is_some());
                // The fork is in the list, so this finds it.
                let _ = self.confirm_fork(slot, child, lives.into());
            }
            return;
        }
        let unknown = self.unknown_host_children();
        let all: usize = self.members.iter().map(|(_, m)| m.forks.len()).sum();
        let clone = match unknown[..] {
            [only] if all == 1 => only,
            _ => {
                // It cannot be told whose clones these are; whoever confirms one of them later will find it killed.
                for pid in unknown {
                    if let Ok(host) = HostProcess::open(pid) {
                        host.kill();
                    }
                }
                0
            }
        };
        for child in forks {
            // The fork is in the list, so this finds it.
            let _ = self.confirm_fork(slot, child, clone);
        }
    }

    fn unknown_host_children(&self) -> Vec<u32> {
        // Without CONFIG_PROC_CHILDREN nothing is found; such a clone ends with the monitor.
        let text = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
        let known: Vec<u32> =
            self.members.iter().filter_map(|(_, m)| m.vm.as_ref()).filter_map(Vm::host_pid).collect();
        text.split_whitespace().filter_map(|w| w.parse().ok()).filter(|p| !known.contains(p)).collect()
    }
}
