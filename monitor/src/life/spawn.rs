//! New members: slots, identities, and fresh ones that start a program.

use abi::Errno;
use protocol::MonitorSide;
use protocol::boot::{Identity, Program, write_identity};
use rustix::event::epoll::EventFlags;

use crate::backend::{Birth, Place, Prepared, Vm, errno};
use crate::family::Family;
use crate::members::Member;
use crate::ops::descs::info;
use crate::poller::Token;
use crate::regions::Backing;

/// What goes to a new member.
pub(super) struct Handover {
    pub slot: u32,
    pub control: Backing,
    pub birth: Birth,
}

impl Family {
    /// A slot with a fresh control region. Nobody lives there until [`Family::settle`].
    pub(super) fn new_member(&mut self) -> Result<Handover, Errno> {
        let (slot, generation) = self.members.free_slot().ok_or(Errno::EAGAIN)?;
        let Prepared { backing, control, socket, birth } = self.backend.prepare()?;
        self.events.reset(slot);
        if let Birth::Shell(id) = birth {
            self.events.set_domain(slot, Some(id));
        }
        self.members.insert(
            slot,
            Member {
                generation,
                control,
                side: MonitorSide::new(),
                socket,
                vm: None,
                doomed: false,
                main: 0,
                born_as: 0,
                guests: Vec::new(),
                forks: Vec::new(),
                overflow: Default::default(),
            },
        );
        Ok(Handover { slot, control: backing, birth })
    }

    /// Process `pid` lives in `slot` from now on: its identity is written and published.
    pub(super) fn settle(&mut self, slot: u32, pid: u32) -> Result<(), Errno> {
        let mut entropy = [0; 32];
        let filled =
            rustix::rand::getrandom(&mut entropy, rustix::rand::GetRandomFlags::empty()).map_err(errno)?;
        if filled != entropy.len() {
            return Err(Errno::EAGAIN);
        }
        let p = self.procs.get_mut(pid)?;
        p.slot = slot;
        let (ppid, pgid, sid) = (p.ppid, p.pgid, p.sid);
        let m = self.members.get_mut(slot).ok_or(Errno::ESRCH)?;
        m.main = pid;
        m.born_as = pid;
        let generation = m.generation;
        write_identity(&*m.control, &Identity { slot, pid, ppid, pgid, sid, generation, entropy });
        self.publish_ids(pid);
        Ok(())
    }

    /// Starts a program as process `pid` in a fresh member. On failure nothing has changed.
    pub(super) fn start_program(&mut self, pid: u32, mut program: Program) -> Result<(), Errno> {
        for fd in &mut program.fds {
            // The starter's view of a description may be old.
            self.descs.get(fd.info.desc, pid)?;
            fd.info = info(self, fd.info.desc);
        }
        if program.desc != 0 {
            self.descs.get(program.desc, pid)?;
        }
        let old_slot = self.procs.get(pid)?.slot;
        let over = self.new_member()?;
        let slot = over.slot;
        let started = self.settle(slot, pid).and_then(|()| self.launch(&over, &program));
        match started {
            Ok(vm) => self.adopt(slot, vm),
            Err(e) => {
                self.backend.abandon(over.birth);
                self.members.remove(slot);
                if let Ok(p) = self.procs.get_mut(pid) {
                    p.slot = old_slot;
                }
                Err(e)
            }
        }
    }

    fn launch(&mut self, over: &Handover, program: &Program) -> Result<Vm, Errno> {
        let m = self.members.get(over.slot).ok_or(Errno::ESRCH)?;
        if !program.write(&*m.control) {
            return Err(Errno::E2BIG);
        }
        let place = Place { slot: over.slot, generation: m.generation };
        self.backend.start(place, &over.birth, &over.control, &self.published, &self.events)
    }

    /// The VM of the member in `slot` is known.
    pub(crate) fn adopt(&mut self, slot: u32, vm: Vm) -> Result<(), Errno> {
        let Some(m) = self.members.get_mut(slot) else {
            self.backend.kill(&vm);
            return Err(Errno::ESRCH);
        };
        let token = Token::Member { slot, generation: m.generation };
        if let Vm::Process(host) = &vm
            && let Err(e) = self.poller.add(host.pidfd(), token, EventFlags::IN)
        {
            host.kill();
            return Err(errno(e));
        }
        m.vm = Some(vm);
        self.kick_new(slot);
        Ok(())
    }
}
