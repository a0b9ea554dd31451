//! Moving bytes between a transfer's buffers and a shared ring: the step that pipes and stream sockets have in common.
//!
//! Steps are passive: one that cannot go on arms its side of the ring and says EAGAIN; the caller, who has registered for
//! the ring's object before, sleeps and repeats it.

use abi::errno::{Errno, SysResult};
use platform::RegionView;
use protocol::SharedMem;
use protocol::ring::{
    Broken, CLOSED_LOCAL, CLOSED_READ, CLOSED_WRITE, MOVED, NO_WRITER_YET, Ring, Side, size_of_ring,
};

use crate::host::Host;
use crate::io::IoBuf;

/// How often a held lock is tried again, the virtual CPU given away in between: half a minute or more.
const PATIENCE: u32 = 1 << 26;

/// A ring in a mapped region, with its place validated.
#[derive(Clone)]
pub struct RingView {
    view: RegionView,
    base: usize,
    cap: u32,
}

/// A side's lock while a step runs.
struct Locked<'a> {
    ring: Ring<'a, RegionView>,
    side: Side,
    slot: u32,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.ring.unlock(self.side, self.slot);
    }
}

/// A ring whose words contradict each other is treated as a broken device.
pub(crate) fn broken(_: Broken) -> Errno {
    Errno::EIO
}

impl RingView {
    /// EIO when a ring of `cap` bytes at `base` cannot be there.
    pub fn new(view: RegionView, base: u32, cap: u32) -> SysResult<Self> {
        let base = base as usize;
        let fits = cap.is_power_of_two() && base.is_multiple_of(8) && base + size_of_ring(cap) <= view.len();
        if fits { Ok(Self { view, base, cap }) } else { Err(Errno::EIO) }
    }

    /// The ring.
    pub fn ring(&self) -> Ring<'_, RegionView> {
        Ring::new(&self.view, self.base, self.cap)
    }

    /// The region that it lies in.
    pub fn view(&self) -> &RegionView {
        &self.view
    }

    /// True when the ring's contents are in another region by now.
    pub fn moved(&self) -> bool {
        self.ring().closed() & MOVED != 0
    }

    /// Takes a side's lock. It is held for short copies, and the monitor breaks that of a dead member: whoever keeps it for
    /// good lies, EIO.
    fn lock(&self, host: &Host, side: Side) -> SysResult<Locked<'_>> {
        let (ring, slot) = (self.ring(), host.slot());
        for _ in 0..PATIENCE {
            if ring.try_lock(side, slot) {
                return Ok(Locked { ring, side, slot });
            }
            host.platform.relax();
        }
        Err(Errno::EIO)
    }

    /// Runs `step` with a side's lock held; ESTALE when the ring has moved.
    pub fn with_lock<T>(
        &self,
        host: &Host,
        side: Side,
        step: impl FnOnce(&Ring<'_, RegionView>) -> SysResult<T>,
    ) -> SysResult<T> {
        let locked = self.lock(host, side)?;
        if locked.ring.closed() & MOVED != 0 {
            return Err(Errno::ESTALE);
        }
        step(&locked.ring)
    }

    /// Tells those who wait on `side` that the ring changed.
    pub fn wake(&self, host: &Host, side: Side) {
        let ring = self.ring();
        let object = ring.object();
        ring.take_waiters(side, |slot| {
            if object != 0 {
                host.platform.notify(slot, object);
            }
        });
    }

    /// True when there is nothing to read, nor the end. A look that arms nobody.
    pub fn is_quiet(&self) -> bool {
        let ring = self.ring();
        ring.closed() == 0 && ring.used() == Ok(0)
    }

    /// Bytes ready to read. At none: EAGAIN, with the reader armed, or 0 at the end.
    pub fn ready(&self, host: &Host) -> SysResult<u32> {
        let ring = self.ring();
        let mut armed = false;
        loop {
            // Closed is looked at first: what was written before the close is seen after it.
            let closed = ring.closed();
            let used = ring.used().map_err(broken)?;
            if used > 0 || closed & (CLOSED_WRITE | CLOSED_LOCAL | NO_WRITER_YET) != 0 {
                return Ok(used);
            }
            if armed {
                return Err(Errno::EAGAIN);
            }
            ring.arm(Side::Reader, host.slot());
            armed = true;
        }
    }

    /// Moves what is there into `io`; `keep` leaves it in the ring (MSG_PEEK).
    pub fn pull(&self, host: &Host, io: &mut IoBuf<'_>, keep: bool) -> SysResult<usize> {
        let moved = self.with_lock(host, Side::Reader, |ring| {
            let n = (self.ready(host)? as usize).min(io.left());
            let mut moved = 0;
            for (at, len) in ring.read_spans(0, n as u32) {
                if len > 0 {
                    match io.put_region(&self.view, at, len) {
                        Ok(m) => moved += m,
                        Err(_) if moved > 0 => break,
                        Err(e) => return Err(e),
                    }
                }
            }
            if !keep {
                ring.commit_read(moved as u32);
            }
            Ok(moved)
        })?;
        if moved > 0 && !keep {
            self.wake(host, Side::Writer);
        }
        Ok(moved)
    }

    /// Consumes `n` bytes that were peeked at, or what is left of them.
    pub fn skip(&self, host: &Host, n: usize) -> SysResult<()> {
        self.with_lock(host, Side::Reader, |ring| {
            ring.commit_read(ring.used().map_err(broken)?.min(n as u32));
            Ok(())
        })?;
        self.wake(host, Side::Writer);
        Ok(())
    }

    /// Room to write, at least `least`: EAGAIN, with the writer armed, when there is less; EPIPE when nobody reads.
    pub fn room(&self, host: &Host, least: u32) -> SysResult<u32> {
        let ring = self.ring();
        let mut armed = false;
        loop {
            if ring.closed() & CLOSED_READ != 0 {
                return Err(Errno::EPIPE);
            }
            let space = ring.space().map_err(broken)?;
            if space >= least {
                return Ok(space);
            }
            if armed {
                return Err(Errno::EAGAIN);
            }
            ring.arm(Side::Writer, host.slot());
            armed = true;
        }
    }

    /// Moves from `io` what fits, but nothing if less than `least` bytes fit. When not all fits, the writer is armed: who
    /// learns of a short write waits for room as after EAGAIN.
    pub fn push(&self, host: &Host, io: &mut IoBuf<'_>, least: u32) -> SysResult<usize> {
        let moved = self.with_lock(host, Side::Writer, |ring| {
            let n = (self.room(host, least)? as usize).min(io.left());
            let mut moved = 0;
            for (at, len) in ring.write_spans(0, n as u32) {
                if len > 0 {
                    match io.take_region(&self.view, at, len) {
                        Ok(m) => moved += m,
                        Err(_) if moved > 0 => break,
                        Err(e) => return Err(e),
                    }
                }
            }
            ring.commit_write(moved as u32);
            let short = moved == n && io.left() > 0;
            if short && self.room(host, self.cap / 4).is_ok() && ring.object() != 0 {
                // Room came between the last look and arming; nobody else would tell.
                host.platform.notify(host.slot(), ring.object());
            }
            Ok(moved)
        })?;
        if moved > 0 {
            self.wake(host, Side::Reader);
        }
        Ok(moved)
    }
}
