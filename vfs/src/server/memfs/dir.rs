//! Directories: own entries over those of the lower directory.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;

use abi::Errno;
use abi::fs::{RENAME_EXCHANGE, S_IFDIR, mode_to_dtype};
use hashbrown::HashMap;

use super::node::{Body, MemNode};
use crate::server::attr::Attr;
use crate::server::cx::Cx;
use crate::server::inode::{Create, DirEntry, DirSink, Inode};

/// Cookies of own entries start here; those of lower entries count from 2.
const OWN: u64 = 1 << 32;
/// At most so many names are remembered as missing below.
const MAX_ABSENT: usize = 1024;

/// What this layer knows of a name.
enum Entry {
    /// It is this node, made or moved here.
    Own { node: Rc<MemNode>, cookie: u64 },
    /// The lower directory has the name, but it was removed or covered by nothing here (a whiteout).
    Gone,
    /// The lower directory does not have the name (only a memory of a failed look-up).
    Absent,
}

/// A directory's state.
#[derive(Default)]
pub(super) struct Dir {
    entries: HashMap<Box<[u8]>, Entry>,
    order: BTreeMap<u64, Box<[u8]>>,
    last: u64,
    absent: usize,
    /// The lower directory's names in the order in which they are listed, once read: (name, number, type).
    below: Option<Rc<Vec<DirEntry>>>,
}

impl Dir {
    fn insert(&mut self, name: &[u8], node: Rc<MemNode>) {
        self.last += 1;
        let cookie = OWN + self.last;
        self.order.insert(cookie, name.into());
        self.replace(name, Some(Entry::Own { node, cookie }));
    }

    fn replace(&mut self, name: &[u8], entry: Option<Entry>) {
        let old = match entry {
            Some(e) => self.entries.insert(name.into(), e),
            None => self.entries.remove(name),
        };
        match old {
            Some(Entry::Own { cookie, .. }) => {
                self.order.remove(&cookie);
            }
            Some(Entry::Absent) => self.absent -= 1,
            _ => {}
        }
    }
}

impl MemNode {
    fn dir(&self) -> Result<&core::cell::RefCell<Dir>, Errno> {
        match &self.body {
            Body::Dir(d) => Ok(d),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// ENOENT for a directory that was removed.
    pub(super) fn alive(&self) -> Result<(), Errno> {
        if self.attr.borrow().nlink == 0 { Err(Errno::ENOENT) } else { Ok(()) }
    }

    pub(super) fn dir_lookup(&self, cx: &Cx, name: &[u8]) -> Result<Rc<MemNode>, Errno> {
        let dir = self.dir()?;
        match dir.borrow().entries.get(name) {
            Some(Entry::Own { node, .. }) => return Ok(node.clone()),
            Some(Entry::Gone | Entry::Absent) => return Err(Errno::ENOENT),
            None => {}
        }
        let Some(lower) = &self.lower else { return Err(Errno::ENOENT) };
        match lower.lookup(cx, name) {
            Ok(node) => self.fs.adopt(cx, node),
            Err(Errno::ENOENT) => {
                let mut dir = dir.borrow_mut();
                if dir.absent < MAX_ABSENT {
                    dir.absent += 1;
                    dir.entries.insert(name.into(), Entry::Absent);
                }
                Err(Errno::ENOENT)
            }
            Err(e) => Err(e),
        }
    }

    /// Puts `node` under `name`, whatever was there.
    fn put(&self, cx: &Cx, name: &[u8], node: Rc<MemNode>) -> Result<(), Errno> {
        self.dir()?.borrow_mut().insert(name, node);
        self.modified(cx);
        Ok(())
    }

    /// Takes `name` away.
    fn take(&self, cx: &Cx, name: &[u8]) -> Result<(), Errno> {
        let below = match &self.lower {
            Some(lower) => lower.lookup(cx, name).is_ok(),
            None => false,
        };
        self.dir()?.borrow_mut().replace(name, below.then_some(Entry::Gone));
        self.modified(cx);
        Ok(())
    }

    pub(super) fn dir_create(&self, cx: &Cx, name: &[u8], new: &Create) -> Result<Rc<MemNode>, Errno> {
        self.alive()?;
        match self.dir_lookup(cx, name) {
            Ok(_) => return Err(Errno::EEXIST),
            Err(Errno::ENOENT) => {}
            Err(e) => return Err(e),
        }
        let is_dir = new.mode & abi::fs::S_IFMT == S_IFDIR;
        let attr = Attr {
            mode: new.mode,
            uid: new.uid,
            gid: new.gid,
            rdev: new.rdev,
            nlink: if is_dir { 2 } else { 1 },
            ..Attr::default()
        };
        let node = MemNode::new(&self.fs, attr, cx.now, new.target);
        self.put(cx, name, node.clone())?;
        if is_dir {
            self.subdirs(cx, 1);
        }
        Ok(node)
    }

    /// A directory counts the `..` of its subdirectories as names, unless the lower file system does not count.
    fn subdirs(&self, cx: &Cx, n: i64) {
        if self.attr.borrow().nlink >= 2 {
            self.add_links(cx, n);
        }
    }

    pub(super) fn dir_link(&self, cx: &Cx, name: &[u8], node: &Rc<MemNode>) -> Result<(), Errno> {
        self.alive()?;
        if self.dir_lookup(cx, name).is_ok() {
            return Err(Errno::EEXIST);
        }
        if node.attr.borrow().nlink >= u64::from(u32::MAX) {
            return Err(Errno::EMLINK);
        }
        self.put(cx, name, node.clone())?;
        node.add_links(cx, 1);
        Ok(())
    }

    fn check_empty(&self, cx: &Cx) -> Result<(), Errno> {
        let mut empty = true;
        self.dir_read(cx, 2, &mut |_| {
            empty = false;
            false
        })?;
        if empty { Ok(()) } else { Err(Errno::ENOTEMPTY) }
    }

    /// The node loses one name; a directory loses all it has.
    fn drop_name(&self, cx: &Cx, parent: &MemNode) {
        if self.file_type() == S_IFDIR {
            let all = self.attr.borrow().nlink as i64;
            self.add_links(cx, -all);
            parent.subdirs(cx, -1);
        } else {
            self.add_links(cx, -1);
        }
    }

    pub(super) fn dir_unlink(&self, cx: &Cx, name: &[u8], dir: bool) -> Result<(), Errno> {
        let node = self.dir_lookup(cx, name)?;
        match (dir, node.file_type() == S_IFDIR) {
            (true, false) => return Err(Errno::ENOTDIR),
            (false, true) => return Err(Errno::EISDIR),
            (true, true) => node.check_empty(cx)?,
            (false, false) => {}
        }
        self.take(cx, name)?;
        node.drop_name(cx, self);
        Ok(())
    }

    pub(super) fn dir_rename(
        &self,
        cx: &Cx,
        name: &[u8],
        to: &MemNode,
        to_name: &[u8],
        flags: u32,
    ) -> Result<(), Errno> {
        to.alive()?;
        let node = self.dir_lookup(cx, name)?;
        let old = match to.dir_lookup(cx, to_name) {
            Ok(old) => Some(old),
            Err(Errno::ENOENT) => None,
            Err(e) => return Err(e),
        };
        let is_dir = |n: &Rc<MemNode>| n.file_type() == S_IFDIR;
        if flags & RENAME_EXCHANGE != 0 {
            let old = old.ok_or(Errno::ENOENT)?;
            let (a, b) = (is_dir(&node), is_dir(&old));
            self.put(cx, name, old.clone())?;
            to.put(cx, to_name, node.clone())?;
            if a != b {
                let n = if a { 1 } else { -1 };
                self.subdirs(cx, -n);
                to.subdirs(cx, n);
            }
            for n in [&node, &old] {
                n.add_links(cx, 0);
            }
            return Ok(());
        }
        if let Some(old) = &old {
            if Rc::ptr_eq(old, &node) {
                return Ok(());
            }
            match (is_dir(&node), is_dir(old)) {
                (true, false) => return Err(Errno::ENOTDIR),
                (false, true) => return Err(Errno::EISDIR),
                (true, true) => old.check_empty(cx)?,
                (false, false) => {}
            }
        }
        self.take(cx, name)?;
        to.put(cx, to_name, node.clone())?;
        if is_dir(&node) {
            self.subdirs(cx, -1);
            to.subdirs(cx, 1);
        }
        if let Some(old) = old {
            old.drop_name(cx, to);
        }
        node.add_links(cx, 0);
        Ok(())
    }

    /// The lower directory's entries, numbered from cookie 2 on. The lower tree does not change, so the numbers hold.
    fn below(&self, cx: &Cx) -> Result<Option<Rc<Vec<DirEntry>>>, Errno> {
        let Some(lower) = &self.lower else { return Ok(None) };
        if let Some(list) = &self.dir()?.borrow().below {
            return Ok(Some(list.clone()));
        }
        let mut list = Vec::new();
        lower.read_dir(cx, 2, &mut |e| {
            list.push(e);
            true
        })?;
        list.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let dev = lower.key().0;
        for (i, e) in list.iter_mut().enumerate() {
            e.next = 3 + i as u64;
            e.ino = self.fs.lower_ino((dev, e.ino));
        }
        let list = Rc::new(list);
        self.dir()?.borrow_mut().below = Some(list.clone());
        Ok(Some(list))
    }

    pub(super) fn dir_read(&self, cx: &Cx, from: u64, sink: DirSink) -> Result<(), Errno> {
        if self.attr.borrow().nlink == 0 {
            return Ok(());
        }
        if from < OWN
            && let Some(list) = self.below(cx)?
        {
            let dir = self.dir()?.borrow();
            let skip = from.saturating_sub(2) as usize;
            for e in list.iter().skip(skip) {
                if !dir.entries.contains_key(&*e.name) && !sink(e.clone()) {
                    return Ok(());
                }
            }
        }
        let dir = self.dir()?.borrow();
        for (cookie, name) in dir.order.range(from.max(OWN)..) {
            let Some(Entry::Own { node, .. }) = dir.entries.get(name) else { continue };
            let entry = DirEntry {
                ino: node.key().1,
                dtype: mode_to_dtype(node.file_type()),
                next: cookie + 1,
                name: name.to_vec(),
            };
            if !sink(entry) {
                return Ok(());
            }
        }
        Ok(())
    }
}
