//! Credentials of a guest process, credentials(7), and its capabilities. Files go by user id, all else by capability.

use abi::Errno;
use abi::process::{CAP_KILL, CAP_SETGID, CAP_SETUID};
use protocol::caps::Caps;

/// User and group ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creds {
    pub ruid: u32,
    pub euid: u32,
    pub suid: u32,
    pub fsuid: u32,
    pub rgid: u32,
    pub egid: u32,
    pub sgid: u32,
    pub fsgid: u32,
    pub groups: Vec<u32>,
    pub caps: Caps,
}

/// The superuser.
impl Default for Creds {
    fn default() -> Self {
        Self::new(0, 0, Vec::new())
    }
}

impl Creds {
    /// A user with one group.
    pub fn new(uid: u32, gid: u32, groups: Vec<u32>) -> Self {
        Self {
            ruid: uid,
            euid: uid,
            suid: uid,
            fsuid: uid,
            rgid: gid,
            egid: gid,
            sgid: gid,
            fsgid: gid,
            groups,
            caps: Caps::of_ids(&[uid; 8]),
        }
    }

    /// In the order of `protocol::op::Op::SetCreds`.
    pub fn ids(&self) -> [u32; 8] {
        [self.ruid, self.euid, self.suid, self.fsuid, self.rgid, self.egid, self.sgid, self.fsgid]
    }

    /// True for a process that has this capability.
    pub fn has(&self, cap: u32) -> bool {
        self.caps.has(cap)
    }

    /// True when the process is in the group, by its filesystem gid or a supplementary one.
    pub fn in_group(&self, gid: u32) -> bool {
        self.fsgid == gid || self.groups.contains(&gid)
    }

    /// Takes on other ids and groups, and the capabilities that follow from them: setresuid(2), setfsuid(2), setgroups(2).
    /// EPERM when the present ones do not allow it.
    pub fn become_ids(&mut self, ids: [u32; 8], groups: Vec<u32>) -> Result<(), Errno> {
        let old = self.ids();
        let among = |from: usize, new: &[u32]| {
            let [r, e, s, fs] = [0, 1, 2, 3].map(|i| old[from + i]);
            new[..3].iter().all(|id| [r, e, s].contains(id)) && [r, e, s, fs].contains(&new[3])
        };
        let users = self.has(CAP_SETUID) || among(0, &ids[..4]);
        let own_groups = among(4, &ids[4..]) && groups == self.groups;
        if !users || !(self.has(CAP_SETGID) || own_groups) {
            return Err(Errno::EPERM);
        }
        let mut caps = self.caps;
        caps.ids_changed(&old, &ids);
        let [ruid, euid, suid, fsuid, rgid, egid, sgid, fsgid] = ids;
        *self = Self { ruid, euid, suid, fsuid, rgid, egid, sgid, fsgid, groups, caps };
        Ok(())
    }

    /// Takes on other capabilities: capset(2), prctl(2).
    pub fn become_caps(&mut self, new: Caps) -> Result<(), Errno> {
        if !self.caps.may_become(&new) {
            return Err(Errno::EPERM);
        }
        self.caps = new;
        Ok(())
    }

    /// kill(2): whether a process with these credentials may send `target` a signal (the rule for SIGCONT within a
    /// session is the caller's).
    pub fn may_signal(&self, target: &Creds) -> bool {
        self.has(CAP_KILL) || [self.euid, self.ruid].iter().any(|u| *u == target.ruid || *u == target.suid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_user_moves_between_its_own_ids_only() {
        let user = Creds { euid: 7, ..Creds::new(5, 5, vec![5]) };
        let euid = |id: u32| [5, id, 5, 5, 5, 5, 5, 5];
        assert_eq!(user.clone().become_ids(euid(5), vec![5]), Ok(()));
        assert_eq!(user.clone().become_ids(euid(0), vec![5]), Err(Errno::EPERM));
        assert_eq!(user.clone().become_ids(euid(5), vec![]), Err(Errno::EPERM));
        assert!(!user.may_signal(&Creds::new(0, 0, vec![])));
        assert!(user.may_signal(&Creds::new(5, 0, vec![])));
    }

    #[test]
    fn kept_capabilities_change_further_ids() {
        let mut root = Creds::new(0, 0, vec![]);
        root.caps.securebits = protocol::caps::SECBIT_KEEP_CAPS;
        assert_eq!(root.become_ids([5, 5, 5, 5, 0, 0, 0, 0], vec![]), Ok(()));
        let groups = [5; 8];
        assert_eq!(root.become_ids(groups, vec![]), Err(Errno::EPERM), "permitted is not effective");
        let raised = Caps { effective: 1 << CAP_SETGID, ..root.caps };
        assert_eq!(root.become_caps(raised), Ok(()));
        assert_eq!(root.become_ids(groups, vec![]), Ok(()));
        assert_eq!(root.become_ids([0, 0, 0, 0, 5, 5, 5, 5], vec![]), Err(Errno::EPERM));
    }
}
