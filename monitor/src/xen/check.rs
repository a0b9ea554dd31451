//! The invariants of who may see which frame (docs/xen.md, "Memory of a member"), as far as the monitor knows them. Looked
//! at whenever Xen is asked which domains there are, so after each fault that a test makes; what is wrong is told once.

use super::domain::Role;
use super::host::Host;
use crate::report::say;

impl Host {
    /// Tells the first thing that is wrong, if it is the first time.
    pub(super) fn check(&mut self) {
        if self.wrong {
            return;
        }
        if let Some(what) = self.inconsistency() {
            self.wrong = true;
            say(&format!("the books of domains and frames are wrong: {what}"));
        }
    }

    /// What contradicts what.
    pub(super) fn inconsistency(&self) -> Option<String> {
        self.wrong_domain().or_else(|| self.wrong_token()).or_else(|| self.wrong_grants())
    }

    /// Ports lead to their domains; shells of the pool are shells; an ancestor is one for somebody, and has nothing of others.
    fn wrong_domain(&self) -> Option<String> {
        let pooled = |id: u32| self.pooled().any(|shell| shell == id);
        for (id, domain) in &self.domains {
            if self.by_port.get(&domain.port) != Some(id) {
                return Some(format!("the port of domain {id} leads elsewhere"));
            }
            if pooled(*id) && domain.role != Role::Shell {
                return Some(format!("domain {id} waits to be a member and is {:?}", domain.role));
            }
            if domain.role == Role::Ancestor {
                // One that is about to go waits for an idle moment.
                if !self.tokens.is_wanted(*id) && !self.leaving.contains(id) {
                    return Some(format!("nobody wants frames of ancestor {id}"));
                }
                if domain.granted.len() != 0 || !domain.copying.is_empty() {
                    return Some(format!("ancestor {id} has pages of others"));
                }
            }
        }
        self.pooled().find(|id| !self.domains.contains_key(id)).map(|id| format!("there is no shell {id}"))
    }

    /// A token's owner is alive or an ancestor, its holders are members.
    fn wrong_token(&self) -> Option<String> {
        let role = |id: &u32| self.domains.get(id).map(|d| d.role);
        for (token, owner, holders) in self.tokens.all() {
            if !matches!(role(&owner), Some(Role::Member(_) | Role::Ancestor)) {
                return Some(format!("token {token} is of domain {owner}, which is {:?}", role(&owner)));
            }
            if holders.is_empty() {
                return Some(format!("nobody holds token {token}"));
            }
            if let Some(id) = holders.iter().find(|id| !matches!(role(id), Some(Role::Member(_)))) {
                return Some(format!("token {token} is held by domain {id}, which is {:?}", role(id)));
            }
        }
        None
    }

    /// Each entry of a grant table has its reason: a clone under way, a question, a page of a region.
    fn wrong_grants(&self) -> Option<String> {
        for (id, domain) in &self.domains {
            let clones: usize = self.clones.values().filter(|c| c.is_of(*id)).map(|c| c.frames()).sum();
            let all = self.domains.values().flat_map(|d| &d.copying);
            let copied = all.filter(|(owner, _)| owner == id).count();
            let (wanted, there) = (clones + copied + domain.stuck.len(), domain.grants.in_use());
            if wanted != there {
                return Some(format!("domain {id} grants {there} frames, {wanted} are known"));
            }
        }
        let given: usize = self.domains.values().map(|d| d.granted.len()).sum();
        let (stuck, there) = self.holder.grants();
        let wanted = given + stuck;
        (wanted != there).then(|| format!("the holder grants {there} pages, {wanted} are known"))
    }
}
