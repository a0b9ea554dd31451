//! Ends: of a process, by its own word, and of a member, by the host's.

use abi::Errno;
use abi::process::WaitStatus;

use crate::backend::{Ended, Vm};
use crate::family::Family;
use crate::procs::{FIRST_PID, Times};
use crate::{fs, ipc, net, objects, pidfd, streams};

impl Family {
    /// Process `pid` ended with a wait status: all it held is let go, its parent hears of it.
    pub fn end_process(&mut self, pid: u32, status: u32, times: Times) -> Result<(), Errno> {
        let slot = self.procs.get(pid)?.slot;
        if let Some(m) = self.members.get_mut(slot) {
            m.guests.retain(|p| *p != pid);
            if m.main == pid {
                m.main = 0;
            }
        }
        self.release_holdings(pid);
        let mut effects = Vec::new();
        self.procs.exit(pid, status, times, &mut effects)?;
        if pid == FIRST_PID {
            self.ended = Some(status);
        }
        pidfd::process_ended(self, pid);
        self.apply(effects);
        Ok(())
    }

    /// Closes and forgets all that a process holds.
    pub(super) fn release_holdings(&mut self, pid: u32) {
        fs::process_ended(self, pid);
        ipc::process_ended(self, pid);
        objects::fifo_cancel(self, pid);
        streams::process_ended(self, pid);
        self.futexes.forget_process(pid);
        for desc in self.descs.held_by(pid) {
            self.close_desc(desc, pid);
        }
    }

    /// The pidfd of the member in `slot` says that its host process ended.
    pub fn host_ended(&mut self, slot: u32, generation: u32) {
        let Some(m) = self.members.get(slot).filter(|m| m.generation & 0xff_ffff == generation) else {
            return;
        };
        if let Some(Vm::Process(host)) = &m.vm
            && let Some(ended) = host.reap()
        {
            self.vm_ended(slot, ended);
        }
    }

    /// The VM of the member in `slot` is no more.
    pub(crate) fn vm_ended(&mut self, slot: u32, ended: Ended) {
        let Some(m) = self.members.get(slot) else { return };
        let residents: Vec<u32> = m.residents().collect();
        let status = match ended {
            Ended::Exited(code) => WaitStatus::Exited(code as u8),
            Ended::Killed(signo) => WaitStatus::Signaled { signo, core: false },
        };
        if !residents.is_empty() && !m.doomed {
            self.report_lost(slot, ended);
        }
        for pid in residents {
            // They live here, so they are alive.
            let _ = self.end_process(pid, status.encode() as u32, Times::default());
        }
        self.resolve_forks_of(slot);
        self.discard_member(slot);
    }

    /// Ends all members that are left and waits for them.
    pub fn end_all(&mut self) {
        self.backend.end_all(&self.members);
    }

    /// Nobody lives in this member any more: its slot becomes free.
    pub(super) fn discard_member(&mut self, slot: u32) {
        self.members.remove(slot);
        if !self.backend.is_hosted() {
            self.events.set_domain(slot, None);
        }
        self.retry.forget(slot);
        objects::member_lost(self, slot);
        net::member_lost(self, slot);
        self.regions.detach_all(slot);
        self.published.set_proc(slot, Default::default());
    }
}
