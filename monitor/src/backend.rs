//! What differs between the platforms: how a member's VM is made, cloned, kicked and ended. All else of the monitor is
//! the same on both.

use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use abi::Errno;
use protocol::hosted::SOCK_CHILD;

use crate::config::{Config, Platform};
use crate::events::{Bell, EventsRegion};
use crate::hosted::host::Inherited;
use crate::hosted::socket::send_fd;
use crate::hosted::{self, HostProcess};
use crate::mapping::Mapped;
use crate::members::{Member, MemberTable};
use crate::published::FamilyRegion;
use crate::regions::{Backing, Memory};
use crate::xen;

/// What members are made of.
pub enum Backend {
    Hosted(hosted::Host),
    Xen(Box<xen::Host>),
}

/// What a member runs in.
#[derive(Debug)]
pub enum Vm {
    /// A process of the host.
    Process(HostProcess),
    /// The domain with this number.
    Domain(u32),
}

impl Vm {
    /// The host's process number.
    pub fn host_pid(&self) -> Option<u32> {
        match self {
            Vm::Process(p) => Some(p.pid),
            Vm::Domain(_) => None,
        }
    }

    /// What it has used so far, where the host counts that.
    pub fn usage(&self) -> Option<hosted::Usage> {
        match self {
            Vm::Process(p) => p.usage(),
            Vm::Domain(_) => None,
        }
    }

    /// Xen's domain number.
    pub fn domain(&self) -> Option<u32> {
        match self {
            Vm::Process(_) => None,
            Vm::Domain(id) => Some(*id),
        }
    }
}

/// How a VM ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Exited(i32),
    Killed(i32),
}

/// A slot and its owner's generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub slot: u32,
    pub generation: u32,
}

/// What a member needs before it exists.
pub struct Prepared {
    pub backing: Backing,
    pub control: Rc<Mapped>,
    /// Hosted: the monitor's end of the control socket.
    pub socket: Option<OwnedFd>,
    pub birth: Birth,
}

/// What a new member starts from.
pub enum Birth {
    /// The control socket of a host process to be.
    Process(OwnedFd),
    /// A warm shell.
    Shell(u32),
}

impl Backend {
    /// The backend that the configuration names, the memory of its regions, and how its sleepers are woken.
    pub fn new(config: &Config) -> anyhow::Result<(Self, Memory, Bell)> {
        match config.platform {
            Platform::Hosted => {
                let host = hosted::Host::new(&config.kernel)?;
                Ok((Backend::Hosted(host), Memory::Host, Bell::futex()?))
            }
            Platform::Xen => {
                let host = Box::new(xen::Host::new(config)?);
                let (memory, bell) = (Memory::Holder(host.holder()), Bell::Ports(host.ports()));
                Ok((Backend::Xen(host), memory, bell))
            }
        }
    }

    /// True for the hosted platform.
    pub fn is_hosted(&self) -> bool {
        matches!(self, Backend::Hosted(_))
    }

    /// The Xen backend, if it is that.
    pub fn xen(&mut self) -> Option<&mut xen::Host> {
        match self {
            Backend::Hosted(_) => None,
            Backend::Xen(host) => Some(host),
        }
    }

    /// Makes ready what the next members need, a little at a time; false when there is nothing to do. For idle moments.
    pub fn refill(&mut self) -> bool {
        match self {
            Backend::Hosted(host) => host.refill(),
            Backend::Xen(host) => host.refill(),
        }
    }

    /// Whether something is left for idle moments that is not done ahead of time.
    pub fn has_chores(&self) -> bool {
        match self {
            Backend::Hosted(_) => false,
            Backend::Xen(host) => host.has_chores(),
        }
    }

    /// Takes what a new member needs.
    pub fn prepare(&mut self) -> Result<Prepared, Errno> {
        match self {
            Backend::Hosted(host) => {
                let hosted::Prepared { backing, control, ours, theirs } = host.take_prepared()?;
                Ok(Prepared { backing, control, socket: Some(ours), birth: Birth::Process(theirs) })
            }
            Backend::Xen(host) => {
                let (backing, control, shell) = host.take_shell()?;
                Ok(Prepared { backing, control, socket: None, birth: Birth::Shell(shell) })
            }
        }
    }

    /// What was prepared is not needed after all.
    pub fn abandon(&mut self, birth: Birth) {
        if let (Backend::Xen(host), Birth::Shell(shell)) = (self, birth) {
            host.destroy(shell);
        }
    }

    /// Starts a fresh member whose control region says what it runs.
    pub fn start(
        &mut self,
        place: Place,
        birth: &Birth,
        control: &Backing,
        family: &FamilyRegion,
        events: &EventsRegion,
    ) -> Result<Vm, Errno> {
        match (self, birth) {
            (Backend::Hosted(host), Birth::Process(socket)) => {
                let (Some(control), Some(family), Some(regions)) =
                    (control.file(), family.backing().file(), events.backing().file())
                else {
                    return Err(Errno::EINVAL);
                };
                let (socket, doorbell) = (socket.as_fd(), events.doorbell());
                host.spawn(&Inherited { socket, control, family, events: regions, doorbell })
                    .map(Vm::Process)
                    .map_err(errno)
            }
            (Backend::Xen(host), Birth::Shell(shell)) => {
                host.start(*shell, place, control, events.backing())?;
                Ok(Vm::Domain(*shell))
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// Tells the platform, and the parent, of the child that is about to be cloned from it.
    pub fn announce(
        &mut self,
        parent: &Member,
        child: u32,
        place: Place,
        birth: &Birth,
        control: &Backing,
    ) -> Result<(), Errno> {
        match (self, birth) {
            (Backend::Hosted(_), Birth::Process(socket)) => {
                let to = parent.socket.as_ref().ok_or(Errno::ESRCH)?;
                send_fd(to, SOCK_CHILD, child.into(), socket.as_fd()).map_err(|_| Errno::EAGAIN)
            }
            (Backend::Xen(host), Birth::Shell(shell)) => host.reserve(*shell, place, control),
            _ => Err(Errno::EINVAL),
        }
    }

    /// The clone that a member reports under this number; none when it is no new VM.
    pub fn open_clone(&self, host_pid: u32, members: &MemberTable) -> Option<Vm> {
        let taken = || members.iter().any(|(_, m)| m.vm.as_ref().and_then(Vm::host_pid) == Some(host_pid));
        if host_pid == 0 || !self.is_hosted() || taken() {
            return None;
        }
        HostProcess::open(host_pid).ok().map(Vm::Process)
    }

    /// A parent goes on after a fork that succeeded.
    pub fn confirmed(&mut self) {
        if let Backend::Xen(host) = self {
            host.ring_clones();
        }
    }

    /// The clone that was to be in `slot` will never be.
    pub fn forget(&mut self, slot: u32) {
        if let Backend::Xen(host) = self {
            host.forget(slot);
        }
    }

    /// Ends a VM; its end is then reported as every other.
    pub fn kill(&self, vm: &Vm) {
        match (self, vm) {
            (_, Vm::Process(p)) => p.kill(),
            (Backend::Xen(host), Vm::Domain(id)) => host.kill(*id),
            _ => {}
        }
    }

    /// Makes a member enter its kernel although its app runs.
    pub fn kick(&self, vm: &Vm) {
        match (self, vm) {
            (_, Vm::Process(p)) => p.kick(),
            (Backend::Xen(host), Vm::Domain(id)) => host.kick(*id),
            _ => {}
        }
    }

    /// What Xen says of a domain, and how many pages of the holder it has.
    pub fn figures(&self, domain: u32) -> Option<(xen::Status, usize)> {
        match self {
            Backend::Hosted(_) => None,
            Backend::Xen(host) => host.figures(domain),
        }
    }

    /// Ends all members and waits for their ends.
    pub fn end_all(&mut self, members: &MemberTable) {
        match self {
            Backend::Hosted(_) => {
                let all = || members.iter().filter_map(|(_, m)| m.vm.as_ref());
                let processes = || {
                    all().filter_map(|vm| match vm {
                        Vm::Process(p) => Some(p),
                        Vm::Domain(_) => None,
                    })
                };
                processes().for_each(HostProcess::kill);
                for p in processes() {
                    let _ = p.reap_blocking();
                }
            }
            Backend::Xen(host) => host.end_all(),
        }
    }
}

/// A host call's failure as the guest sees it.
pub(crate) fn errno(e: rustix::io::Errno) -> Errno {
    match e {
        rustix::io::Errno::NOMEM => Errno::ENOMEM,
        _ => Errno::EAGAIN,
    }
}
