//! Pipes, pipe(7): one ring; its ends' counts; F_SETPIPE_SZ.

use abi::Errno;
use abi::fs::{O_NONBLOCK, O_RDONLY, O_WRONLY, OpenFlags};
use protocol::lock;
use protocol::ring::{CLOSED_READ, CLOSED_WRITE, MONITOR_LOCK, MOVED, Ring, Side, size_of_ring};

use crate::descs::Body;
use crate::family::Family;
use crate::regions::RegionId;

/// Capacity of a fresh pipe.
pub const PIPE_DEFAULT: u32 = 0x1_0000;
/// `/proc/sys/fs/pipe-max-size`: what an unprivileged process may ask for.
const PIPE_MAX: u32 = 0x10_0000;
/// The largest capacity at all.
const PIPE_LIMIT: u64 = 1 << 31;

/// One end (or both, for a FIFO opened O_RDWR) of a pipe: a reference that [`release_pipe`] gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipeEnd {
    pub(super) pipe: u32,
    pub read: bool,
    pub write: bool,
}

/// A pipe, or a FIFO while it is open.
pub(super) struct Pipe {
    pub region: RegionId,
    pub cap: u32,
    pub object: u32,
    pub readers: u32,
    pub writers: u32,
    /// How often either end was opened, for FIFO opens that wait.
    pub opens: [u64; 2],
    pub fifo: Option<u64>,
    pub ino: u64,
    pub owner: (u32, u32),
    /// Seconds since the epoch.
    pub time: i64,
}

/// Makes a pipe without ends.
pub(super) fn create(fam: &mut Family, pid: u32) -> Result<u32, Errno> {
    let region = fam.regions.create("offshoot-pipe", size_of_ring(PIPE_DEFAULT) as u64)?;
    let made = fam.objects.alloc().and_then(|object| {
        let view = fam.regions.view(region).inspect_err(|_| fam.objects.free(object))?;
        Ring::new(&*view, 0, PIPE_DEFAULT).init(object);
        Ok(object)
    });
    let object = made.inspect_err(|_| fam.regions.disown(region))?;
    let owner = fam.procs.get(pid).map(|p| (p.creds.fsuid, p.creds.fsgid)).unwrap_or_default();
    let ino = fam.pipes.next_ino();
    Ok(fam.pipes.pipes.insert(Pipe {
        region,
        cap: PIPE_DEFAULT,
        object,
        readers: 0,
        writers: 0,
        opens: [0; 2],
        fifo: None,
        ino,
        owner,
        time: crate::clock::wall_seconds(),
    }))
}

/// pipe2(2) for `pid`: the descriptions of the read end and the write end, and the ring's region.
pub fn open_pipe(fam: &mut Family, pid: u32, flags: u32) -> Result<([u32; 2], RegionId), Errno> {
    // O_DIRECT (packet mode) is what Linux also refuses for pipes that cannot do it.
    if flags & !O_NONBLOCK != 0 {
        return Err(Errno::EINVAL);
    }
    let id = create(fam, pid)?;
    let Some(p) = fam.pipes.pipes.get_mut(id) else { return Err(Errno::ENOMEM) };
    (p.readers, p.writers) = (1, 1);
    let region = p.region;
    let read = PipeEnd { pipe: id, read: true, write: false };
    let write = PipeEnd { pipe: id, read: false, write: true };
    let r = match fam.open_desc(pid, Body::Pipe(read), O_RDONLY | flags) {
        Ok(r) => r,
        Err(e) => {
            release_pipe(fam, write);
            return Err(e);
        }
    };
    let w =
        fam.open_desc(pid, Body::Pipe(write), O_WRONLY | flags).inspect_err(|_| fam.close_desc(r, pid))?;
    Ok(([r, w], region))
}

/// /proc/PID/fd/N of a pipe opened: ends as the access mode says, without waiting for the other side (which FIFOs do).
pub fn reopen_pipe(fam: &mut Family, end: PipeEnd, flags: u32) -> Result<PipeEnd, Errno> {
    let how = OpenFlags::from_bits_retain(flags);
    let end = PipeEnd { pipe: end.pipe, read: how.readable(), write: how.writable() };
    let p = fam.pipes.pipes.get_mut(end.pipe).ok_or(Errno::ENXIO)?;
    p.readers += u32::from(end.read);
    p.writers += u32::from(end.write);
    let opened = if end.read { CLOSED_READ } else { 0 } | if end.write { CLOSED_WRITE } else { 0 };
    let (region, cap) = (p.region, p.cap);
    if let Ok(view) = fam.regions.view(region) {
        Ring::new(&*view, 0, cap).reopen(opened);
    }
    Ok(end)
}

/// The last reference to a pipe's end is gone.
pub fn release_pipe(fam: &mut Family, end: PipeEnd) {
    let Some(p) = fam.pipes.pipes.get_mut(end.pipe) else { return };
    p.readers -= u32::from(end.read);
    p.writers -= u32::from(end.write);
    let mut closed = 0;
    if end.read && p.readers == 0 {
        closed |= CLOSED_READ;
    }
    if end.write && p.writers == 0 {
        closed |= CLOSED_WRITE;
    }
    if p.readers + p.writers == 0 {
        let Some(p) = fam.pipes.pipes.remove(end.pipe) else { return };
        if let Some(key) = p.fifo {
            fam.pipes.fifos.remove(&key);
        }
        fam.objects.free(p.object);
        fam.regions.disown(p.region);
    } else if closed != 0 {
        let (region, cap) = (p.region, p.cap);
        if let Ok(view) = fam.regions.view(region) {
            Ring::new(&*view, 0, cap).close(closed);
        }
        wake(fam, end.pipe);
    }
}

/// Tells everyone who waits at either side to look again.
pub(super) fn wake(fam: &mut Family, pipe: u32) {
    let Some(p) = fam.pipes.pipes.get(pipe) else { return };
    let (region, cap, object) = (p.region, p.cap, p.object);
    fam.wake_ring(region, 0, cap, object, Side::Reader);
    fam.wake_ring(region, 0, cap, object, Side::Writer);
}

/// F_SETPIPE_SZ, fcntl(2): the ring moves to a region of the new size. The new capacity and region. EBUSY while a
/// member is in the middle of a copy, too: the monitor does not wait for it.
pub fn resize(fam: &mut Family, end: PipeEnd, size: u64, privileged: bool) -> Result<(u32, RegionId), Errno> {
    if size > PIPE_LIMIT {
        return Err(Errno::EINVAL);
    }
    let cap = (size.max(4096) as u32).next_power_of_two();
    let p = fam.pipes.pipes.get(end.pipe).ok_or(Errno::EBADF)?;
    if cap > PIPE_MAX && cap > p.cap && !privileged {
        return Err(Errno::EPERM);
    }
    if cap == p.cap {
        return Ok((cap, p.region));
    }
    let (old_region, old_cap, object) = (p.region, p.cap, p.object);
    let region = fam.regions.create("offshoot-pipe", size_of_ring(cap) as u64)?;
    let moved = move_ring(fam, (old_region, old_cap), (region, cap), object);
    if let Err(e) = moved {
        fam.regions.disown(region);
        return Err(e);
    }
    if let Some(p) = fam.pipes.pipes.get_mut(end.pipe) {
        (p.region, p.cap) = (region, cap);
    }
    fam.wake_ring(old_region, 0, old_cap, object, Side::Reader);
    fam.wake_ring(old_region, 0, old_cap, object, Side::Writer);
    fam.regions.disown(old_region);
    Ok((cap, region))
}

fn move_ring(
    fam: &mut Family,
    (old, old_cap): (RegionId, u32),
    (new, cap): (RegionId, u32),
    object: u32,
) -> Result<(), Errno> {
    let (from, to) = (fam.regions.view(old)?, fam.regions.view(new)?);
    let (from, to) = (Ring::new(&*from, 0, old_cap), Ring::new(&*to, 0, cap));
    if !from.try_lock(Side::Reader, MONITOR_LOCK) {
        return Err(Errno::EBUSY);
    }
    let result = if !from.try_lock(Side::Writer, MONITOR_LOCK) {
        Err(Errno::EBUSY)
    } else {
        let result = (|| {
            let used = from.used().map_err(|_| Errno::EIO)?;
            if used > cap {
                return Err(Errno::EBUSY);
            }
            let mut data = vec![0; used as usize];
            let n = from.peek(0, &mut data).map_err(|_| Errno::EIO)?;
            to.init(object);
            to.push(&data[..n]).map_err(|_| Errno::EIO)?;
            to.close(from.closed() & !MOVED);
            from.close(MOVED);
            Ok(())
        })();
        lock::unlock(from.lock_word(Side::Writer), MONITOR_LOCK);
        result
    };
    lock::unlock(from.lock_word(Side::Reader), MONITOR_LOCK);
    result
}
