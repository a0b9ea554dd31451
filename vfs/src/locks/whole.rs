//! flock(2): locks on whole files, owned by open file descriptions.

use alloc::collections::BTreeMap;

use super::Kind;

/// The flock locks of one file by description.
#[derive(Clone, Debug, Default)]
pub struct Whole {
    held: BTreeMap<u64, Kind>,
}

impl Whole {
    /// LOCK_SH or LOCK_EX. A conversion gives the old lock up before it takes the new one, so a failed one loses it,
    /// as on Linux. The first value tells whether `owner` has the lock now, the second whether others may gain.
    pub fn lock(&mut self, owner: u64, kind: Kind) -> (bool, bool) {
        if self.held.get(&owner) == Some(&kind) {
            return (true, false);
        }
        let had = self.held.remove(&owner);
        let taken = self.held.values().any(|k| *k == Kind::Write || kind == Kind::Write);
        if taken {
            return (false, had.is_some());
        }
        self.held.insert(owner, kind);
        (true, had == Some(Kind::Write))
    }

    /// LOCK_UN; true when there was a lock.
    pub fn unlock(&mut self, owner: u64) -> bool {
        self.held.remove(&owner).is_some()
    }

    /// True when nobody has a lock.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}
