//! Shared memory segments: shmget(2), shmat(2), shmdt(2), shmctl(2).

use std::collections::BTreeMap;

use abi::Errno;
use abi::ipc::*;
use zerocopy::FromBytes;

use super::registry::{Entry, READ, Registry, WRITE};
use crate::call::{Answer, Call, OpResult};
use crate::clock::wall_seconds;
use crate::family::Family;
use crate::procs::Creds;
use crate::regions::RegionId;

/// A segment.
pub struct Segment {
    region: RegionId,
    size: u64,
    atime: i64,
    dtime: i64,
    ctime: i64,
    creator: u32,
    last: u32,
    /// Attachments by process.
    attached: BTreeMap<u32, u64>,
}

impl Segment {
    fn attachments(&self) -> u64 {
        self.attached.values().sum()
    }
}

/// shmget(2).
pub fn get(fam: &mut Family, call: &Call, creds: &Creds) -> OpResult {
    let (key, size, flags) = (call.arg(1) as i32, call.arg(2), call.arg(3) as i32);
    if flags & SHM_HUGETLB != 0 {
        return Err(Errno::EINVAL);
    }
    let Family { ipc, regions, .. } = fam;
    let enough = |s: &Segment| if size > s.size { Err(Errno::EINVAL) } else { Ok(()) };
    let make = || {
        if !(SHMMIN..=i64::MAX as u64 - 4096).contains(&size) {
            return Err(Errno::EINVAL);
        }
        Ok(Segment {
            region: regions.create("offshoot-shm", size)?,
            size,
            atime: 0,
            dtime: 0,
            ctime: wall_seconds(),
            creator: call.pid,
            last: 0,
            attached: BTreeMap::new(),
        })
    };
    Ok(Answer::value(ipc.shm.get(key, flags, creds, enough, make)?))
}

/// shmat(2): the region, and in r0 the segment's size.
pub fn attach(fam: &mut Family, call: &Call, creds: &Creds) -> OpResult {
    let (id, flags) = (call.arg(1) as i32, call.arg(2) as i32);
    let wanted = if flags & SHM_RDONLY != 0 { READ } else { READ | WRITE };
    let e = fam.ipc.shm.find(id, creds, wanted)?;
    if e.perm.mode & SHM_DEST as u32 != 0 && e.value.attachments() == 0 {
        return Err(Errno::EIDRM);
    }
    let s = &mut e.value;
    *s.attached.entry(call.pid).or_default() += 1;
    s.atime = wall_seconds();
    s.last = call.pid;
    Ok(Answer::default().with_ret(0, s.size).with_region(0, s.region))
}

/// shmdt(2) of one attachment.
pub fn detach(fam: &mut Family, call: &Call) -> OpResult {
    let id = call.arg(1) as i32;
    let s = &mut fam.ipc.shm.any(id).ok_or(Errno::EINVAL)?.value;
    let n = s.attached.get_mut(&call.pid).ok_or(Errno::EINVAL)?;
    *n -= 1;
    if *n == 0 {
        s.attached.remove(&call.pid);
    }
    s.dtime = wall_seconds();
    s.last = call.pid;
    collect(fam, id);
    Answer::ok()
}

/// A segment that is marked for removal goes with its last attachment.
fn collect(fam: &mut Family, id: i32) {
    let spent =
        fam.ipc.shm.any(id).is_some_and(|e| e.perm.mode & SHM_DEST as u32 != 0 && e.value.attachments() == 0);
    if spent && let Some(e) = fam.ipc.shm.remove(id) {
        fam.regions.disown(e.value.region);
    }
}

/// shmctl(2).
pub fn control(fam: &mut Family, call: &Call, creds: &Creds) -> OpResult {
    let (id, cmd) = (call.arg(1) as i32, call.arg(2) as i32 & !IPC_64);
    match cmd {
        IPC_RMID => {
            fam.ipc.shm.owned(id, creds)?.perm.mode |= SHM_DEST as u32;
            fam.ipc.shm.forget_key(id);
            collect(fam, id);
            Answer::ok()
        }
        IPC_SET => {
            let (new, _) = ShmidDs::read_from_prefix(call.data).map_err(|_| Errno::EFAULT)?;
            let e = fam.ipc.shm.owned(id, creds)?;
            Registry::set_perm(e, &new.shm_perm);
            e.value.ctime = wall_seconds();
            Answer::ok()
        }
        IPC_STAT => Ok(Answer::default().with_struct(&status(fam.ipc.shm.find(id, creds, READ)?))),
        SHM_STAT | SHM_STAT_ANY => {
            let id = fam.ipc.shm.at_index(id)?;
            let e = fam.ipc.shm.find(id, creds, if cmd == SHM_STAT { READ } else { 0 })?;
            Ok(Answer::value(id).with_struct(&status(e)))
        }
        SHM_LOCK | SHM_UNLOCK => {
            let e = fam.ipc.shm.owned(id, creds)?;
            let locked = SHM_LOCKED as u32;
            e.perm.mode = e.perm.mode & !locked | if cmd == SHM_LOCK { locked } else { 0 };
            Answer::ok()
        }
        IPC_INFO => Ok(Answer::value(fam.ipc.shm.highest()).with_struct(&ShmInfoLimits {
            shmmax: SHMMAX,
            shmmin: SHMMIN,
            shmmni: SHMMNI,
            shmseg: SHMMNI,
            shmall: SHMALL,
            ..ShmInfoLimits::default()
        })),
        SHM_INFO => {
            let pages = fam.ipc.shm.iter().map(|(_, e)| e.value.size.div_ceil(4096)).sum();
            Ok(Answer::value(fam.ipc.shm.highest()).with_struct(&ShmInfoUsage {
                used_ids: fam.ipc.shm.iter().count() as i32,
                shm_tot: pages,
                shm_rss: pages,
                ..ShmInfoUsage::default()
            }))
        }
        _ => Err(Errno::EINVAL),
    }
}

fn status(e: &Entry<Segment>) -> ShmidDs {
    let s = &e.value;
    ShmidDs {
        shm_perm: e.perm,
        shm_segsz: s.size,
        shm_atime: s.atime,
        shm_dtime: s.dtime,
        shm_ctime: s.ctime,
        shm_cpid: s.creator as i32,
        shm_lpid: s.last as i32,
        shm_nattch: s.attachments(),
        ..ShmidDs::default()
    }
}

/// A process was forked: attachments are inherited.
pub fn process_forked(fam: &mut Family, parent: u32, child: u32) {
    for (_, e) in fam.ipc.shm.iter_mut() {
        if let Some(n) = e.value.attached.get(&parent).copied() {
            e.value.attached.insert(child, n);
        }
    }
}

/// A process ended, or executes a program: it is attached to nothing.
pub fn process_detached(fam: &mut Family, pid: u32) {
    let mut left = Vec::new();
    for (id, e) in fam.ipc.shm.iter_mut() {
        if e.value.attached.remove(&pid).is_some() {
            e.value.dtime = wall_seconds();
            e.value.last = pid;
            left.push(id);
        }
    }
    for id in left {
        collect(fam, id);
    }
}
