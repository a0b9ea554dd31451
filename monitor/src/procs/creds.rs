//! Credentials of a guest process, credentials(7). Privilege is user id 0; there are no capabilities apart from it.

use abi::Errno;

/// User and group ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
        }
    }

    /// In the order of `protocol::op::Op::SetCreds`.
    pub fn ids(&self) -> [u32; 8] {
        [self.ruid, self.euid, self.suid, self.fsuid, self.rgid, self.egid, self.sgid, self.fsgid]
    }

    /// From that order.
    pub fn from_ids(ids: [u32; 8], groups: Vec<u32>) -> Self {
        let [ruid, euid, suid, fsuid, rgid, egid, sgid, fsgid] = ids;
        Self { ruid, euid, suid, fsuid, rgid, egid, sgid, fsgid, groups }
    }

    /// True for a process that may do what the superuser may.
    pub fn privileged(&self) -> bool {
        self.euid == 0
    }

    /// True when the process is in the group, by its filesystem gid or a supplementary one.
    pub fn in_group(&self, gid: u32) -> bool {
        self.fsgid == gid || self.groups.contains(&gid)
    }

    /// Whether a process with these credentials may take on `new`: setresuid(2), setfsuid(2), setgroups(2).
    pub fn may_become(&self, new: &Creds) -> Result<(), Errno> {
        if self.privileged() {
            return Ok(());
        }
        let uids = [self.ruid, self.euid, self.suid];
        let gids = [self.rgid, self.egid, self.sgid];
        let fine = [new.ruid, new.euid, new.suid].iter().all(|u| uids.contains(u))
            && [new.rgid, new.egid, new.sgid].iter().all(|g| gids.contains(g))
            && (uids.contains(&new.fsuid) || new.fsuid == self.fsuid)
            && (gids.contains(&new.fsgid) || new.fsgid == self.fsgid)
            && self.groups == new.groups;
        if fine { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// kill(2): whether a process with these credentials may send `target` a signal (the rule for SIGCONT within a
    /// session is the caller's).
    pub fn may_signal(&self, target: &Creds) -> bool {
        self.privileged() || [self.euid, self.ruid].iter().any(|u| *u == target.ruid || *u == target.suid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_user_moves_between_its_own_ids_only() {
        let user = Creds { euid: 7, ..Creds::new(5, 5, vec![5]) };
        assert_eq!(user.may_become(&Creds { euid: 5, ..user.clone() }), Ok(()));
        assert_eq!(user.may_become(&Creds { euid: 0, ..user.clone() }), Err(Errno::EPERM));
        assert_eq!(user.may_become(&Creds { groups: vec![], ..user.clone() }), Err(Errno::EPERM));
        assert!(Creds::default().may_become(&user).is_ok());
        assert!(!user.may_signal(&Creds::default()));
        assert!(user.may_signal(&Creds::new(5, 0, vec![])));
    }
}
