//! Ends of pipes and FIFOs: one shared ring; pipe(7).

use abi::errno::{Errno, SysResult};
use abi::fs::PIPE_BUF;
use abi::poll::PollEvents;
use platform::sync::{Mutex, Rank};
use protocol::desc::DescInfo;
use protocol::ring::{CLOSED_READ, CLOSED_WRITE, NO_WRITER_YET, Side};

use super::OpenFile;
use super::attach::Attachment;
use crate::io::IoBuf;
use crate::ring_io::{RingView, broken};

/// A ring that says after so many looks for its new place that it has moved lies.
const MOST_MOVES: usize = 64;

/// What an end (or both, for a FIFO opened O_RDWR) keeps; attached on first use, or by the opening reply.
pub struct Pipe {
    place: Mutex<Attachment>,
}

impl Pipe {
    /// An end with its ring, if that is attached already.
    pub fn new(place: Attachment) -> Self {
        Self { place: Mutex::new(Rank::File, place) }
    }

    /// The ring, attached on first use.
    pub fn ring(&self, f: &OpenFile) -> SysResult<RingView> {
        if let Some(ring) = self.known() {
            return Ok(ring);
        }
        let place = Attachment::fetch(f)?;
        let rings = place.rings().ok_or(Errno::EIO)?;
        *self.place.lock() = place;
        Ok(rings.input.clone())
    }

    /// The ring, if it is attached.
    pub fn known(&self) -> Option<RingView> {
        self.place.lock().rings().map(|rings| rings.input.clone())
    }

    /// Runs a step on the ring, again at its new place if it has moved (F_SETPIPE_SZ).
    fn with<T>(&self, f: &OpenFile, mut step: impl FnMut(&RingView) -> SysResult<T>) -> SysResult<T> {
        for _ in 0..MOST_MOVES {
            let ring = self.ring(f)?;
            match step(&ring) {
                Err(Errno::ESTALE) => *self.place.lock() = Attachment::default(),
                done => return done,
            }
        }
        Err(Errno::EIO)
    }

    /// read(2).
    pub fn read(&self, f: &OpenFile, io: &mut IoBuf<'_>) -> SysResult<usize> {
        if io.left() == 0 {
            return Ok(0);
        }
        self.with(f, |ring| ring.pull(f.host(), io, false))
    }

    /// As [`Pipe::read`], but what is read stays (tee(2)).
    pub fn peek(&self, f: &OpenFile, io: &mut IoBuf<'_>) -> SysResult<usize> {
        self.with(f, |ring| ring.pull(f.host(), io, true))
    }

    /// Consumes what was peeked at.
    pub fn skip(&self, f: &OpenFile, n: usize) -> SysResult<()> {
        self.with(f, |ring| ring.skip(f.host(), n))
    }

    /// Bytes that can be written now; EAGAIN for none, EPIPE when nobody reads.
    pub fn room(&self, f: &OpenFile) -> SysResult<usize> {
        self.with(f, |ring| ring.room(f.host(), 1).map(|n| n as usize))
    }

    /// A step of write(2). Up to PIPE_BUF bytes go in one piece.
    pub fn write(&self, f: &OpenFile, io: &mut IoBuf<'_>) -> SysResult<usize> {
        if io.left() == 0 {
            return Ok(0);
        }
        self.with(f, |ring| {
            let total = io.done() + io.left();
            let least = if total <= PIPE_BUF { total as u32 } else { 1 };
            ring.push(f.host(), io, least.min(ring.ring().capacity()))
        })
    }

    /// poll(2): arms the sides that are not ready.
    pub fn poll(&self, f: &OpenFile, want: PollEvents) -> PollEvents {
        self.with(f, |ring| {
            if ring.moved() {
                return Err(Errno::ESTALE);
            }
            let mut ready = PollEvents::empty();
            let flags = f.open_flags();
            if flags.readable() {
                // The end alone is POLLHUP without POLLIN.
                if ring.ready(f.host()).is_ok_and(|n| n > 0) {
                    ready |= PollEvents::POLLIN | PollEvents::POLLRDNORM;
                    if !want.intersects(ready) {
                        // Who waits for the end alone is told of it although there are bytes.
                        ring.ring().arm(Side::Reader, f.host().slot());
                    }
                }
                let closed = ring.ring().closed();
                if closed & CLOSED_WRITE != 0 && closed & NO_WRITER_YET == 0 {
                    ready |= PollEvents::POLLHUP;
                }
            }
            if flags.writable() {
                if !want.intersects(PollEvents::POLLOUT | PollEvents::POLLWRNORM) {
                    // Who waits for the end of all readers alone is told of it, too.
                    ring.ring().arm(Side::Writer, f.host().slot());
                }
                let closed = ring.ring().closed() & CLOSED_READ != 0;
                let least = (PIPE_BUF as u32).min(ring.ring().capacity());
                let room = if want.intersects(PollEvents::POLLOUT | PollEvents::POLLWRNORM) {
                    ring.room(f.host(), least).is_ok()
                } else {
                    ring.ring().space().is_ok_and(|s| s >= least)
                };
                if room || closed {
                    ready |= PollEvents::POLLOUT | PollEvents::POLLWRNORM;
                }
                if closed && !flags.readable() {
                    ready |= PollEvents::POLLERR;
                }
            }
            Ok(ready)
        })
        .unwrap_or(PollEvents::POLLERR)
    }

    /// Arms the reader of `want` whether or not it is ready: what is written next is told. A writer is armed when it finds
    /// no room.
    pub fn arm(&self, f: &OpenFile, want: PollEvents) {
        let Ok(ring) = self.ring(f) else { return };
        let flags = f.open_flags();
        if flags.readable() && want.intersects(PollEvents::POLLIN | PollEvents::POLLRDNORM) {
            ring.ring().arm(Side::Reader, f.host().slot());
        }
    }

    /// Changes when something new is there to be told of.
    pub fn edge(&self, f: &OpenFile) -> Option<u64> {
        let ring = self.ring(f).ok()?;
        let ring = ring.ring();
        let at = if f.open_flags().readable() { ring.tail() } else { ring.head() };
        Some(u64::from(at) | u64::from(ring.closed()) << 32)
    }

    /// FIONREAD.
    pub fn readable_bytes(&self, f: &OpenFile) -> SysResult<u32> {
        self.with(
            f,
            |ring| if ring.moved() { Err(Errno::ESTALE) } else { ring.ring().used().map_err(broken) },
        )
    }

    /// F_GETPIPE_SZ.
    pub fn capacity(&self, f: &OpenFile) -> SysResult<u32> {
        self.with(f, |ring| if ring.moved() { Err(Errno::ESTALE) } else { Ok(ring.ring().capacity()) })
    }

    /// F_SETPIPE_SZ: the monitor moves the ring; gives the capacity that it has then.
    pub fn set_capacity(&self, f: &OpenFile, bytes: u32) -> SysResult<u32> {
        let args = [u64::from(f.desc()), u64::from(bytes)];
        let answer = f.host().call(protocol::Op::PipeSize, &args)?;
        let place = Attachment::of_answer(f.host(), &answer, &answer.get::<DescInfo>(0)?)?;
        *self.place.lock() = place;
        Ok(answer.ret() as u32)
    }
}
