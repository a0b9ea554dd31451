//! A grant table that is nearly full. Pages of regions are mapped at their first touch and stay mapped: many members that
//! share much memory (a database's buffers) have more mappings between them than the holder's table has entries. Then those
//! that have many let go of them, and map again what they need.

use std::time::{Duration, Instant};

use protocol::xen::NOTICE_SHED;

use super::domain::Domain;
use super::holder::MEMBER_GRANTS;
use super::host::Host;

/// Members are told no more often: they may need some of it again at once.
const PAUSE: Duration = Duration::from_millis(50);

impl Host {
    /// Sees to it that there is room in the table for what others than `asker` could do without. A member that finds none lets
    /// go of its own.
    pub(super) fn make_room(&mut self, asker: Option<u32>) {
        let now = Instant::now();
        if now < self.next_shed || !self.holder.grantor().is_crowded() {
            return;
        }
        self.next_shed = now + PAUSE;
        let heavy = |d: &&Domain| Some(d.id) != asker && d.granted.len() > MEMBER_GRANTS;
        let ids: Vec<u32> = self.domains.values().filter(heavy).map(|d| d.id).collect();
        for id in ids {
            self.notice(id, NOTICE_SHED, 0);
        }
    }
}
