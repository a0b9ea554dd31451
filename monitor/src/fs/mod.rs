//! The VFS server: the pure one of the `vfs` crate over the host's directories and memory files.

pub mod backing;
mod build;
pub mod host;
pub mod info;
mod named;
pub mod node;
mod notify;
mod sockets;
mod store;
mod world;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use abi::Errno;
use vfs::locks::Locks;
use vfs::server::attr::Time;
use vfs::server::cx::{Creds, Cx};
use vfs::server::inode::NodeKey;
use vfs::server::memfs::MemFs;
use vfs::server::{Vfs, cx};

use crate::call::Call;
use crate::config::Config;
use crate::family::Family;
use crate::regions::RegionTable;
use crate::retry::RetryKey;

pub use info::{node_info, stat_of};
pub use named::{Named, named_info};
pub use node::{OpenNode, release_node};
pub use notify::{INotifyId, arm, create as create_inotify, release_inotify};
pub use sockets::{bind_socket, find_socket};

/// The VFS server.
pub struct Server {
    pub vfs: Vfs,
    pub locks: Locks,
    /// Memory file system of memfd_create(2).
    pub anonymous: Rc<MemFs>,
    pub named: RefCell<Named>,
    notify: notify::Objects,
    store: Rc<store::Store>,
    numbers: RefCell<HashMap<NodeKey, u64>>,
    oom: RefCell<HashMap<u32, i32>>,
    next_dev: Cell<u64>,
    told: Cell<u64>,
    /// Looked up when somebody first asks.
    facts: OnceCell<world::Facts>,
}

impl Server {
    /// Mounts what the configuration says.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        build::build(config)
    }

    /// A fresh device number: major 0, as file systems without a device have.
    pub fn new_dev(&self) -> u64 {
        let n = self.next_dev.get() + 1;
        self.next_dev.set(n);
        abi::fs::makedev(0, n as u32)
    }

    /// A fresh memory file system of at most `limit` bytes.
    pub fn memory(&self, magic: i64, limit: u64) -> Rc<MemFs> {
        MemFs::new(self.new_dev(), magic, self.store.clone(), limit)
    }

    /// A number for a file, for whoever waits for something of it.
    pub fn number(&self, key: NodeKey) -> u64 {
        let mut numbers = self.numbers.borrow_mut();
        let next = numbers.len() as u64 + 1;
        *numbers.entry(key).or_insert(next)
    }

    /// After a request: regions without an owner are given up.
    fn collect(&self, regions: &mut RegionTable) {
        for id in self.store.spent.take() {
            regions.disown(id);
        }
    }
}

/// The wall-clock time.
pub fn now() -> Time {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    Time { sec: t.tv_sec, nsec: t.tv_nsec as i64 }
}

/// Which of a process's ids a check uses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// Those of the file system, as everything but access(2).
    Fs,
    /// The real ones.
    Real,
}

/// Runs `f` with the context of a request.
pub fn with<R>(fam: &Family, call: &Call, ids: Ids, f: impl FnOnce(&Cx, &Vfs) -> R) -> R {
    with_process(fam, call.pid, call.req.tid, ids, f)
}

/// Runs `f` on behalf of a process.
pub fn with_process<R>(fam: &Family, pid: u32, tid: u32, ids: Ids, f: impl FnOnce(&Cx, &Vfs) -> R) -> R {
    let creds = fam.procs.get(pid).map(|p| p.creds.clone()).unwrap_or_default();
    let (uid, gid) = match ids {
        Ids::Fs => (creds.fsuid, creds.fsgid),
        Ids::Real => (creds.ruid, creds.rgid),
    };
    let creds = Creds { uid, gid, groups: creds.groups };
    let world = world::View(fam);
    f(&cx::Cx { pid, tid, creds: &creds, now: now(), world: &world }, &fam.fs.vfs)
}

/// After each request on names or files: publishes that something changed, wakes watchers, gives regions up.
pub fn settle(fam: &mut Family) {
    let generation = fam.fs.vfs.generation();
    if fam.fs.told.replace(generation) != generation {
        fam.published.bump_fs_generation();
    }
    notify::settle(fam);
    fam.fs.collect(&mut fam.regions);
}

/// The family's first process: its root and working directory.
pub fn first_process(fam: &mut Family, pid: u32) -> anyhow::Result<()> {
    build::first_process(fam, pid)
}

/// A process was forked: it gets a copy of its parent's root and working directory, or shares them.
pub fn process_forked(fam: &mut Family, parent: u32, child: u32, share: bool) {
    fam.fs.vfs.fork_place(parent, child, share);
    let adj = fam.fs.oom.borrow().get(&parent).copied();
    if let Some(adj) = adj {
        fam.fs.oom.borrow_mut().insert(child, adj);
    }
}

/// A process executes a program: it no longer shares its root and working directory.
pub fn process_execed(fam: &mut Family, pid: u32) {
    fam.fs.vfs.fork_place(pid, pid, false);
}

/// A process closes a description: its record locks on the file go, whoever else has it open (fcntl(2)).
pub fn closing(fam: &mut Family, desc: u32, pid: u32) {
    let Some(crate::descs::Body::Node(node)) = fam.descs.any(desc).map(|d| &d.body) else { return };
    let key = node.loc.dentry.key();
    if !node.path_only && fam.fs.locks.process_closed(key, pid) {
        unlocked(fam, key);
    }
}

/// A process ended: its locks are freed. Its descriptions are closed by the caller.
pub fn process_ended(fam: &mut Family, pid: u32) {
    fam.fs.vfs.drop_place(pid);
    fam.fs.oom.borrow_mut().remove(&pid);
    for key in fam.fs.locks.process_ended(pid) {
        unlocked(fam, key);
    }
    crate::objects::fifo_cancel(fam, pid);
}

/// Locks on a file were given up.
pub fn unlocked(fam: &mut Family, key: NodeKey) {
    let number = fam.fs.number(key);
    fam.retry_all(RetryKey::Lock(number));
}

/// An absolute path of the guest as the family's root sees it, for what the monitor itself opens.
pub fn find_root(fam: &Family, path: &[u8]) -> Result<vfs::server::walk::Loc, Errno> {
    use vfs::server::walk::Stop;
    with_process(fam, crate::procs::INIT_PID, 0, Ids::Fs, |cx, vfs| {
        vfs.find(cx, &vfs::server::Dir::Cwd, path, true, false).map(|f| f.loc)
    })
    .map_err(|stop| match stop {
        Stop::Errno(e) => e,
        Stop::OwnFd { .. } => Errno::ENOENT,
    })
}
