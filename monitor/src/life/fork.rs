//! fork, vfork, and a vfork child's exec. The platform clones; the monitor prepares and confirms.

use std::rc::Rc;

use abi::Errno;
use abi::process::RLIMIT_NPROC;
use protocol::boot::{Program, read_blob};
use protocol::op::{FORK_PARENT, FORK_SHARE_FS, FORK_VFORK};

use super::spawn::Handover;
use crate::backend::Place;
use crate::call::{Answer, Call, OpResult};
use crate::family::Family;
use crate::{fs, ipc};

impl Family {
    /// `Op::ForkPrepare`.
    pub fn fork_prepare(&mut self, call: &Call) -> OpResult {
        let (exit_signal, flags) = (call.arg32(0)?, call.arg(1));
        if exit_signal > abi::signal::NSIG as u32 || flags & !(FORK_VFORK | FORK_PARENT | FORK_SHARE_FS) != 0
        {
            return Err(Errno::EINVAL);
        }
        self.check_process_limits(call.pid)?;
        if flags & FORK_VFORK != 0 {
            let child = self.new_process(call, exit_signal, call.slot)?;
            if let Some(m) = self.members.get_mut(call.slot) {
                m.guests.push(child);
            }
            return Ok(Answer::value(child));
        }
        let over = self.new_member()?;
        let slot = over.slot;
        let prepared = self.new_process(call, exit_signal, slot).and_then(|child| {
            let sent = self.settle(slot, child).and_then(|()| self.announce_child(call.slot, child, &over));
            if sent.is_err() {
                self.forget_child(child);
            }
            sent.map(|()| child)
        });
        let child = match prepared {
            Ok(child) => child,
            Err(e) => {
                self.backend.abandon(over.birth);
                self.members.remove(slot);
                return Err(e);
            }
        };
        self.regions.clone_attached(call.slot, slot);
        let view: Rc<_> = match self.members.get(slot) {
            Some(m) => m.control.clone(),
            None => return Err(Errno::EAGAIN),
        };
        let size = protocol::control::REGION_SIZE as u64;
        let region = self.regions.add_mapped(over.control, view, size);
        // Owned by whoever has it attached: that is the parent, until it confirms.
        let answer = Answer::value(child).with_ret(0, slot.into()).with_region(0, region);
        if let Some(m) = self.members.get_mut(call.slot) {
            m.forks.push((child, region));
        }
        Ok(answer)
    }

    fn announce_child(&mut self, parent: u32, child: u32, over: &Handover) -> Result<(), Errno> {
        let generation = self.members.get(over.slot).ok_or(Errno::ESRCH)?.generation;
        let place = Place { slot: over.slot, generation };
        let parent = self.members.get(parent).ok_or(Errno::ESRCH)?;
        self.backend.announce(parent, child, place, &over.birth, &over.control)
    }

    /// `--pids` and RLIMIT_NPROC, which does not bind the superuser; getrlimit(2).
    fn check_process_limits(&self, pid: u32) -> Result<(), Errno> {
        if self.config.pids != 0 && self.procs.count() >= self.config.pids as usize {
            return Err(Errno::EAGAIN);
        }
        let p = self.procs.get(pid)?;
        let limit = p.rlimits.get(RLIMIT_NPROC as usize).map_or(u64::MAX, |l| l.0);
        let uid = p.creds.ruid;
        if uid != 0 && self.procs.iter().filter(|q| q.creds.ruid == uid).count() as u64 >= limit {
            return Err(Errno::EAGAIN);
        }
        Ok(())
    }

    /// A child in the table that holds all that its parent holds.
    fn new_process(&mut self, call: &Call, exit_signal: u32, slot: u32) -> Result<u32, Errno> {
        let flags = call.arg(1);
        let now = self.uptime_ns();
        let child = self.procs.fork(call.pid, flags & FORK_PARENT != 0, slot, exit_signal, now)?;
        self.descs.fork(call.pid, child);
        fs::process_forked(self, call.pid, child, flags & FORK_SHARE_FS != 0);
        ipc::process_forked(self, call.pid, child);
        Ok(child)
    }

    /// A child that never ran: no trace of it remains.
    fn forget_child(&mut self, child: u32) {
        self.release_holdings(child);
        self.procs.unfork(child);
    }

    /// `Op::ForkDone`.
    pub fn fork_done(&mut self, call: &Call) -> OpResult {
        let (child, host_pid) = (call.arg32(0)?, call.arg32(1)?);
        if let Some(m) = self.members.get_mut(call.slot)
            && let Some(at) = m.guests.iter().position(|g| *g == child)
        {
            // A vfork child that never ran.
            if host_pid == 0 {
                m.guests.swap_remove(at);
                self.forget_child(child);
            }
            return Answer::ok();
        }
        self.confirm_fork(call.slot, child, host_pid)?;
        Answer::ok()
    }

    /// The fork of `child` by the member in `parent` succeeded as `host_pid`, or failed (0).
    pub(super) fn confirm_fork(&mut self, parent: u32, child: u32, host_pid: u32) -> Result<(), Errno> {
        let m = self.members.get_mut(parent).ok_or(Errno::ESRCH)?;
        let at = m.forks.iter().position(|(c, _)| *c == child).ok_or(Errno::ECHILD)?;
        let (_, region) = m.forks.swap_remove(at);
        self.regions.detach(region, parent);
        self.regions.disown(region);
        // The child may have ended meanwhile, but its member is there.
        let Some(slot) = self.members.iter().find(|(_, m)| m.born_as == child).map(|(s, _)| s) else {
            return Err(Errno::ECHILD);
        };
        let running = self.members.get(slot).is_some_and(|m| m.vm.is_some());
        if host_pid != 0 && running {
            // Xen: it is a member since its parent asked for it; now the parent goes on.
            self.backend.confirmed();
            return Ok(());
        }
        match self.backend.open_clone(host_pid, &self.members) {
            Some(vm) => self.adopt(slot, vm),
            None => {
                self.backend.forget(slot);
                self.discard_member(slot);
                if self.procs.get(child).is_ok_and(|p| p.alive()) {
                    self.forget_child(child);
                }
                Ok(())
            }
        }
    }

    /// `Op::SpawnExec`: the vfork child `pid` moves to a fresh member.
    pub fn spawn_exec(&mut self, call: &Call) -> OpResult {
        let m = self.members.get(call.slot).ok_or(Errno::ESRCH)?;
        if !m.guests.contains(&call.pid) {
            return Err(Errno::EINVAL);
        }
        let blob = read_blob(&*m.control).ok_or(Errno::E2BIG)?;
        let program = Program::decode(&blob).ok_or(Errno::EINVAL)?;
        let kept: Vec<u32> = program.fds.iter().map(|f| f.info.desc).chain([program.desc]).collect();
        self.start_program(call.pid, program)?;
        if let Some(m) = self.members.get_mut(call.slot) {
            m.guests.retain(|p| *p != call.pid);
        }
        for desc in self.descs.held_by(call.pid) {
            if !kept.contains(&desc) {
                self.close_desc(desc, call.pid);
            }
        }
        fs::process_execed(self, call.pid);
        ipc::process_execed(self, call.pid);
        self.procs.get_mut(call.pid)?.execed = true;
        Answer::ok()
    }
}
