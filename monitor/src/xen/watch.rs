//! Doors that the monitor looks at by itself: who asks often asks again soon, and while the monitor is awake anyway nobody
//! needs to ring for it.

use super::Host;
use super::domain::Role;
use super::serve::{attend, serve};
use crate::backend::Backend;
use crate::family::Family;

/// Doors that are watched at a time: more are looked at in vain more often than they save.
const MOST: usize = 4;

impl Host {
    /// A domain has asked, and may do so again soon.
    pub(super) fn watch(&mut self, id: u32) {
        if self.watched.len() < MOST
            && !self.watched.contains(&id)
            && let Some(domain) = self.domains.get(&id)
        {
            domain.door.watch(true);
            self.watched.push(id);
        }
    }

    /// A domain asks no more.
    pub(super) fn unwatch(&mut self, id: u32) {
        self.watched.retain(|watched| *watched != id);
    }

    /// Those of the watched that wait for an answer.
    fn asking(&self) -> impl Iterator<Item = u32> {
        let open = |id: &u32| {
            self.domains.get(id).is_some_and(|d| !d.busy && d.role != Role::Ancestor && d.door.is_asked())
        };
        self.watched.iter().copied().filter(open)
    }

    /// Lets other domains have the CPU, if any wants it.
    pub fn give_way(&self) {
        self.hyper.give_way();
    }
}

/// Whether somebody waits for an answer at a door that is watched.
pub fn is_asked(fam: &Family) -> bool {
    matches!(&fam.backend, Backend::Xen(host) if host.asking().next().is_some())
}

/// Serves the doors that are watched; false when nobody asked there.
pub fn serve_watched(fam: &mut Family) -> bool {
    let Backend::Xen(host) = &fam.backend else { return false };
    let ids: Vec<u32> = host.asking().collect();
    for id in &ids {
        serve(fam, *id);
    }
    if !ids.is_empty() {
        attend(fam);
    }
    !ids.is_empty()
}

/// From here on whoever asks has to ring, for the monitor is about to sleep; false when somebody asked before, and was served.
pub fn look_away(fam: &mut Family) -> bool {
    let Backend::Xen(host) = &mut fam.backend else { return true };
    for domain in host.watched.iter().filter_map(|id| host.domains.get(id)) {
        domain.door.watch(false);
    }
    let late: Vec<u32> = host.asking().collect();
    host.watched.clear();
    for id in &late {
        serve(fam, *id);
    }
    if !late.is_empty() {
        attend(fam);
    }
    late.is_empty()
}
