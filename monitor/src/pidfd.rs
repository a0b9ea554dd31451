//! Process descriptors, pidfd_open(2).

use abi::Errno;
use abi::fs::{O_NONBLOCK, O_RDWR, Stat};
use protocol::desc::{DescInfo, Kind};

use crate::descs::Body;
use crate::family::Family;

/// A process that a description names, however its number is used later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PidFd {
    pub pid: u32,
    pub object: u32,
    /// It has ended.
    pub ended: bool,
    /// It was waited for: nobody can signal it any more.
    pub reaped: bool,
}

/// As anonymous inodes have it: no type, owner only.
const MODE: u32 = 0o600;

impl PidFd {
    /// What members are told of it.
    pub fn info(self) -> DescInfo {
        DescInfo {
            kind: Kind::PidFd as u32,
            object: self.object,
            mode: MODE,
            rdev: self.pid.into(),
            ..DescInfo::default()
        }
    }

    /// fstat(2).
    pub fn stat(self) -> Stat {
        Stat { st_mode: MODE, st_nlink: 1, st_blksize: 4096, ..Stat::default() }
    }
}

/// A description of process `target`, held by `pid`.
pub fn open(fam: &mut Family, pid: u32, target: u32, flags: u32) -> Result<u32, Errno> {
    let ended = !fam.procs.get(target)?.alive();
    let object = fam.objects.alloc()?;
    let body = Body::PidFd(PidFd { pid: target, object, ended, reaped: false });
    fam.open_desc(pid, body, O_RDWR | flags & O_NONBLOCK)
}

/// Process `pid` ended: whoever polls it hears of it.
pub fn process_ended(fam: &mut Family, pid: u32) {
    for (object, desc) in mark(fam, pid, |p| p.ended = true) {
        let slots: Vec<u32> = fam
            .descs
            .audience(desc)
            .into_iter()
            .filter_map(|h| fam.procs.get(h).ok())
            .map(|p| p.slot)
            .collect();
        for slot in slots {
            fam.notify(slot, object);
        }
    }
}

/// Process `pid` is no more.
pub fn process_reaped(fam: &mut Family, pid: u32) {
    mark(fam, pid, |p| {
        p.ended = true;
        p.reaped = true;
    });
}

/// Changes all descriptions of a process; their objects and numbers. One that was reaped is another's by then.
fn mark(fam: &mut Family, pid: u32, change: impl Fn(&mut PidFd)) -> Vec<(u32, u32)> {
    let mut changed = Vec::new();
    for (n, desc) in fam.descs.iter_mut() {
        if let Body::PidFd(p) = &mut desc.body
            && p.pid == pid
            && !p.reaped
        {
            change(p);
            changed.push((p.object, n));
        }
    }
    changed
}
