//! The family's file system server: names, nodes, mounts, and everything that procfs and devfs show.
//!
//! Runs in the monitor only. All of it is passive and single-threaded: an operation gets a [`cx::Cx`] (who asks, when)
//! and answers at once. What needs the host comes in through traits: [`inode::Inode`] for host directories,
//! [`bytes::Storage`] for shareable memory, [`cx::World`] for the process table.
//!
//! | part | what |
//! |---|---|
//! | [`walk`], [`dentry`], [`mount`], [`path`] | from paths to nodes and back |
//! | [`perm`], [`attr`] | who may do what |
//! | [`memfs`] | memory file system and writable layer over a lower tree |
//! | [`devfs`], [`procfs`] | /dev, /proc, /sys |
//! | [`open`], [`names`], [`attrs`], [`mounting`] | the operations |
//! | [`inotify`], [`offset`], [`dirent`] | watches, delegated offsets, directory records |
//! | [`texts`] | running programs and writers |

pub mod attr;
pub mod attrs;
pub mod bytes;
pub mod cx;
pub mod dentry;
pub mod devfs;
pub mod dirent;
pub mod inode;
pub mod inotify;
pub mod memfs;
pub mod mount;
pub mod mounting;
pub mod names;
pub mod offset;
pub mod open;
pub mod path;
pub mod perm;
pub mod procfs;
pub mod texts;
pub mod walk;

#[cfg(test)]
pub mod fake;
#[cfg(test)]
mod names_tests;
#[cfg(test)]
mod walk_model;
#[cfg(test)]
mod walk_tests;

use alloc::rc::Rc;
use core::cell::{Cell, RefCell};

use abi::Errno;
use hashbrown::{HashMap, HashSet};

use self::cx::Cx;
use self::inode::NodeKey;
use self::inotify::Notify;
use self::mount::Mounts;
use self::walk::{Loc, Place, Stop, Walker};

/// Cached names above this number are dropped when nobody uses them.
const MAX_NAMES: usize = 100_000;

/// Names and nodes of one family.
pub struct Vfs {
    pub mounts: Mounts,
    pub notify: RefCell<Notify>,
    pub texts: texts::Texts,
    places: RefCell<HashMap<u32, Rc<RefCell<Place>>>>,
    generation: Cell<u64>,
    /// Nodes whose attributes someone was told since the generation last changed.
    observed: RefCell<HashSet<NodeKey>>,
    /// Nodes that someone could map for writing: their content changes unseen.
    mapped: RefCell<HashSet<NodeKey>>,
    walks: Cell<usize>,
}

/// Where a request's relative paths start.
pub enum Dir<'a> {
    /// The working directory.
    Cwd,
    /// A description's node.
    At(&'a Loc),
}

impl Vfs {
    /// A server whose root is `root`.
    pub fn new(root: Rc<dentry::Dentry>, fstype: &[u8], source: &[u8], flags: u64) -> Self {
        let mounts = Mounts::default();
        mounts.add(None, root, flags, fstype, source);
        Self {
            mounts,
            notify: RefCell::default(),
            texts: texts::Texts::default(),
            places: RefCell::default(),
            generation: Cell::new(1),
            observed: RefCell::default(),
            mapped: RefCell::default(),
            walks: Cell::new(0),
        }
    }

    /// The family's root.
    pub fn root(&self) -> Loc {
        let mount = self.mounts.all()[0].clone();
        Loc { dentry: mount.root.clone(), mount }
    }

    /// Number that changes whenever an answer given earlier may be stale.
    pub fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// A name changed: everything that members remember is void.
    pub fn names_changed(&self) {
        self.generation.set(self.generation.get() + 1);
        self.observed.borrow_mut().clear();
    }

    /// Someone was told the attributes of a node, and may remember them.
    pub fn observe(&self, key: NodeKey) {
        let mut observed = self.observed.borrow_mut();
        if observed.len() >= MAX_NAMES {
            drop(observed);
            self.names_changed();
            observed = self.observed.borrow_mut();
        }
        observed.insert(key);
    }

    /// Attributes of a node changed. The generation moves only if someone may remember them: so a log file that is
    /// written all the time does not void what members know of other files.
    pub fn attr_changed(&self, key: NodeKey) {
        if self.observed.borrow().contains(&key) {
            self.names_changed();
        }
    }

    /// A node's pages were handed out for a shared writable mapping: nobody may remember its content any more.
    pub fn content_mapped(&self, key: NodeKey) {
        if self.mapped.borrow_mut().insert(key) {
            self.attr_changed(key);
        }
    }

    /// True after [`Vfs::content_mapped`].
    pub fn is_content_mapped(&self, key: NodeKey) -> bool {
        self.mapped.borrow().contains(&key)
    }

    /// Root and working directory of a process.
    pub fn place(&self, pid: u32) -> Place {
        match self.places.borrow().get(&pid) {
            Some(p) => p.borrow().clone(),
            None => Place { root: self.root(), cwd: self.root() },
        }
    }

    /// The same, only if the process is known.
    pub fn known_place(&self, pid: u32) -> Option<Place> {
        self.places.borrow().get(&pid).map(|p| p.borrow().clone())
    }

    /// Changes root or working directory of a process (and of those it shares them with, CLONE_FS).
    pub fn set_place(&self, pid: u32, change: impl FnOnce(&mut Place)) {
        let mut places = self.places.borrow_mut();
        let place = places
            .entry(pid)
            .or_insert_with(|| Rc::new(RefCell::new(Place { root: self.root(), cwd: self.root() })));
        change(&mut place.borrow_mut());
    }

    /// A new process: its place is its parent's, `shared` or as a copy.
    pub fn fork_place(&self, parent: u32, child: u32, shared: bool) {
        let mut places = self.places.borrow_mut();
        let Some(place) = places.get(&parent).cloned() else { return };
        let place = if shared { place } else { Rc::new(RefCell::new(place.borrow().clone())) };
        places.insert(child, place);
    }

    /// A process is gone, or stops sharing its place when `unshare` (exec).
    pub fn drop_place(&self, pid: u32) {
        self.places.borrow_mut().remove(&pid);
    }

    /// A walk along `path`.
    pub fn walker<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        dir: &Dir,
        path: &[u8],
        resolve: u64,
    ) -> Result<Walker<'a>, Stop> {
        let n = self.walks.get() + 1;
        self.walks.set(n);
        if n >= MAX_NAMES {
            // Each walk caches only a few names, so the cache's size is bounded by this.
            self.walks.set(self.mounts.prune().min(MAX_NAMES / 2));
        }
        let place = self.place(cx.pid);
        let start = match dir {
            Dir::Cwd => &place.cwd,
            Dir::At(loc) => *loc,
        };
        Walker::new(&self.mounts, cx, &place, start, path, resolve)
    }

    /// The node at `path`; an empty path is `dir` itself when `empty` allows it (AT_EMPTY_PATH).
    pub fn find(&self, cx: &Cx, dir: &Dir, path: &[u8], follow: bool, empty: bool) -> Result<Found, Stop> {
        if path.is_empty() && empty {
            let loc = match dir {
                Dir::Cwd => self.place(cx.pid).cwd,
                Dir::At(loc) => (*loc).clone(),
            };
            let volatile = !loc.dentry.node.stable();
            return Ok(Found { loc, volatile });
        }
        let mut w = self.walker(cx, dir, path, 0)?;
        let loc = w.finish(follow)?;
        Ok(Found { loc, volatile: w.volatile })
    }

    /// Changes the working directory.
    pub fn chdir(&self, cx: &Cx, to: &Loc) -> Result<(), Errno> {
        if !to.is_dir() {
            return Err(Errno::ENOTDIR);
        }
        perm::check(&to.dentry.node.attr(cx)?, cx.creds, perm::EXEC)?;
        self.set_place(cx.pid, |p| p.cwd = to.clone());
        Ok(())
    }

    /// Changes the root directory.
    pub fn chroot(&self, cx: &Cx, to: &Loc) -> Result<(), Errno> {
        if !to.is_dir() {
            return Err(Errno::ENOTDIR);
        }
        perm::check(&to.dentry.node.attr(cx)?, cx.creds, perm::EXEC)?;
        if !cx.creds.is_root() {
            return Err(Errno::EPERM);
        }
        self.set_place(cx.pid, |p| p.root = to.clone());
        // Paths mean something else, for all that share the root.
        self.names_changed();
        Ok(())
    }

    /// The working directory's path: ENOENT when it was removed, `(unreachable)` in front when it lies outside the
    /// root, as Linux does.
    pub fn getcwd(&self, pid: u32) -> Result<alloc::vec::Vec<u8>, Errno> {
        let place = self.place(pid);
        if path::deleted(&place.cwd) {
            return Err(Errno::ENOENT);
        }
        Ok(path::visible(&place.root, &place.cwd).unwrap_or_else(|| {
            let mut p = b"(unreachable)".to_vec();
            p.extend_from_slice(&path::shown(&place.root, &place.cwd));
            p
        }))
    }
}

/// What a walk found.
pub struct Found {
    pub loc: Loc,
    /// May change behind the server's back: not to be remembered.
    pub volatile: bool,
}
