//! inotify(7): watches on nodes and the queues of their events.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::rc::Rc;
use alloc::vec::Vec;

use abi::Errno;
use abi::fs::{
    IN_ALL_EVENTS, IN_EXCL_UNLINK, IN_IGNORED, IN_ISDIR, IN_MASK_ADD, IN_MASK_CREATE, IN_ONESHOT,
    IN_Q_OVERFLOW, S_IFDIR,
};
use hashbrown::HashMap;

use crate::server::Vfs;
use crate::server::dentry::Dentry;
use crate::server::inode::NodeKey;

/// /proc/sys/fs/inotify/max_queued_events.
pub const MAX_QUEUED: usize = 16_384;
/// /proc/sys/fs/inotify/max_user_watches, per object.
pub const MAX_WATCHES: usize = 65_536;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    wd: i32,
    mask: u32,
    cookie: u32,
    name: Box<[u8]>,
}

impl Event {
    /// Bytes of the name field: the name, a NUL and padding to the size of the head.
    fn name_len(&self) -> usize {
        if self.name.is_empty() { 0 } else { (self.name.len() + 1).next_multiple_of(16) }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let len = self.name_len();
        out.extend_from_slice(&self.wd.to_le_bytes());
        for v in [self.mask, self.cookie, len as u32] {
            out.extend_from_slice(&v.to_le_bytes());
        }
        out.extend_from_slice(&self.name);
        out.resize(out.len() + len - self.name.len(), 0);
    }
}

#[derive(Default)]
struct Instance {
    queue: VecDeque<Event>,
    last_wd: i32,
    watches: BTreeMap<i32, (NodeKey, u32)>,
}

impl Instance {
    fn push(&mut self, event: Event) {
        if self.queue.back() == Some(&event) {
            return;
        }
        if self.queue.len() < MAX_QUEUED {
            self.queue.push_back(event);
        } else if self.queue.len() == MAX_QUEUED {
            self.queue.push_back(Event { wd: -1, mask: IN_Q_OVERFLOW, cookie: 0, name: Box::default() });
        }
    }
}

/// All inotify objects of a family.
#[derive(Default)]
pub struct Notify {
    instances: BTreeMap<u32, Instance>,
    by_node: HashMap<NodeKey, Vec<(u32, i32)>>,
    cookie: u32,
    last: u32,
    ready: BTreeSet<u32>,
}

impl Notify {
    /// A new object's number.
    pub fn create(&mut self) -> u32 {
        self.last += 1;
        self.instances.insert(self.last, Instance::default());
        self.last
    }

    /// The object is gone.
    pub fn destroy(&mut self, id: u32) {
        self.instances.remove(&id);
        self.ready.remove(&id);
        self.by_node.retain(|_, list| {
            list.retain(|(i, _)| *i != id);
            !list.is_empty()
        });
    }

    /// True when nobody watches anything.
    pub fn is_empty(&self) -> bool {
        self.by_node.is_empty()
    }

    /// True when somebody watches the node.
    pub fn is_watched(&self, key: NodeKey) -> bool {
        self.by_node.contains_key(&key)
    }

    /// A number that ties IN_MOVED_FROM to IN_MOVED_TO.
    pub fn next_cookie(&mut self) -> u32 {
        self.cookie = self.cookie.wrapping_add(1).max(1);
        self.cookie
    }

    /// Objects that got events since the last call.
    pub fn take_ready(&mut self) -> BTreeSet<u32> {
        core::mem::take(&mut self.ready)
    }

    /// inotify_add_watch(2).
    pub fn add(&mut self, id: u32, key: NodeKey, mask: u32) -> Result<i32, Errno> {
        if mask & IN_ALL_EVENTS == 0 || mask & IN_MASK_ADD != 0 && mask & IN_MASK_CREATE != 0 {
            return Err(Errno::EINVAL);
        }
        let inst = self.instances.get_mut(&id).ok_or(Errno::EINVAL)?;
        let keep = mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK);
        let list = self.by_node.entry(key).or_default();
        if let Some((_, wd)) = list.iter().find(|(i, _)| *i == id) {
            if mask & IN_MASK_CREATE != 0 {
                return Err(Errno::EEXIST);
            }
            if let Some((_, old)) = inst.watches.get_mut(wd) {
                *old = if mask & IN_MASK_ADD != 0 { *old | keep } else { keep };
            }
            return Ok(*wd);
        }
        if inst.watches.len() >= MAX_WATCHES || inst.last_wd == i32::MAX {
            return Err(Errno::ENOSPC);
        }
        inst.last_wd += 1;
        inst.watches.insert(inst.last_wd, (key, keep));
        list.push((id, inst.last_wd));
        Ok(inst.last_wd)
    }

    /// inotify_rm_watch(2): the queue gets IN_IGNORED.
    pub fn remove(&mut self, id: u32, wd: i32) -> Result<(), Errno> {
        let inst = self.instances.get_mut(&id).ok_or(Errno::EINVAL)?;
        let (key, _) = inst.watches.remove(&wd).ok_or(Errno::EINVAL)?;
        inst.push(Event { wd, mask: IN_IGNORED, cookie: 0, name: Box::default() });
        self.ready.insert(id);
        if let Some(list) = self.by_node.get_mut(&key) {
            list.retain(|e| *e != (id, wd));
            if list.is_empty() {
                self.by_node.remove(&key);
            }
        }
        Ok(())
    }

    /// The node no longer exists: its watches end.
    pub fn node_gone(&mut self, key: NodeKey) {
        for (id, wd) in self.by_node.get(&key).cloned().unwrap_or_default() {
            // The watch exists: it was just listed.
            let _ = self.remove(id, wd);
        }
    }

    /// Something happened at a node; `unlinked`: to an entry of it whose name is gone.
    pub fn post(&mut self, key: NodeKey, mask: u32, cookie: u32, name: &[u8], unlinked: bool) {
        let Some(list) = self.by_node.get(&key) else { return };
        let mut spent = Vec::new();
        for &(id, wd) in list {
            let Some(inst) = self.instances.get_mut(&id) else { continue };
            let Some((_, wanted)) = inst.watches.get(&wd).copied() else { continue };
            if wanted & mask & IN_ALL_EVENTS == 0 || unlinked && wanted & IN_EXCL_UNLINK != 0 {
                continue;
            }
            inst.push(Event { wd, mask: mask & (IN_ALL_EVENTS | IN_ISDIR), cookie, name: name.into() });
            self.ready.insert(id);
            if wanted & IN_ONESHOT != 0 {
                spent.push((id, wd));
            }
        }
        for (id, wd) in spent {
            let _ = self.remove(id, wd);
        }
    }

    /// read(2): as many events as fit `max` bytes. EAGAIN when there is none, EINVAL when not even one fits.
    pub fn read(&mut self, id: u32, max: usize) -> Result<Vec<u8>, Errno> {
        let inst = self.instances.get_mut(&id).ok_or(Errno::EBADF)?;
        let mut out = Vec::new();
        while let Some(event) = inst.queue.front() {
            if out.len() + 16 + event.name_len() > max {
                break;
            }
            event.encode(&mut out);
            inst.queue.pop_front();
        }
        match (out.is_empty(), inst.queue.is_empty()) {
            (true, true) => Err(Errno::EAGAIN),
            (true, false) => Err(Errno::EINVAL),
            _ => Ok(out),
        }
    }

    /// Bytes that a read could give now (FIONREAD).
    pub fn pending(&self, id: u32) -> usize {
        self.instances.get(&id).map_or(0, |i| i.queue.iter().map(|e| 16 + e.name_len()).sum())
    }
}

impl Vfs {
    /// Something happened to the node `key` (with `name`: to that entry of it).
    pub fn event(&self, key: NodeKey, mask: u32, cookie: u32, name: &[u8]) {
        let mut notify = self.notify.borrow_mut();
        if !notify.is_empty() {
            notify.post(key, mask, cookie, name, false);
        }
    }

    /// Something happened to the node behind a name: its own watchers and those of its directory hear it.
    pub fn tell(&self, dentry: &Rc<Dentry>, mask: u32) {
        let mut notify = self.notify.borrow_mut();
        if notify.is_empty() {
            return;
        }
        let mask = mask | if dentry.node.file_type() == S_IFDIR { IN_ISDIR } else { 0 };
        if let Some(parent) = dentry.parent() {
            notify.post(parent.key(), mask, 0, &dentry.name(), dentry.is_deleted());
        }
        notify.post(dentry.key(), mask, 0, &[], false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::fs::{IN_CREATE, IN_MODIFY};

    fn word(buf: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(buf[at..at + 4].try_into().expect("4 bytes"))
    }

    #[test]
    fn events_come_once_with_padded_names() {
        let mut n = Notify::default();
        let id = n.create();
        let wd = n.add(id, (1, 2), IN_CREATE | IN_MODIFY).expect("watch");
        n.post((1, 2), IN_CREATE, 0, b"file", false);
        n.post((1, 2), IN_CREATE, 0, b"file", false);
        n.post((1, 3), IN_CREATE, 0, b"other", false);
        assert_eq!(n.pending(id), 32);
        assert_eq!(n.read(id, 31), Err(Errno::EINVAL));
        let got = n.read(id, 4096).expect("one event");
        assert_eq!((got.len(), word(&got, 0) as i32, word(&got, 12)), (32, wd, 16));
        assert_eq!(n.read(id, 4096), Err(Errno::EAGAIN));
        assert_eq!(n.take_ready().len(), 1);
    }

    #[test]
    fn adding_again_changes_the_mask() {
        let mut n = Notify::default();
        let id = n.create();
        let wd = n.add(id, (1, 2), IN_CREATE).expect("watch");
        assert_eq!(n.add(id, (1, 2), IN_MODIFY | IN_MASK_CREATE), Err(Errno::EEXIST));
        assert_eq!(n.add(id, (1, 2), IN_MODIFY), Ok(wd));
        n.post((1, 2), IN_CREATE, 0, b"x", false);
        assert_eq!(n.pending(id), 0);
        n.node_gone((1, 2));
        assert_eq!(word(&n.read(id, 64).expect("ignored"), 4), IN_IGNORED);
        assert_eq!(n.remove(id, wd), Err(Errno::EINVAL));
        assert!(n.is_empty());
    }

    #[test]
    fn a_full_queue_says_so_once() {
        let mut n = Notify::default();
        let id = n.create();
        n.add(id, (1, 2), IN_MODIFY | IN_CREATE).expect("watch");
        for i in 0..MAX_QUEUED + 10 {
            n.post((1, 2), if i % 2 == 0 { IN_MODIFY } else { IN_CREATE }, 0, b"", false);
        }
        assert_eq!(n.pending(id), (MAX_QUEUED + 1) * 16);
    }
}
