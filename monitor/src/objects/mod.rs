//! Pipes, FIFOs and eventfds: who is at which end. The bytes lie in rings that members share; the monitor makes them,
//! closes them when an end has no holder any more, and breaks locks that a dead member held.

mod eventfd;
mod fifo;
mod pipe;

use std::sync::atomic::AtomicU32;

use abi::fs::{S_IFIFO, S_IRUSR, S_IWUSR, Stat};
use protocol::SharedMem;
use protocol::desc::{DescInfo, EVENTFD_RING, Kind};
use protocol::lock::break_lock;
use protocol::ring::{Ring, Side};

use crate::descs::Body;
use crate::family::Family;
use crate::regions::RegionId;
use crate::slab::Slab;

pub use eventfd::{EventFd, is_timer, open_eventfd, open_timerfd, release_eventfd};
pub use fifo::{fifo_cancel, fifo_open};
pub use pipe::{PIPE_DEFAULT, PipeEnd, open_pipe, release_pipe, reopen_pipe, resize};

/// All pipes, FIFOs in use and eventfds of a family.
#[derive(Default)]
pub struct Server {
    pipes: Slab<pipe::Pipe>,
    eventfds: Slab<eventfd::State>,
    /// Open FIFOs by the VFS server's number of their node.
    fifos: std::collections::BTreeMap<u64, u32>,
    pending: Vec<fifo::Pending>,
    last_ino: u64,
}

impl Server {
    fn next_ino(&mut self) -> u64 {
        self.last_ino += 1;
        self.last_ino
    }
}

/// `st_dev` of pipes.
const PIPE_DEV: u64 = 12;
/// `st_dev` of eventfds and the like …
pub const ANON_DEV: u64 = 13;
/// … and the one inode that they share on Linux.
pub const ANON_INO: u64 = 1;

/// What members are told of a pipe or eventfd (`desc` and `flags` are filled in by the caller).
pub fn info(fam: &mut Family, desc: u32) -> DescInfo {
    match fam.descs.any(desc).map(|d| &d.body) {
        Some(Body::Pipe(end)) => pipe_info(fam, *end),
        Some(Body::EventFd(e)) => eventfd::info(fam, *e),
        _ => DescInfo::default(),
    }
}

/// What members are told of a pipe's end. For a FIFO the caller puts in the node's own attributes.
pub fn pipe_info(fam: &Family, end: PipeEnd) -> DescInfo {
    let Some(p) = fam.pipes.pipes.get(end.pipe) else { return DescInfo::default() };
    DescInfo {
        kind: Kind::Pipe as u32,
        object: p.object,
        region: p.region.0,
        region_size: fam.regions.size(p.region),
        ring_cap: p.cap,
        mode: S_IFIFO | S_IRUSR | S_IWUSR,
        ino: p.ino,
        dev: PIPE_DEV,
        ..DescInfo::default()
    }
}

/// The region of a pipe's or eventfd's body.
pub fn region_of(fam: &Family, body: &Body) -> Option<RegionId> {
    match body {
        Body::Pipe(end) => fam.pipes.pipes.get(end.pipe).map(|p| p.region),
        Body::EventFd(e) => fam.pipes.eventfds.get(e.0).map(|e| e.region),
        _ => None,
    }
}

/// Attributes of a pipe, an eventfd or the like.
pub fn stat(fam: &Family, body: &Body) -> Stat {
    let common = |owner: (u32, u32), time| Stat {
        st_nlink: 1,
        st_uid: owner.0,
        st_gid: owner.1,
        st_blksize: 4096,
        st_atime: time,
        st_mtime: time,
        st_ctime: time,
        ..Stat::default()
    };
    match body {
        Body::Pipe(end) => match fam.pipes.pipes.get(end.pipe) {
            Some(p) => Stat {
                st_dev: PIPE_DEV,
                st_ino: p.ino,
                st_mode: S_IFIFO | S_IRUSR | S_IWUSR,
                ..common(p.owner, p.time)
            },
            None => Stat::default(),
        },
        _ => Stat {
            st_dev: ANON_DEV,
            st_ino: ANON_INO,
            st_mode: S_IRUSR | S_IWUSR,
            ..common((0, 0), (fam.published.boot_wall_ns() / 1_000_000_000) as i64)
        },
    }
}

/// Frees both sides' locks of a ring if `slot` died holding them.
pub fn break_ring_locks<M: SharedMem + ?Sized>(ring: &Ring<'_, M>, slot: u32) {
    for side in [Side::Reader, Side::Writer] {
        break_lock(ring.lock_word(side), slot);
    }
}

/// A member died: the locks that it held in rings are broken, and whoever waits for them looks again.
pub fn member_lost(fam: &mut Family, slot: u32) {
    let pipes: Vec<_> = fam.pipes.pipes.iter().map(|(_, p)| (p.region, p.cap, p.object)).collect();
    for (region, cap, object) in pipes {
        if !fam.regions.is_attached(region, slot) {
            continue;
        }
        let Ok(view) = fam.regions.view(region) else { continue };
        break_ring_locks(&Ring::new(&*view, 0, cap), slot);
        fam.wake_ring(region, 0, cap, object, Side::Reader);
        fam.wake_ring(region, 0, cap, object, Side::Writer);
    }
    let eventfds: Vec<_> = fam.pipes.eventfds.iter().map(|(_, e)| (e.region, e.object)).collect();
    for (region, object) in eventfds {
        if !fam.regions.is_attached(region, slot) {
            continue;
        }
        let Ok(view) = fam.regions.view(region) else { continue };
        let word: &AtomicU32 = view.u32_at(eventfd::LOCK);
        break_lock(word, slot);
        for side in [Side::Reader, Side::Writer] {
            fam.wake_ring(region, EVENTFD_RING, eventfd::RING_CAP, object, side);
        }
    }
}
