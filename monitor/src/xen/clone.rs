//! Clones: the parent's kernel frames are granted to a shell, which copies them and goes on as the child.

use std::collections::BTreeMap;

use abi::Errno;
use protocol::xen::{DO_CLONE, FrameRange};
use zerocopy::IntoBytes;

use super::domain::Role;
use super::host::Host;
use crate::regions::Backing;

/// Frames that a clone may copy at once: more would be no kernel's state.
const MOST: u64 = 1 << 16;

/// Clones under way, by the child's number.
pub(super) type Clones = BTreeMap<u32, Clone>;

/// One of them.
pub(super) struct Clone {
    pub parent: u32,
    /// References in the parent's table.
    first: u32,
    count: u32,
    token: u64,
}

/// What the parent asks.
pub(super) struct Wish {
    pub slot: u32,
    pub root: u64,
    pub stack: u64,
    pub ranges: Vec<FrameRange>,
}

impl Wish {
    /// All frames, in order; none when there are too many, or when they are none of a domain's.
    fn frames(&self) -> Option<Vec<u64>> {
        let total = self.ranges.iter().try_fold(0u64, |sum, r| sum.checked_add(r.count))?;
        let last = self.ranges.iter().filter_map(|r| r.gfn.checked_add(r.count)).max()?;
        let plain = self.ranges.iter().all(|r| r.gfn.checked_add(r.count).is_some());
        if total == 0 || total > MOST || last > u64::from(u32::MAX) || !plain {
            return None;
        }
        Some(self.ranges.iter().flat_map(|r| r.gfn..r.gfn + r.count).collect())
    }
}

impl Host {
    /// Begins the clone of `parent` into the shell that was reserved for the slot. The parent is answered when the child
    /// has what it needs, or is no more.
    pub(super) fn begin_clone(
        &mut self,
        parent: u32,
        wish: &Wish,
        family: &Backing,
        events: &Backing,
    ) -> Result<(), Errno> {
        let frames = wish.frames().ok_or(Errno::EINVAL)?;
        let child = self
            .domains
            .values()
            .find(|d| matches!(d.role, Role::Reserved(place) if place.slot == wish.slot))
            .map(|d| d.id)
            .ok_or(Errno::EAGAIN)?;
        let mut data = self.start_pages(child, family, events)?;
        data.extend_from_slice(wish.ranges.as_bytes());
        let owner = self.domains.get_mut(&parent).ok_or(Errno::EAGAIN)?;
        owner.end_grants([]);
        let first = owner.grants.grant(child, &frames, false).map_err(|_| Errno::ENOMEM)?;
        let count = frames.len() as u32;
        let token = self.tokens.cloned(parent, child);
        self.clones.insert(child, Clone { parent, first, count, token });
        let args = [parent.into(), first.into(), wish.ranges.len() as u64, wish.root, wish.stack, token];
        let posted = self.domains.get_mut(&child).is_some_and(|shell| {
            if let Some(place) = shell.role.place() {
                shell.role = Role::Cloning(place);
            }
            shell.door.command(DO_CLONE, args, &data)
        });
        if !posted {
            self.end_copying(child);
            self.tokens.release_all(child);
            return Err(Errno::ENOMEM);
        }
        if let Some(parent) = self.domains.get_mut(&parent) {
            parent.busy = true;
        }
        self.kick(child);
        Ok(())
    }

    /// The child has copied all: it is a member, and the parent goes on. Gives the child's place.
    pub(super) fn pulled(&mut self, child: u32) -> Option<crate::backend::Place> {
        let clone = self.end_copying(child)?;
        self.answer(clone.parent, clone.token as i64, &[]);
        let domain = self.domains.get_mut(&child)?;
        let Role::Cloning(place) = domain.role else { return None };
        domain.role = Role::Member(place);
        Some(place)
    }

    /// The child will never be: the parent is told.
    pub(super) fn clone_failed(&mut self, child: u32) {
        if let Some(clone) = self.end_copying(child) {
            // The parent does not know the token yet.
            self.tokens.release(clone.token, child);
            self.answer(clone.parent, -i64::from(Errno::EAGAIN.0), &[]);
        }
    }

    fn end_copying(&mut self, child: u32) -> Option<Clone> {
        let clone = self.clones.remove(&child)?;
        if let Some(parent) = self.domains.get_mut(&clone.parent) {
            parent.end_grants(clone.first..clone.first + clone.count);
        }
        Some(clone)
    }
}
