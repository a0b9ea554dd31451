//! Ends: of members, of ancestors that nobody wants any more, and of domains that an operator took away.

use std::time::{Duration, Instant};

use abi::signal::{SIGABRT, SIGKILL};
use protocol::xen::{NOTICE_CLOSE, NOTICE_CUT, NOTICE_DROPPED, NOTICE_PULLED};

use super::domain::{Domain, Role};
use super::file_pages;
use super::host::Host;
use super::tokens::Dropped;
use crate::backend::{Ended, Place};
use crate::regions::RegionId;
use crate::report::say;

/// How often Xen is asked which domains there are.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Members that have left and are still there; beyond that the oldest goes at once.
const LEAVING: usize = 8;
/// SHUTDOWN_crash, xen/include/public/sched.h.
const SHUTDOWN_CRASH: u8 = 3;

impl Host {
    /// The member is over. What descendants may want of it stays, all else goes.
    pub(super) fn retire(&mut self, id: u32, ended: Ended) {
        let Some(domain) = self.domains.get(&id) else { return };
        let role = domain.role;
        match role {
            Role::Shell | Role::Ancestor => {
                self.destroy(id);
                return;
            }
            Role::Reserved(_) => {
                // Its slot is freed when the parent reports the fork's failure.
                self.destroy(id);
                return;
            }
            Role::Member(place) => self.ended.push((place, ended)),
        }
        self.let_go(id);
        if self.tokens.is_wanted(id) && self.hyper.pause(id).is_ok() {
            if let Some(domain) = self.domains.get_mut(&id) {
                domain.role = Role::Ancestor;
                domain.granted.end_all();
                self.ports.forget(domain.port);
            }
            self.renames.push_back((id, format!("{}.ancestor-{id}", self.name)));
        } else {
            self.destroy(id);
        }
    }

    /// A member is over, and its processes have told so themselves: nobody waits for what is left to do.
    pub(super) fn leave(&mut self, id: u32) {
        let Some(domain) = self.domains.get_mut(&id) else { return };
        domain.busy = true;
        // It does nothing more from here on. A failure means that it is gone already.
        let _ = self.hyper.pause(id);
        self.leaving.push_back(id);
        // Its ancestors need not copy what they write to from now on. They see the notice then; none is woken for it yet.
        for Dropped { token, owner } in self.tokens.release_all(id) {
            let Some(domain) = self.domains.get_mut(&owner) else { continue };
            if domain.role != Role::Ancestor {
                domain.add_notice(NOTICE_DROPPED, token);
                self.unheard.insert(owner);
            } else if !self.tokens.is_wanted(owner) {
                self.leaving.push_back(owner);
            }
        }
        if self.leaving.len() > LEAVING {
            self.end_one();
        }
    }

    /// Sees to one member that has left; false when there is none.
    pub(super) fn end_one(&mut self) -> bool {
        let Some(id) = self.leaving.pop_front() else { return false };
        for owner in std::mem::take(&mut self.unheard) {
            if self.domains.get(&owner).is_some_and(Domain::has_unread) {
                self.kick(owner);
            }
        }
        self.retire(id, Ended::Exited(0));
        true
    }

    /// The slot of a member; the monitor's own when it is none.
    pub(super) fn slot_of(&self, id: u32) -> u32 {
        let place = self.domains.get(&id).and_then(|d| d.role.place());
        place.map_or(protocol::MONITOR_SLOT, |place| place.slot)
    }

    /// What the domain holds of others ends.
    fn let_go(&mut self, id: u32) {
        self.end_copying(id);
        self.end_frames(id);
        for dropped in self.tokens.release_all(id) {
            self.tell_dropped(dropped);
        }
        let peers = self.domains.get_mut(&id).map(|domain| std::mem::take(&mut domain.peers));
        for (other, port) in peers.unwrap_or_default() {
            self.notice(other, NOTICE_CLOSE, port.into());
        }
    }

    /// Nobody holds a token any more: its owner may use the frames again, and an ancestor may go.
    pub(super) fn tell_dropped(&mut self, Dropped { token, owner }: Dropped) {
        let Some(domain) = self.domains.get_mut(&owner) else { return };
        if domain.role == Role::Ancestor {
            if !self.tokens.is_wanted(owner) {
                self.destroy(owner);
            }
            return;
        }
        self.notice(owner, NOTICE_DROPPED, token);
    }

    /// Leaves a notice at a domain's door, or keeps it until there is room. One that waits already is not left again, so that
    /// a domain that reads none costs no more and no more memory. A sleeper is woken when there is no room, or for what
    /// cannot wait.
    pub(super) fn notice(&mut self, id: u32, kind: u64, arg: u64) {
        let Some(domain) = self.domains.get_mut(&id) else { return };
        domain.add_notice(kind, arg);
        let can_wait = matches!(kind, NOTICE_PULLED | NOTICE_CLOSE);
        if !can_wait || !domain.notices.is_empty() {
            let port = domain.port;
            self.hyper.ring(port);
        }
    }

    /// A file was cut: the member in this slot lets go of the pages that it has of it by this region.
    pub fn cut(&mut self, slot: u32, region: RegionId) {
        let here = |d: &&Domain| matches!(d.role, Role::Member(place) if place.slot == slot);
        if let Some(id) = self.domains.values().find(here).map(|d| d.id) {
            self.notice(id, NOTICE_CUT, region.0);
        }
    }

    /// The right to frames of ancestors that the domain's last request gave ends.
    pub(super) fn end_frames(&mut self, id: u32) {
        let Some(domain) = self.domains.get_mut(&id) else { return };
        for (owner, gref) in std::mem::take(&mut domain.copying) {
            if let Some(owner) = self.domains.get_mut(&owner) {
                owner.end_grants([gref]);
            }
        }
    }

    /// Takes a domain away, whatever it is, with all that it holds.
    pub fn destroy(&mut self, id: u32) {
        self.let_go(id);
        self.unpool(id);
        let Some(mut domain) = self.domains.remove(&id) else { return };
        self.by_port.remove(&domain.port);
        self.ports.forget(domain.port);
        self.hyper.close(domain.port);
        self.tokens.lost(id);
        self.hyper.destroy(id);
        // Its mappings are gone now, so what it had of the holder is free.
        domain.granted.end_all();
        self.holder.collect();
    }

    /// The clone that was to be in this slot will never be.
    pub fn forget(&mut self, slot: u32) {
        let waiting = |role| matches!(role, Role::Reserved(p) if p.slot == slot);
        if let Some(id) = self.domains.values().find(|d| waiting(d.role)).map(|d| d.id) {
            self.destroy(id);
        }
    }

    /// Ends everything.
    pub fn end_all(&mut self) {
        let all: Vec<u32> = self.domains.keys().copied().collect();
        // All of them stop first: none is to see another's end.
        for id in &all {
            let _ = self.hyper.pause(*id);
        }
        for id in all {
            self.destroy(id);
        }
        self.holder.finish();
    }

    /// Asks Xen which domains there still are, if it is time; true when the family cannot go on.
    pub(super) fn look(&mut self) -> bool {
        let doomed = std::mem::take(&mut *self.doomed.borrow_mut());
        for id in doomed {
            self.retire(id, Ended::Killed(SIGKILL));
        }
        if Instant::now() < self.next_look {
            return self.broken;
        }
        self.next_look = Instant::now() + LOOK_EVERY;
        self.memory.look(&*self.hyper);
        self.name_late();
        let Ok(list) = self.hyper.list() else { return self.broken };
        let find = |id: u32| list.iter().find(|s| s.domain == id && !s.dying);
        self.broken |= find(self.holder.domain()).is_none();
        if self.holder.commons().is_some_and(|commons| find(commons.domain()).is_none()) {
            self.commons_lost();
        }
        let ids: Vec<u32> = self.domains.keys().copied().collect();
        for id in ids {
            match find(id).map(|s| s.shutdown) {
                Some(None) => {}
                Some(Some(SHUTDOWN_CRASH)) => self.crashed(id, &self.hyper.crash_report(id)),
                Some(Some(_)) => self.retire(id, Ended::Exited(0)),
                None if self.domains.get(&id).is_some_and(|d| d.role == Role::Ancestor) => self.destroy(id),
                None => self.retire(id, Ended::Killed(SIGKILL)),
            }
        }
        self.check();
        self.broken
    }

    /// A member could not map what it was given: perhaps the common holder is gone.
    pub(super) fn look_for_commons(&mut self) {
        if self.holder.commons().is_some_and(|commons| !self.hyper.lives(commons.domain())) {
            self.commons_lost();
        }
    }

    /// An operator took the common holder away: the family goes on with pages of its own.
    fn commons_lost(&mut self) {
        let Some(commons) = self.holder.commons().cloned() else { return };
        commons.is_lost();
        file_pages::leave_commons();
        for domain in self.domains.values_mut() {
            domain.granted.forget(commons.domain());
        }
    }

    /// The kernel of a domain crashed, or the CPU gave up on it.
    pub(super) fn crashed(&mut self, id: u32, report: &str) {
        match self.domains.get(&id).map(|d| d.role) {
            Some(Role::Member(place)) => self.crashes.push((place, report.to_owned())),
            Some(_) => say(&format!("a shell's kernel crashed: {report}")),
            None => return,
        }
        self.retire(id, Ended::Killed(SIGABRT));
    }

    /// A domain could not go on for want of memory: one line says so, and a member is killed.
    pub(super) fn starved(&mut self, id: u32, why: &str) {
        let Some(role) = self.domains.get(&id).map(|d| d.role) else { return };
        self.memory.is_short();
        if let Role::Member(place) = role {
            say(&format!("member {}: killed, Xen has no memory left: {why}", place.slot));
        }
        self.retire(id, Ended::Killed(SIGKILL));
    }

    /// When to look again.
    pub(super) fn next_look(&self) -> Duration {
        if !self.doomed.borrow().is_empty() || !self.ended.is_empty() {
            return Duration::ZERO;
        }
        self.next_look.saturating_duration_since(Instant::now())
    }

    /// The members that ended since the last call.
    pub(super) fn take_ended(&mut self) -> Vec<(Place, Ended)> {
        std::mem::take(&mut self.ended)
    }
}
