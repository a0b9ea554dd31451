//! The control region: a member's request slots, submission queue and inbox.
//!
//! A slot goes FREE → SUBMITTED (member) → DONE (monitor) → FREE (member); requests flagged [`NOREPLY`] go
//! SUBMITTED → FREE. The monitor never waits for a member, and copies a request's fixed part before it looks at it.

use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use crate::SharedMem;

#[cfg(test)]
mod tests;

/// Request slots per member.
pub const REQ_SLOTS: u32 = 32;
/// Bytes of a slot's data buffer.
pub const SLOT_DATA: usize = 0x1_0000;

const SQ_TAIL: usize = 64;
const SQ_HEAD: usize = 128;
// Between these the inbox has its own words.
const THREADS: usize = 320;
const THREADS_LISTED: usize = 512;
const SIGNALS: usize = 0xc00;
const SQ: usize = 0x1000;
const SQ_ENTRIES: u32 = 256;
const SLOTS: usize = 0x6000;
const SLOT_SIZE: usize = 256;
const DATA: usize = 0x1_0000;
/// Offset of the boot record ([`crate::boot`]).
pub const BOOT: usize = DATA + SLOT_DATA * REQ_SLOTS as usize;
/// Bytes kept for the boot record (arguments and environment of a spawned program).
pub const BOOT_MAX: usize = 0x40_0000;
/// Bytes of the whole region (sparse).
pub const REGION_SIZE: usize = BOOT + BOOT_MAX;

const FREE: u32 = 0;
const SUBMITTED: u32 = 1;
const DONE: u32 = 2;

/// The monitor frees the slot itself; there is no answer.
pub const NOREPLY: u16 = 1;

/// The fixed part of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// [`crate::Op`] as a number.
    pub op: u16,
    /// [`NOREPLY`] or 0.
    pub flags: u16,
    /// Process on whose behalf the member asks (a member runs several only during vfork).
    pub pid: u32,
    /// Thread that asks.
    pub tid: u32,
    /// Bytes of data in the slot's buffer.
    pub data_len: u32,
    pub args: [u64; 8],
}

/// A region named in a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionRef {
    /// 0: none.
    pub id: u64,
    /// Size in bytes.
    pub size: u64,
}

/// The fixed part of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Value, or a negative errno.
    pub ret: i64,
    pub rets: [u64; 8],
    /// Bytes of data in the slot's buffer.
    pub data_len: u32,
    /// Bit i set: region i is new to this member and its capability is under way (hosted: a descriptor).
    pub deliver: u32,
    pub regions: [RegionRef; 2],
}

fn slot_at(slot: u32) -> usize {
    SLOTS + SLOT_SIZE * (slot % REQ_SLOTS) as usize
}

/// Publishes the thread ids of the member's own process, as far as there is room for them (member only).
pub fn set_threads<M: SharedMem + ?Sized>(mem: &M, tids: &[u32]) {
    for (i, tid) in tids.iter().take(THREADS_LISTED).enumerate() {
        mem.u32_at(THREADS + 4 + i * 4).store(*tid, Ordering::Relaxed);
    }
    mem.u32_at(THREADS).store(tids.len() as u32, Ordering::Release);
}

/// How many threads the member's own process says that it has, and the ids of the first of them.
pub fn threads<M: SharedMem + ?Sized>(mem: &M) -> (u32, Vec<u32>) {
    let count = mem.u32_at(THREADS).load(Ordering::Acquire);
    let listed = (count as usize).min(THREADS_LISTED);
    let tid = |i: usize| mem.u32_at(THREADS + 4 + i * 4).load(Ordering::Relaxed);
    (count, (0..listed).map(tid).collect())
}

/// The sets of signals that /proc/PID/status shows (bit signo-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalSet {
    /// Pending for the first thread.
    Pending,
    /// Pending for the process.
    Shared,
    Blocked,
    Ignored,
    Caught,
}

/// Publishes a set of signals of the member's own process (member only).
pub fn set_signals<M: SharedMem + ?Sized>(mem: &M, which: SignalSet, set: u64) {
    mem.u64_at(SIGNALS + 8 * which as usize).store(set, Ordering::Relaxed);
}

/// The sets of signals that the member's own process says that it has, in the order of [`SignalSet`].
pub fn signals<M: SharedMem + ?Sized>(mem: &M) -> [u64; 5] {
    core::array::from_fn(|i| mem.u64_at(SIGNALS + 8 * i).load(Ordering::Relaxed))
}

/// Offset of a slot's data buffer in the control region.
pub fn data_at(slot: u32) -> usize {
    DATA + SLOT_DATA * (slot % REQ_SLOTS) as usize
}

/// The member's side.
pub struct MemberSide {
    busy: u32,
    tail: u32,
}

impl Default for MemberSide {
    fn default() -> Self {
        Self::new()
    }
}

impl MemberSide {
    /// Starts on a fresh (zeroed) region.
    pub const fn new() -> Self {
        Self { busy: 0, tail: 0 }
    }

    /// Takes the lowest free slot; `None` when all are in use.
    pub fn alloc<M: SharedMem + ?Sized>(&mut self, mem: &M) -> Option<u32> {
        for slot in 0..REQ_SLOTS {
            let state = mem.u32_at(slot_at(slot)).load(Ordering::Acquire);
            if self.busy & (1 << slot) == 0 && state == FREE {
                self.busy |= 1 << slot;
                return Some(slot);
            }
        }
        None
    }

    /// Gives a slot back that was not submitted, or whose reply was taken.
    pub fn free<M: SharedMem + ?Sized>(&mut self, mem: &M, slot: u32) {
        mem.u32_at(slot_at(slot)).store(FREE, Ordering::Release);
        self.busy &= !(1 << slot);
    }

    /// Submits a request whose data is already in the slot's buffer. The caller then notifies the monitor.
    pub fn submit<M: SharedMem + ?Sized>(&mut self, mem: &M, slot: u32, req: &Request) {
        let at = slot_at(slot);
        mem.u32_at(at + 4).store(u32::from(req.op) | u32::from(req.flags) << 16, Ordering::Relaxed);
        mem.u32_at(at + 8).store(req.pid, Ordering::Relaxed);
        mem.u32_at(at + 12).store(req.data_len, Ordering::Relaxed);
        for (i, a) in req.args.iter().enumerate() {
            mem.u64_at(at + 16 + i * 8).store(*a, Ordering::Relaxed);
        }
        mem.u32_at(at + 196).store(req.tid, Ordering::Relaxed);
        mem.u32_at(at).store(SUBMITTED, Ordering::Release);
        mem.u32_at(SQ + (self.tail % SQ_ENTRIES) as usize * 4).store(slot, Ordering::Relaxed);
        self.tail = self.tail.wrapping_add(1);
        mem.u32_at(SQ_TAIL).store(self.tail, Ordering::Release);
        if req.flags & NOREPLY != 0 {
            self.busy &= !(1 << slot);
        }
    }

    /// True when the slot's reply is there.
    pub fn is_done<M: SharedMem + ?Sized>(mem: &M, slot: u32) -> bool {
        mem.u32_at(slot_at(slot)).load(Ordering::Acquire) == DONE
    }

    /// Reads the reply of a done slot; the slot stays the caller's until [`MemberSide::free`].
    pub fn reply<M: SharedMem + ?Sized>(mem: &M, slot: u32) -> Reply {
        let at = slot_at(slot);
        let q = |off: usize| mem.u64_at(at + off).load(Ordering::Relaxed);
        Reply {
            ret: q(80) as i64,
            rets: core::array::from_fn(|i| q(88 + i * 8)),
            data_len: mem.u32_at(at + 152).load(Ordering::Relaxed).min(SLOT_DATA as u32),
            deliver: mem.u32_at(at + 156).load(Ordering::Relaxed),
            regions: core::array::from_fn(|i| RegionRef { id: q(160 + i * 16), size: q(168 + i * 16) }),
        }
    }
}

/// The monitor's side of one member's control region.
pub struct MonitorSide {
    head: u32,
}

impl Default for MonitorSide {
    fn default() -> Self {
        Self::new()
    }
}

impl MonitorSide {
    /// Starts on a fresh region.
    pub const fn new() -> Self {
        Self { head: 0 }
    }

    /// The next submitted request, with its slot. A queue that claims more than it can hold is drained as far
    /// as it is plausible: a lying member only hurts itself.
    pub fn next<M: SharedMem + ?Sized>(&mut self, mem: &M) -> Option<(u32, Request)> {
        loop {
            let tail = mem.u32_at(SQ_TAIL).load(Ordering::Acquire);
            if tail == self.head {
                return None;
            }
            if tail.wrapping_sub(self.head) > SQ_ENTRIES {
                self.head = tail;
                return None;
            }
            let slot =
                mem.u32_at(SQ + (self.head % SQ_ENTRIES) as usize * 4).load(Ordering::Relaxed) % REQ_SLOTS;
            self.head = self.head.wrapping_add(1);
            mem.u32_at(SQ_HEAD).store(self.head, Ordering::Relaxed);
            let at = slot_at(slot);
            if mem.u32_at(at).load(Ordering::Acquire) != SUBMITTED {
                continue;
            }
            let opf = mem.u32_at(at + 4).load(Ordering::Relaxed);
            return Some((
                slot,
                Request {
                    op: opf as u16,
                    flags: (opf >> 16) as u16,
                    pid: mem.u32_at(at + 8).load(Ordering::Relaxed),
                    tid: mem.u32_at(at + 196).load(Ordering::Relaxed),
                    data_len: mem.u32_at(at + 12).load(Ordering::Relaxed).min(SLOT_DATA as u32),
                    args: core::array::from_fn(|i| mem.u64_at(at + 16 + i * 8).load(Ordering::Relaxed)),
                },
            ));
        }
    }

    /// True when the member's highest slot is in use, so that it may be waiting for a free one: a freed NOREPLY slot is
    /// then worth an event.
    pub fn crowded<M: SharedMem + ?Sized>(mem: &M) -> bool {
        mem.u32_at(slot_at(REQ_SLOTS - 1)).load(Ordering::Relaxed) != FREE
    }

    /// Answers `slot` (or frees it, for a [`NOREPLY`] request). Data is already in the slot's buffer. The
    /// caller then notifies the member.
    pub fn complete<M: SharedMem + ?Sized>(&mut self, mem: &M, slot: u32, noreply: bool, reply: &Reply) {
        let at = slot_at(slot);
        if noreply {
            mem.u32_at(at).store(FREE, Ordering::Release);
            return;
        }
        mem.u64_at(at + 80).store(reply.ret as u64, Ordering::Relaxed);
        for (i, r) in reply.rets.iter().enumerate() {
            mem.u64_at(at + 88 + i * 8).store(*r, Ordering::Relaxed);
        }
        mem.u32_at(at + 152).store(reply.data_len, Ordering::Relaxed);
        mem.u32_at(at + 156).store(reply.deliver, Ordering::Relaxed);
        for (i, r) in reply.regions.iter().enumerate() {
            mem.u64_at(at + 160 + i * 16).store(r.id, Ordering::Relaxed);
            mem.u64_at(at + 168 + i * 16).store(r.size, Ordering::Relaxed);
        }
        mem.u32_at(at).store(DONE, Ordering::Release);
    }
}
