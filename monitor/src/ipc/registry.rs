//! Keys, identifiers and permissions, which the three kinds of System V objects share; sysvipc(7).

use std::collections::BTreeMap;

use abi::Errno;
use abi::ipc::{IPC_CREAT, IPC_EXCL, IPC_PRIVATE, IpcPerm};
use abi::process::{CAP_IPC_OWNER, CAP_SYS_ADMIN};

use crate::procs::Creds;

/// Indices of a kind of object; an identifier is `sequence * INDICES + index`.
const INDICES: i32 = 32_768;
/// Permission to read, as in the lowest three bits of a mode.
pub const READ: u32 = 4;
/// Permission to alter.
pub const WRITE: u32 = 2;

/// An object with its permissions.
pub struct Entry<T> {
    pub perm: IpcPerm,
    pub value: T,
}

/// Objects of one kind.
pub struct Registry<T> {
    entries: BTreeMap<i32, Entry<T>>,
    keys: BTreeMap<i32, i32>,
    sequence: i32,
    max: usize,
}

impl<T> Registry<T> {
    /// An empty registry of at most `max` objects.
    pub fn new(max: usize) -> Self {
        Self { entries: BTreeMap::new(), keys: BTreeMap::new(), sequence: 0, max }
    }

    /// The *get calls: finds the object with this key, or makes one. `check` refuses an existing one.
    pub fn get(
        &mut self,
        key: i32,
        flags: i32,
        creds: &Creds,
        check: impl FnOnce(&T) -> Result<(), Errno>,
        make: impl FnOnce() -> Result<T, Errno>,
    ) -> Result<i32, Errno> {
        if key != IPC_PRIVATE
            && let Some(id) = self.keys.get(&key).copied()
        {
            if flags & IPC_CREAT != 0 && flags & IPC_EXCL != 0 {
                return Err(Errno::EEXIST);
            }
            let e = self.entries.get(&id).ok_or(Errno::ENOENT)?;
            // What the mode bits of the flags ask for, whoever is concerned.
            let wanted = (flags as u32 >> 6 | flags as u32 >> 3 | flags as u32) & 7;
            permitted(&e.perm, creds, wanted)?;
            check(&e.value)?;
            return Ok(id);
        }
        if key != IPC_PRIVATE && flags & IPC_CREAT == 0 {
            return Err(Errno::ENOENT);
        }
        if self.entries.len() >= self.max {
            return Err(Errno::ENOSPC);
        }
        let value = make()?;
        let id = self.free_id();
        let perm = IpcPerm {
            key,
            uid: creds.euid,
            gid: creds.egid,
            cuid: creds.euid,
            cgid: creds.egid,
            mode: flags as u32 & 0o777,
            seq: (id / INDICES) as u16,
            ..IpcPerm::default()
        };
        self.entries.insert(id, Entry { perm, value });
        if key != IPC_PRIVATE {
            self.keys.insert(key, id);
        }
        Ok(id)
    }

    /// The lowest free index, under a sequence number that its former owners did not have.
    fn free_id(&mut self) -> i32 {
        let used: std::collections::BTreeSet<i32> = self.entries.keys().map(|id| id % INDICES).collect();
        let index = (0..INDICES).find(|i| !used.contains(i)).unwrap_or(0);
        let id = self.sequence * INDICES + index;
        self.sequence = (self.sequence + 1) % (i32::MAX / INDICES);
        id
    }

    /// The object, if the caller may do this (`READ`, `WRITE`) with it: EINVAL, EACCES.
    pub fn find(&mut self, id: i32, creds: &Creds, wanted: u32) -> Result<&mut Entry<T>, Errno> {
        let e = self.entries.get_mut(&id).ok_or(Errno::EINVAL)?;
        permitted(&e.perm, creds, wanted)?;
        Ok(e)
    }

    /// The object, whoever asks.
    pub fn any(&mut self, id: i32) -> Option<&mut Entry<T>> {
        self.entries.get_mut(&id)
    }

    /// The object, if the caller may change its permissions or remove it: EINVAL, EPERM.
    pub fn owned(&mut self, id: i32, creds: &Creds) -> Result<&mut Entry<T>, Errno> {
        let e = self.entries.get_mut(&id).ok_or(Errno::EINVAL)?;
        let owner = [e.perm.uid, e.perm.cuid].contains(&creds.euid);
        if owner || creds.has(CAP_SYS_ADMIN) { Ok(e) } else { Err(Errno::EPERM) }
    }

    /// IPC_SET's part that all kinds have.
    pub fn set_perm(e: &mut Entry<T>, new: &IpcPerm) {
        e.perm.uid = new.uid;
        e.perm.gid = new.gid;
        e.perm.mode = e.perm.mode & !0o777 | new.mode & 0o777;
    }

    /// The key is free again, and no longer leads to the object.
    pub fn forget_key(&mut self, id: i32) {
        if let Some(e) = self.entries.get_mut(&id) {
            self.keys.retain(|_, i| *i != id);
            e.perm.key = IPC_PRIVATE;
        }
    }

    /// Removes an object.
    pub fn remove(&mut self, id: i32) -> Option<Entry<T>> {
        self.forget_key(id);
        self.entries.remove(&id)
    }

    /// The identifier at an index (the *_STAT commands).
    pub fn at_index(&self, index: i32) -> Result<i32, Errno> {
        self.entries.keys().copied().find(|id| id % INDICES == index).ok_or(Errno::EINVAL)
    }

    /// The highest index in use (what the *_INFO commands return).
    pub fn highest(&self) -> i32 {
        self.entries.keys().map(|id| id % INDICES).max().unwrap_or(0)
    }

    /// All objects.
    pub fn iter(&self) -> impl Iterator<Item = (i32, &Entry<T>)> {
        self.entries.iter().map(|(id, e)| (*id, e))
    }

    /// All objects.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (i32, &mut Entry<T>)> {
        self.entries.iter_mut().map(|(id, e)| (*id, e))
    }
}

/// `ipcperms` of Linux: the class that the caller is in decides alone.
fn permitted(perm: &IpcPerm, creds: &Creds, wanted: u32) -> Result<(), Errno> {
    if creds.has(CAP_IPC_OWNER) {
        return Ok(());
    }
    let class = if [perm.uid, perm.cuid].contains(&creds.euid) {
        perm.mode >> 6
    } else if [perm.gid, perm.cgid].iter().any(|g| creds.egid == *g || creds.groups.contains(g)) {
        perm.mode >> 3
    } else {
        perm.mode
    };
    if wanted & !class & 7 == 0 { Ok(()) } else { Err(Errno::EACCES) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_permissions() {
        let mut r: Registry<u32> = Registry::new(2);
        let (root, user) = (Creds::default(), Creds::new(7, 7, vec![]));
        let mut get = |key, flags, creds: &Creds| r.get(key, flags, creds, |_| Ok(()), || Ok(0));
        assert_eq!(get(5, 0o600, &root), Err(Errno::ENOENT));
        let id = get(5, IPC_CREAT | 0o640, &root).expect("made");
        assert_eq!(get(5, 0, &user), Ok(id));
        assert_eq!(get(5, 0o400, &user), Err(Errno::EACCES));
        assert_eq!(get(5, IPC_CREAT | IPC_EXCL, &root), Err(Errno::EEXIST));
        let other = get(IPC_PRIVATE, 0o600, &user).expect("made");
        assert_eq!(get(IPC_PRIVATE, 0o600, &user), Err(Errno::ENOSPC));
        assert!(r.owned(id, &user).is_err());
        assert!(r.find(other, &user, READ | WRITE).is_ok());
        r.remove(id);
        assert_eq!(r.find(id, &root, 0).err(), Some(Errno::EINVAL));
        let again = r.get(5, IPC_CREAT, &root, |_| Ok(()), || Ok(0)).expect("made");
        assert_ne!(again, id);
    }
}
