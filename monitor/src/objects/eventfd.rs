//! eventfd(2) and timerfd_create(2): a counter or a timer in a region, with a ring's waiter bitmaps beside it; members do
//! the rest.

use std::sync::atomic::Ordering;

use abi::Errno;
use abi::fs::{O_NONBLOCK, O_RDWR, S_IRUSR, S_IWUSR};
use protocol::SharedMem;
use protocol::desc::{DescInfo, EVENTFD_REGION, EVENTFD_RING, Kind, TIMERFD_WALL};
use protocol::ring::Ring;

use crate::descs::Body;
use crate::family::Family;
use crate::mapping::Mapped;
use crate::regions::RegionId;

const EFD_SEMAPHORE: u32 = 1;
const COUNTER: usize = 0;
const SEMAPHORE: usize = 68;
/// Offset of the counter's lock.
pub(super) const LOCK: usize = 64;
/// Capacity of the ring that only serves for waiting.
pub(super) const RING_CAP: u32 = 4096;

/// An eventfd or timerfd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventFd(pub(super) u32);

pub(super) struct State {
    pub region: RegionId,
    pub object: u32,
    pub timer: bool,
}

/// eventfd2(2) for `pid`: its description and region.
pub fn open_eventfd(fam: &mut Family, pid: u32, initial: u64, flags: u32) -> Result<(u32, RegionId), Errno> {
    const CLOEXEC: u32 = abi::fs::O_CLOEXEC;
    if flags & !(EFD_SEMAPHORE | O_NONBLOCK | CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    open(fam, pid, "offshoot-eventfd", flags & O_NONBLOCK, |view| {
        view.u64_at(COUNTER).store(initial, Ordering::Relaxed);
        view.u32_at(SEMAPHORE).store(u32::from(flags & EFD_SEMAPHORE != 0), Ordering::Relaxed);
        false
    })
}

/// timerfd_create(2) for `pid`, of CLOCK_REALTIME (`wall`) or a monotonic clock: its description and region.
pub fn open_timerfd(fam: &mut Family, pid: u32, wall: bool, flags: u32) -> Result<(u32, RegionId), Errno> {
    if flags & !O_NONBLOCK != 0 {
        return Err(Errno::EINVAL);
    }
    open(fam, pid, "offshoot-timerfd", flags, |view| {
        view.u32_at(TIMERFD_WALL).store(wall.into(), Ordering::Relaxed);
        true
    })
}

/// Makes one of them; `init` fills its region, and says whether it is a timer.
fn open(
    fam: &mut Family,
    pid: u32,
    name: &str,
    flags: u32,
    init: impl FnOnce(&Mapped) -> bool,
) -> Result<(u32, RegionId), Errno> {
    let region = fam.regions.create(name, EVENTFD_REGION as u64)?;
    let made = fam.objects.alloc().and_then(|object| {
        let view = fam.regions.view(region).inspect_err(|_| fam.objects.free(object))?;
        Ring::new(&*view, EVENTFD_RING, RING_CAP).init(object);
        Ok((object, init(&view)))
    });
    let (object, timer) = made.inspect_err(|_| fam.regions.disown(region))?;
    let id = fam.pipes.eventfds.insert(State { region, object, timer });
    let desc = fam.open_desc(pid, Body::EventFd(EventFd(id)), O_RDWR | flags)?;
    Ok((desc, region))
}

/// True for a timerfd.
pub fn is_timer(fam: &Family, e: EventFd) -> bool {
    fam.pipes.eventfds.get(e.0).is_some_and(|e| e.timer)
}

/// The last reference to an eventfd is gone.
pub fn release_eventfd(fam: &mut Family, e: EventFd) {
    if let Some(e) = fam.pipes.eventfds.remove(e.0) {
        fam.objects.free(e.object);
        fam.regions.disown(e.region);
    }
}

/// What members are told of it.
pub(super) fn info(fam: &Family, e: EventFd) -> DescInfo {
    let Some(e) = fam.pipes.eventfds.get(e.0) else { return DescInfo::default() };
    DescInfo {
        kind: if e.timer { Kind::TimerFd } else { Kind::EventFd } as u32,
        object: e.object,
        region: e.region.0,
        region_size: fam.regions.size(e.region),
        in_off: EVENTFD_RING as u32,
        out_off: EVENTFD_RING as u32,
        ring_cap: RING_CAP,
        mode: S_IRUSR | S_IWUSR,
        ino: super::ANON_INO,
        dev: super::ANON_DEV,
        ..DescInfo::default()
    }
}
