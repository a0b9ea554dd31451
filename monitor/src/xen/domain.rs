//! A domain of the family as the monitor keeps it.

use std::collections::VecDeque;
use std::rc::Rc;

use super::door::Door;
use super::grantor::Granted;
use super::hyper::Grants;
use super::pages::Pages;
use super::touches::{Told, Touches};
use crate::backend::Place;

/// What a domain is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A member-to-be.
    Shell,
    /// Prepared to become the clone in this slot.
    Reserved(Place),
    /// A member, from its command on.
    Member(Place),
    /// A member that has ended; descendants still want frames of it.
    Ancestor,
}

impl Role {
    /// Where it lives, or will.
    pub fn place(self) -> Option<Place> {
        match self {
            Role::Reserved(place) | Role::Member(place) => Some(place),
            Role::Shell | Role::Ancestor => None,
        }
    }
}

/// One domain.
pub struct Domain {
    pub id: u32,
    pub role: Role,
    /// Our end of the channel.
    pub port: u32,
    pub door: Door,
    /// Its grant table.
    pub grants: Box<dyn Grants>,
    /// Ended references of that table which somebody still has mapped.
    pub stuck: Vec<u32>,
    /// What it has of the holder, and of the common one.
    pub granted: Granted,
    /// References that it has of ancestors until its next request: (ancestor, reference).
    pub copying: Vec<(u32, u32)>,
    /// Its control region.
    pub control: Option<Rc<Pages>>,
    /// Its question is being worked on: the answer comes later.
    pub busy: bool,
    /// It has been given the pages that every member needs.
    pub is_ready: bool,
    /// It waits until nobody copies from it: its question is `busy`.
    pub settling: bool,
    /// Ports of others that were made for it to bind to: (domain, port).
    pub peers: Vec<(u32, u32)>,
    /// Pages that Xen has for the tables of its frames.
    pub pool: u32,
    /// How often it has asked for frames of ancestors.
    pub fetches: u32,
    /// What its clones touched of its memory, and what it has been told of others' touches.
    pub touches: Touches,
    pub told: Told,
    /// What it has not been told yet, as the notice ring has it.
    pub notices: VecDeque<(u64, u64)>,
}

impl Domain {
    /// Leaves a notice, or keeps it until there is room. One that waits already is not left again.
    pub fn add_notice(&mut self, kind: u64, arg: u64) {
        if !self.notices.contains(&(kind, arg)) {
            self.notices.push_back((kind, arg));
        }
        self.flush_notices();
    }

    /// True when it has not taken all of its notices.
    pub fn has_unread(&self) -> bool {
        !self.notices.is_empty() || self.door.has_unread()
    }

    /// Leaves the notices for which there is room.
    pub fn flush_notices(&mut self) {
        while let Some((kind, arg)) = self.notices.front()
            && self.door.notice(*kind, *arg)
        {
            self.notices.pop_front();
        }
    }

    /// Ends references of its own table; what is still mapped is tried again at the next call.
    pub fn end_grants(&mut self, grefs: impl IntoIterator<Item = u32>) {
        let stuck = std::mem::take(&mut self.stuck);
        for gref in stuck.into_iter().chain(grefs) {
            if self.grants.is_mapped(gref) || !self.grants.end(gref) {
                self.stuck.push(gref);
            }
        }
    }
}
