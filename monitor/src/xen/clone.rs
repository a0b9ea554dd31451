//! Clones: the parent's kernel frames are granted to a shell, which copies them and goes on as the child.

use std::collections::BTreeMap;

use abi::Errno;
use protocol::xen::{DO_CLONE, FrameRange, NOTICE_PULLED};
use zerocopy::IntoBytes;

use super::domain::{Domain, Role};
use super::host::Host;
use crate::regions::Backing;

/// Frames that a clone may copy at once: more would be no kernel's state.
const MOST: u64 = 1 << 16;

/// Clones under way, by the child's number.
pub(super) type Clones = BTreeMap<u32, Clone>;

/// One of them.
pub(super) struct Clone {
    parent: u32,
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
    /// First frame of the parent's copy, and how many it has.
    pub copy: u64,
    pub copied: u64,
    pub ranges: Vec<FrameRange>,
}

impl Clone {
    /// True when it is a clone of this domain.
    pub fn is_of(&self, parent: u32) -> bool {
        self.parent == parent
    }

    /// How many frames it may copy.
    pub fn frames(&self) -> usize {
        self.count as usize
    }
}

impl Wish {
    /// The frames to be granted, in order; none when there are too many, or when they are none of a domain's.
    fn frames(&self) -> Option<Vec<u64>> {
        let sum = |sum: u64, range: &FrameRange| sum.checked_add(range.len());
        let total = self.ranges.iter().try_fold(self.copied, sum)?;
        let ends = || self.ranges.iter().map(|r| r.gfn.checked_add(r.len()));
        let last = ends().collect::<Option<Vec<u64>>>()?.into_iter().max()?;
        if total > MOST || last.max(self.copy) > u64::from(u32::MAX) - MOST {
            return None;
        }
        let app = self.ranges.iter().filter(|r| r.is_app()).flat_map(|r| r.gfn..r.gfn + r.len());
        let frames: Vec<u64> = app.chain(self.copy..self.copy + self.copied).collect();
        (!frames.is_empty()).then_some(frames)
    }
}

impl Host {
    /// Clones `parent` into the shell that was reserved for the slot: the child's number and the token. The child has yet to
    /// copy what it needs.
    pub(super) fn begin_clone(
        &mut self,
        parent: u32,
        wish: &Wish,
        events: &Backing,
    ) -> Result<(u32, u64), Errno> {
        let frames = wish.frames().ok_or(Errno::EINVAL)?;
        let reserved = |d: &&Domain| matches!(d.role, Role::Reserved(place) if place.slot == wish.slot);
        let child = self.domains.values().find(reserved).map(|d| d.id).ok_or(Errno::EAGAIN)?;
        let mut data = self.start_pages(child, events, wish.copied as u32)?;
        data.extend_from_slice(wish.ranges.as_bytes());
        let owner = self.domains.get_mut(&parent).ok_or(Errno::EAGAIN)?;
        owner.end_grants([]);
        let first = owner.grants.grant(child, &frames, false).map_err(|_| Errno::ENOMEM)?;
        let count = frames.len() as u32;
        let token = self.tokens.cloned(parent, child);
        let args = [parent.into(), first.into(), wish.ranges.len() as u64, wish.root, wish.stack, token];
        let posted = self.domains.get_mut(&child).is_some_and(|shell| {
            if let Some(place) = shell.role.place() {
                shell.role = Role::Member(place);
            }
            shell.door.command(DO_CLONE, args, &data)
        });
        if !posted {
            if let Some(owner) = self.domains.get_mut(&parent) {
                owner.end_grants(first..first + count);
            }
            self.tokens.release_all(child);
            return Err(Errno::ENOMEM);
        }
        self.clones.insert(child, Clone { parent, first, count, token });
        // The parent goes on before the child takes the CPU, where there is but one.
        self.unrung.push(child);
        Ok((child, token))
    }

    /// Lets clones begin whose parents have gone on; false when there are none.
    pub fn ring_clones(&mut self) -> bool {
        let some = !self.unrung.is_empty();
        for child in std::mem::take(&mut self.unrung) {
            self.kick(child);
        }
        some
    }

    /// The child has copied all, or is no more: the parent may use the copy again.
    pub(super) fn end_copying(&mut self, child: u32) {
        let Some(clone) = self.clones.remove(&child) else { return };
        let Some(parent) = self.domains.get_mut(&clone.parent) else { return };
        parent.end_grants(clone.first..clone.first + clone.count);
        let (id, settling) = (clone.parent, parent.settling);
        self.notice(id, NOTICE_PULLED, clone.token);
        if settling && !self.clones.values().any(|clone| clone.is_of(id)) {
            self.answer(id, 0, &[]);
        }
    }
}
