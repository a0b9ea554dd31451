//! FIFOs, fifo(7): a pipe that several processes open by name. An open waits for the other end, by EAGAIN and a later
//! `EV_RETRY`; while it waits it counts as an end already, as on Linux.

use abi::Errno;
use abi::fs::{O_NONBLOCK, OpenFlags};
use protocol::ring::{CLOSED_READ, CLOSED_WRITE, NO_WRITER_YET, Ring};

use super::pipe::{PipeEnd, create, release_pipe, wake};
use crate::call::Call;
use crate::family::Family;
use crate::retry::RetryKey;

/// An open that waits for the other end.
pub(super) struct Pending {
    pid: u32,
    tid: u32,
    key: u64,
    end: PipeEnd,
    /// How often the other end had been opened when the wait began.
    seen: u64,
}

/// Opens the FIFO that the VFS server numbers `key` with open(2)'s `flags`. EAGAIN: repeat the same request after
/// `EV_RETRY`.
pub fn fifo_open(fam: &mut Family, call: &Call, key: u64, flags: u32) -> Result<PipeEnd, Errno> {
    let how = OpenFlags::from_bits_retain(flags);
    let (read, write) = (how.readable(), how.writable());
    let waiting = fam.pipes.pending.iter().position(|w| (w.pid, w.tid) == (call.pid, call.req.tid));
    if let Some(i) = waiting {
        let w = &fam.pipes.pending[i];
        if w.key == key && (w.end.read, w.end.write) == (read, write) {
            return resume(fam, call, i);
        }
        // The thread gave up that open: a signal handler runs instead.
        let w = fam.pipes.pending.swap_remove(i);
        release_pipe(fam, w.end);
    }
    let existing = fam.pipes.fifos.get(&key).copied();
    let has_readers = existing.and_then(|id| fam.pipes.pipes.get(id)).is_some_and(|p| p.readers > 0);
    if write && !read && flags & O_NONBLOCK != 0 && !has_readers {
        return Err(Errno::ENXIO);
    }
    let id = match existing {
        Some(id) => id,
        None => {
            let id = create(fam, call.pid)?;
            fam.pipes.fifos.insert(key, id);
            if let Some(p) = fam.pipes.pipes.get_mut(id) {
                p.fifo = Some(key);
                if let Ok(view) = fam.regions.view(p.region) {
                    Ring::new(&*view, 0, p.cap).close(CLOSED_READ | CLOSED_WRITE | NO_WRITER_YET);
                }
            }
            id
        }
    };
    let end = PipeEnd { pipe: id, read, write };
    let p = fam.pipes.pipes.get_mut(id).ok_or(Errno::ENXIO)?;
    p.readers += u32::from(read);
    p.writers += u32::from(write);
    p.opens[0] += u64::from(read);
    p.opens[1] += u64::from(write);
    let opened = if read { CLOSED_READ } else { 0 } | if write { CLOSED_WRITE | NO_WRITER_YET } else { 0 };
    let other_missing = if read { p.writers == 0 } else { p.readers == 0 };
    let seen = p.opens[usize::from(read)];
    let (region, cap) = (p.region, p.cap);
    if let Ok(view) = fam.regions.view(region) {
        Ring::new(&*view, 0, cap).reopen(opened);
    }
    wake(fam, id);
    fam.retry_all(RetryKey::Fifo(key));
    if !other_missing || flags & O_NONBLOCK != 0 {
        return Ok(end);
    }
    fam.pipes.pending.push(Pending { pid: call.pid, tid: call.req.tid, key, end, seen });
    fam.retry.note(RetryKey::Fifo(key), call.slot);
    Err(Errno::EAGAIN)
}

fn resume(fam: &mut Family, call: &Call, i: usize) -> Result<PipeEnd, Errno> {
    let w = &fam.pipes.pending[i];
    let p = fam.pipes.pipes.get(w.end.pipe).ok_or(Errno::ENXIO)?;
    let there = if w.end.read { p.writers > 0 } else { p.readers > 0 };
    if there || p.opens[usize::from(w.end.read)] != w.seen {
        return Ok(fam.pipes.pending.swap_remove(i).end);
    }
    fam.retry.note(RetryKey::Fifo(w.key), call.slot);
    Err(Errno::EAGAIN)
}

/// A process ended: opens that it waited in are given up.
pub fn fifo_cancel(fam: &mut Family, pid: u32) {
    while let Some(i) = fam.pipes.pending.iter().position(|w| w.pid == pid) {
        let w = fam.pipes.pending.swap_remove(i);
        release_pipe(fam, w.end);
    }
}
