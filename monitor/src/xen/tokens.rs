//! Tokens: who may still want frames that a member froze at a clone.
//!
//! Each clone makes a token of its own, which stands for all frames that the parent had frozen then. The child holds it,
//! and every token that the parent held. When nobody holds a token any more, its owner may let the frames go.

use std::collections::{BTreeMap, BTreeSet};

struct Token {
    owner: u32,
    holders: BTreeSet<u32>,
}

/// A token that nobody holds any more, and whose it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    pub token: u64,
    pub owner: u32,
}

/// All tokens of a family; members are domain numbers.
#[derive(Default)]
pub struct Tokens {
    map: BTreeMap<u64, Token>,
    last: u64,
}

impl Tokens {
    /// `parent` is cloned into `child`.
    pub fn cloned(&mut self, parent: u32, child: u32) -> u64 {
        for t in self.map.values_mut() {
            if t.holders.contains(&parent) {
                t.holders.insert(child);
            }
        }
        self.last += 1;
        self.map.insert(self.last, Token { owner: parent, holders: BTreeSet::from([child]) });
        self.last
    }

    /// Whose frames the token stands for, if `holder` holds it.
    pub fn owner(&self, token: u64, holder: u32) -> Option<u32> {
        self.map.get(&token).filter(|t| t.holders.contains(&holder)).map(|t| t.owner)
    }

    /// `holder` wants no frame of it any more.
    pub fn release(&mut self, token: u64, holder: u32) -> Option<Dropped> {
        let t = self.map.get_mut(&token)?;
        if !t.holders.remove(&holder) || !t.holders.is_empty() {
            return None;
        }
        let owner = t.owner;
        self.map.remove(&token);
        Some(Dropped { token, owner })
    }

    /// `holder` is no more.
    pub fn release_all(&mut self, holder: u32) -> Vec<Dropped> {
        let held: Vec<u64> =
            self.map.iter().filter(|(_, t)| t.holders.contains(&holder)).map(|(id, _)| *id).collect();
        held.into_iter().filter_map(|token| self.release(token, holder)).collect()
    }

    /// All of them: number, owner, holders.
    pub fn all(&self) -> impl Iterator<Item = (u64, u32, &BTreeSet<u32>)> {
        self.map.iter().map(|(token, t)| (*token, t.owner, &t.holders))
    }

    /// True while somebody may want frames of `owner`.
    pub fn is_wanted(&self, owner: u32) -> bool {
        self.map.values().any(|t| t.owner == owner)
    }

    /// The owner's memory is gone, whoever may want it.
    pub fn lost(&mut self, owner: u32) {
        self.map.retain(|_, t| t.owner != owner);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_grandchild_holds_both() {
        let mut t = Tokens::default();
        let a = t.cloned(1, 2);
        let b = t.cloned(2, 3);
        assert_eq!((t.owner(a, 3), t.owner(b, 3)), (Some(1), Some(2)));
        assert_eq!((t.owner(b, 2), t.owner(a, 1)), (None, None));
        assert_eq!(t.release_all(2), []);
        assert!(t.is_wanted(1) && t.is_wanted(2));
        assert_eq!(t.release(a, 3), Some(Dropped { token: a, owner: 1 }));
        assert_eq!(t.release(a, 3), None);
        assert!(!t.is_wanted(1));
        assert_eq!(t.release_all(3), [Dropped { token: b, owner: 2 }]);
    }

    proptest! {
        /// Clones, drops and ends in any order: every token is dropped exactly once, and not before its last holder.
        #[test]
        fn every_token_ends_once(steps in prop::collection::vec((0u8..3, any::<u8>(), any::<u8>()), 1..120)) {
            let mut t = Tokens::default();
            let (mut alive, mut next) = (vec![1u32], 2u32);
            let mut model: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
            for (what, a, b) in steps {
                let who = alive[a as usize % alive.len()];
                match what {
                    0 => {
                        let token = t.cloned(who, next);
                        for holders in model.values_mut() {
                            if holders.contains(&who) {
                                holders.insert(next);
                            }
                        }
                        prop_assert!(model.insert(token, BTreeSet::from([next])).is_none());
                        alive.push(next);
                        next += 1;
                    }
                    1 => {
                        let token = u64::from(b);
                        let last = model.get_mut(&token).is_some_and(|h| h.remove(&who) && h.is_empty());
                        prop_assert_eq!(t.release(token, who).is_some(), last);
                        model.retain(|_, h| !h.is_empty());
                    }
                    _ if alive.len() > 1 => {
                        alive.retain(|m| *m != who);
                        let gone = t.release_all(who).len();
                        let before = model.len();
                        for holders in model.values_mut() {
                            holders.remove(&who);
                        }
                        model.retain(|_, h| !h.is_empty());
                        prop_assert_eq!(gone, before - model.len());
                    }
                    _ => {}
                }
            }
            for who in alive {
                t.release_all(who);
            }
            prop_assert!(t.map.is_empty());
        }
    }
}
