//! A byte or record ring between members: pipes, stream sockets, datagram receive queues.
//!
//! Head and tail run freely; a commit is one store of one of them, so a party that dies at any instruction
//! leaves a consistent ring. Several readers or writers exclude each other by a lock that names its holder.
//! To wait: [`Ring::arm`], re-check, sleep. After a commit: [`Ring::take_waiters`] and notify each (one shot:
//! a waiter that is still interested arms again).

use core::sync::atomic::{AtomicU32, Ordering, fence};

use crate::{FIRST_OBJECT, MAX_MEMBERS, MAX_OBJECTS, SharedMem, lock};

#[cfg(test)]
mod tests;

/// Bytes before a ring's data.
pub const HEADER: usize = 4096;

const HEAD: usize = 0;
const RLOCK: usize = 8;
const TAIL: usize = 64;
const WLOCK: usize = 72;
const CLOSED: usize = 128;
const CAPACITY: usize = 132;
const OBJECT: usize = 136;
const ANC: usize = 140;
const ERROR: usize = 144;
const CREDS: usize = 148;
/// How many wait on a side, or more: a look at one word is enough when nobody does.
const WAITING: [usize; 2] = [192, 196];
const WAITERS: [usize; 2] = [256, 384];
const WAITER_WORDS: usize = MAX_MEMBERS as usize / 64;

/// All writers are gone, or shut down their side: readers see the end after the last byte.
pub const CLOSED_WRITE: u32 = 1;
/// All readers are gone, or shut down their side: writers see EPIPE.
pub const CLOSED_READ: u32 = 2;
/// The ring moved to another region (F_SETPIPE_SZ): the data is there. Checked after taking a side's lock and on every
/// wake-up; `AttachRegion` gives the new place.
pub const MOVED: u32 = 4;
/// The reader shut its side down (SHUT_RD of TCP): it sees the end when the ring is empty; writers notice nothing.
pub const CLOSED_LOCAL: u32 = 8;
/// No writer has been there yet (a FIFO opened O_RDONLY|O_NONBLOCK): reads see the end, but poll(2) no POLLHUP.
pub const NO_WRITER_YET: u32 = 16;
/// What the monitor puts into a lock word when it takes a side itself, for a moment; no member has this slot.
pub const MONITOR_LOCK: u32 = u32::MAX;

/// The ring's shared words contradict each other: another party lies or crashed in a way it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// For bytes (or the end).
    Reader = 0,
    /// For space (or that all readers are gone).
    Writer = 1,
}

/// Up to two stretches of the data area: (offset in the region, length).
pub type Spans = [(usize, usize); 2];

/// One ring in a region.
pub struct Ring<'a, M: SharedMem + ?Sized> {
    mem: &'a M,
    base: usize,
    /// Capacity as the trusted creator told; the word in the region is only informative.
    cap: u32,
}

/// Bytes that a ring of `cap` data bytes takes.
pub const fn size_of_ring(cap: u32) -> usize {
    HEADER + cap as usize
}

impl<'a, M: SharedMem + ?Sized> Ring<'a, M> {
    /// A view of the ring at `base` with `cap` (a power of two) data bytes.
    pub fn new(mem: &'a M, base: usize, cap: u32) -> Self {
        assert!(cap.is_power_of_two() && base + size_of_ring(cap) <= mem.len());
        Self { mem, base, cap }
    }

    /// Makes the zeroed memory a ring whose changes are announced as `object`.
    pub fn init(&self, object: u32) {
        self.word(CAPACITY).store(self.cap, Ordering::Relaxed);
        self.word(OBJECT).store(object, Ordering::Release);
    }

    fn word(&self, off: usize) -> &'a AtomicU32 {
        self.mem.u32_at(self.base + off)
    }

    /// The memory that the ring lies in.
    pub fn mem(&self) -> &'a M {
        self.mem
    }

    /// Object number under which the ring's changes are announced; 0 when the word in the region is not one.
    pub fn object(&self) -> u32 {
        let object = self.word(OBJECT).load(Ordering::Acquire);
        if (FIRST_OBJECT..MAX_OBJECTS).contains(&object) { object } else { 0 }
    }

    /// Data bytes.
    pub fn capacity(&self) -> u32 {
        self.cap
    }

    /// Bytes ready to read.
    pub fn used(&self) -> Result<u32, Broken> {
        let tail = self.word(TAIL).load(Ordering::Acquire);
        let head = self.word(HEAD).load(Ordering::Acquire);
        let used = tail.wrapping_sub(head);
        if used <= self.cap {
            return Ok(used);
        }
        // The two loads are not one: a reader and a writer may both have moved on between them.
        let tail = self.word(TAIL).load(Ordering::Acquire);
        let used = tail.wrapping_sub(head);
        if used <= self.cap { Ok(used) } else { Err(Broken) }
    }

    /// Bytes that can be written.
    pub fn space(&self) -> Result<u32, Broken> {
        Ok(self.cap - self.used()?)
    }

    /// [`CLOSED_READ`] and [`CLOSED_WRITE`] bits.
    pub fn closed(&self) -> u32 {
        self.word(CLOSED).load(Ordering::Acquire)
    }

    /// Adds closed bits; the caller notifies both sides' waiters.
    pub fn close(&self, bits: u32) {
        self.word(CLOSED).fetch_or(bits, Ordering::AcqRel);
    }

    /// Removes closed bits (a FIFO that is opened again).
    pub fn reopen(&self, bits: u32) {
        self.word(CLOSED).fetch_and(!bits, Ordering::AcqRel);
    }

    /// Pending error (errno) of the socket that reads from this ring, taken by the call.
    pub fn take_error(&self) -> u32 {
        self.word(ERROR).swap(0, Ordering::AcqRel)
    }

    /// Looks at the pending error.
    pub fn error(&self) -> u32 {
        self.word(ERROR).load(Ordering::Acquire)
    }

    /// Sets the pending error.
    pub fn set_error(&self, errno: u32) {
        self.word(ERROR).store(errno, Ordering::Release);
    }

    /// The reader wants to know of each message who sent it (SO_PASSCRED): writers say it with `SendAnc`.
    pub fn wants_creds(&self) -> bool {
        self.word(CREDS).load(Ordering::Relaxed) != 0
    }

    /// Sets that.
    pub fn set_wants_creds(&self, on: bool) {
        self.word(CREDS).store(on.into(), Ordering::Relaxed);
    }

    /// Ancillary records that wait at the monitor for this ring's reader.
    pub fn anc_pending(&self) -> u32 {
        self.word(ANC).load(Ordering::Acquire)
    }

    /// Sets the number of waiting ancillary records (monitor only).
    pub fn set_anc_pending(&self, n: u32) {
        self.word(ANC).store(n, Ordering::Release);
    }

    /// Stream position of the next byte to be written (mod 2^32); hold the writers' lock.
    pub fn tail(&self) -> u32 {
        self.word(TAIL).load(Ordering::Acquire)
    }

    /// Stream position of the next byte to be read (mod 2^32).
    pub fn head(&self) -> u32 {
        self.word(HEAD).load(Ordering::Acquire)
    }

    /// The lock word of one side's parties.
    pub fn lock_word(&self, side: Side) -> &'a AtomicU32 {
        self.word(if side == Side::Reader { RLOCK } else { WLOCK })
    }

    /// Takes a side's lock for member `slot` if it is free.
    pub fn try_lock(&self, side: Side, slot: u32) -> bool {
        lock::try_lock(self.lock_word(side), slot)
    }

    /// Gives a side's lock back.
    pub fn unlock(&self, side: Side, slot: u32) {
        lock::unlock(self.lock_word(side), slot);
    }

    fn spans(&self, from: u32, n: u32) -> Spans {
        let at = (from & (self.cap - 1)) as usize;
        let first = (n as usize).min(self.cap as usize - at);
        let data = self.base + HEADER;
        [(data + at, first), (data, n as usize - first)]
    }

    /// Where the next `n` ≤ used bytes to read are, skipping `skip` bytes (for peeking); hold the readers' lock.
    pub fn read_spans(&self, skip: u32, n: u32) -> Spans {
        self.spans(self.word(HEAD).load(Ordering::Relaxed).wrapping_add(skip), n)
    }

    /// Where the next `n` ≤ space bytes go, `skip` bytes behind the tail; hold the writers' lock.
    pub fn write_spans(&self, skip: u32, n: u32) -> Spans {
        self.spans(self.word(TAIL).load(Ordering::Relaxed).wrapping_add(skip), n)
    }

    /// Consumes `n` bytes; hold the readers' lock.
    pub fn commit_read(&self, n: u32) {
        let head = self.word(HEAD);
        head.store(head.load(Ordering::Relaxed).wrapping_add(n), Ordering::Release);
    }

    /// Publishes `n` bytes; hold the writers' lock.
    pub fn commit_write(&self, n: u32) {
        let tail = self.word(TAIL);
        tail.store(tail.load(Ordering::Relaxed).wrapping_add(n), Ordering::Release);
    }

    /// Copies up to `src.len()` bytes in and commits them; hold the writers' lock.
    pub fn push(&self, src: &[u8]) -> Result<usize, Broken> {
        let n = (self.space()? as usize).min(src.len());
        let [a, b] = self.write_spans(0, n as u32);
        self.mem.write(a.0, &src[..a.1]);
        self.mem.write(b.0, &src[a.1..n]);
        self.commit_write(n as u32);
        Ok(n)
    }

    /// Copies up to `dst.len()` bytes out and consumes them; hold the readers' lock.
    pub fn pull(&self, dst: &mut [u8]) -> Result<usize, Broken> {
        let n = self.peek(0, dst)?;
        self.commit_read(n as u32);
        Ok(n)
    }

    /// Copies up to `dst.len()` bytes out from `skip` bytes behind the head, without consuming.
    pub fn peek(&self, skip: u32, dst: &mut [u8]) -> Result<usize, Broken> {
        let n = (self.used()?.saturating_sub(skip) as usize).min(dst.len());
        let [a, b] = self.read_spans(skip, n as u32);
        self.mem.read(a.0, &mut dst[..a.1]);
        self.mem.read(b.0, &mut dst[a.1..n]);
        Ok(n)
    }

    /// Announces that `slot` waits; re-check the condition after this and before sleeping.
    pub fn arm(&self, side: Side, slot: u32) {
        let (word, bit) = (slot as usize / 64 % WAITER_WORDS, slot % 64);
        let at = self.base + WAITERS[side as usize] + word * 8;
        // Never too few, whoever dies in between.
        let waiting = self.word(WAITING[side as usize]);
        waiting.fetch_add(1, Ordering::SeqCst);
        if self.mem.u64_at(at).fetch_or(1 << bit, Ordering::SeqCst) & 1 << bit != 0 {
            waiting.fetch_sub(1, Ordering::SeqCst);
        }
        fence(Ordering::SeqCst);
    }

    /// Calls `each` for every slot that waits on `side`, and forgets it. Call after a commit or close.
    pub fn take_waiters(&self, side: Side, mut each: impl FnMut(u32)) {
        fence(Ordering::SeqCst);
        let waiting = self.word(WAITING[side as usize]);
        if waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        for word in 0..WAITER_WORDS {
            let cell = self.mem.u64_at(self.base + WAITERS[side as usize] + word * 8);
            if cell.load(Ordering::SeqCst) == 0 {
                continue;
            }
            let mut bits = cell.swap(0, Ordering::SeqCst);
            waiting.fetch_sub(bits.count_ones(), Ordering::SeqCst);
            while bits != 0 {
                each(word as u32 * 64 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
    }
}
