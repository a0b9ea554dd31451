//! Members as the monitor has them: slot, control region, VM, and which processes live inside.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use protocol::inbox::Message;
use protocol::{MAX_MEMBERS, MonitorSide};

use crate::backend::Vm;
use crate::mapping::Mapped;
use crate::regions::RegionId;

/// A member.
pub struct Member {
    pub generation: u32,
    pub control: Rc<Mapped>,
    pub side: MonitorSide,
    /// Hosted: the monitor's end of the control socket.
    pub socket: Option<OwnedFd>,
    /// None until a clone was confirmed.
    pub vm: Option<Vm>,
    /// It was sent SIGKILL, or will be as soon as its VM is known.
    pub doomed: bool,
    /// The process whose member this is; 0 when it has ended and the VM has not yet.
    pub main: u32,
    /// vfork children that live here for now.
    pub guests: Vec<u32>,
    /// The process that this member was made for.
    pub born_as: u32,
    /// Forks that were prepared and not confirmed yet: child pids, and their control regions.
    pub forks: Vec<(u32, RegionId)>,
    /// Messages that found the inbox full.
    pub overflow: VecDeque<Message>,
}

impl Member {
    /// True when `pid` lives in this member.
    pub fn hosts(&self, pid: u32) -> bool {
        pid != 0 && (self.main == pid || self.guests.contains(&pid))
    }

    /// Everyone who lives here.
    pub fn residents(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.main).filter(|p| *p != 0).chain(self.guests.iter().copied())
    }
}

/// All members by slot.
pub struct MemberTable {
    /// Most are empty, for the family's whole life.
    slots: Vec<Option<Box<Member>>>,
    next: u32,
    generation: u32,
}

impl Default for MemberTable {
    fn default() -> Self {
        Self { slots: (0..MAX_MEMBERS).map(|_| None).collect(), next: 1, generation: 0 }
    }
}

impl MemberTable {
    /// The free slots, in the order in which they will be taken.
    pub fn free_slots(&self) -> impl Iterator<Item = u32> {
        let count = MAX_MEMBERS - 1;
        (0..count)
            .map(move |i| (self.next - 1 + i) % count + 1)
            .filter(|slot| self.slots[*slot as usize].is_none())
    }

    /// A free slot, and the generation for its next owner. `None` when all are in use.
    pub fn free_slot(&mut self) -> Option<(u32, u32)> {
        let slot = self.free_slots().next()?;
        self.next = slot % (MAX_MEMBERS - 1) + 1;
        self.generation += 1;
        Some((slot, self.generation))
    }

    /// Puts a member into its slot.
    pub fn insert(&mut self, slot: u32, member: Member) {
        self.slots[slot as usize] = Some(Box::new(member));
    }

    /// Takes a member out.
    pub fn remove(&mut self, slot: u32) -> Option<Member> {
        self.slots.get_mut(slot as usize)?.take().map(|member| *member)
    }

    /// The member in `slot`.
    pub fn get(&self, slot: u32) -> Option<&Member> {
        self.slots.get(slot as usize)?.as_deref()
    }

    /// The member in `slot`.
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Member> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    /// All members by slot.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Member)> {
        (0..).zip(&self.slots).filter_map(|(i, m)| Some((i, m.as_deref()?)))
    }
}
