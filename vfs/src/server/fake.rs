//! A world without processes, for tests.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;

use crate::server::Vfs;
use crate::server::attr::Time;
use crate::server::bytes::HeapStorage;
use crate::server::cx::{Creds, Cx, ProcInfo, PtyInfo, SystemInfo, World};
use crate::server::dentry::Dentry;
use crate::server::memfs::MemFs;
use crate::server::walk::Place;

/// One process, pid 2, and two pseudo-terminals.
#[derive(Default)]
pub struct FakeWorld {
    pub oom: Cell<i32>,
}

impl World for FakeWorld {
    fn pids(&self) -> Vec<u32> {
        alloc::vec![2]
    }
    fn process(&self, pid: u32) -> Option<ProcInfo> {
        (pid == 2).then(|| ProcInfo {
            pid,
            ppid: 1,
            state: b'S',
            threads: 1,
            tids: alloc::vec![pid],
            ids: [7; 8],
            comm: b"a b) c".to_vec(),
            argv: alloc::vec![b"prog".to_vec(), b"-x".to_vec()],
            exe: b"/bin/prog".to_vec(),
            ..ProcInfo::default()
        })
    }
    fn place(&self, _pid: u32) -> Option<Place> {
        None
    }
    fn system(&self) -> SystemInfo {
        SystemInfo {
            cpus: 2,
            mem_total: 1 << 30,
            mem_free: 1 << 29,
            uptime_ns: 12_340_000_000,
            ..SystemInfo::default()
        }
    }
    fn host_name(&self) -> (Vec<u8>, Vec<u8>) {
        (b"host".to_vec(), b"(none)".to_vec())
    }
    fn ptys(&self) -> Vec<PtyInfo> {
        [0, 3].map(|number| PtyInfo { number, uid: 7, gid: 5, mode: 0o620, since: Time::default() }).to_vec()
    }
    fn mounts(&self, _pid: u32, _info: bool) -> Vec<u8> {
        Vec::new()
    }
    fn random(&self, buf: &mut [u8]) {
        buf.fill(0xa5);
    }
    fn oom_adj(&self, _pid: u32) -> i32 {
        self.oom.get()
    }
    fn set_oom_adj(&self, _pid: u32, adj: i32) {
        self.oom.set(adj);
    }
    fn net_table(&self, _name: &str) -> Option<Vec<u8>> {
        None
    }
}

/// Runs `f` as root.
pub fn as_root<T>(f: impl FnOnce(&Cx) -> T) -> T {
    as_user(0, 0, f)
}

/// Runs `f` as a user.
pub fn as_user<T>(uid: u32, gid: u32, f: impl FnOnce(&Cx) -> T) -> T {
    let world = FakeWorld::default();
    let creds = Creds { uid, gid, groups: Vec::new() };
    f(&Cx { pid: 2, tid: 2, creds: &creds, now: Time { sec: 1000, nsec: 5 }, world: &world })
}

/// An empty memory file system.
pub fn memfs(dev: u64) -> Rc<MemFs> {
    MemFs::new(dev, abi::fs::TMPFS_MAGIC, Rc::new(HeapStorage), u64::MAX)
}

/// A server over an empty memory file system.
pub fn vfs() -> Vfs {
    let root = memfs(1).root(0o755, Time::default());
    Vfs::new(Dentry::root(root, b""), b"tmpfs", b"tmpfs", 0)
}
