//! The inbox: messages from the monitor to a member, a single-producer single-consumer queue in the control
//! region. When it is full the monitor keeps the rest and tries again when it has the next one, and at the member's next
//! request; a member that has emptied a full inbox rings the monitor's doorbell for it.

use core::sync::atomic::Ordering;

use crate::SharedMem;

const TAIL: usize = 192;
const HEAD: usize = 256;
/// Messages that there is room for.
pub const ENTRIES: u32 = 256;
const AT: usize = 0x2000;
const ENTRY: usize = 64;

/// A message to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// A signal for process `target` (thread `tid` of it, or 0 for any).
    Signal { target: u32, tid: u32, signo: u32, code: i32, pid: u32, uid: u32, value: u64, status: i32 },
    /// Continue after a stop (SIGCONT was sent); the signal itself comes as [`Message::Signal`].
    Continue { target: u32 },
    /// Thread `tid`, which registered at (region, offset) by `Op::FutexWait` (and may have been requeued since), is woken.
    FutexWake { region: u64, offset: u64, tid: u32 },
    /// Another process changed a resource limit of `target` (prlimit).
    Limit { target: u32, resource: u32, soft: u64, hard: u64 },
    /// A message of a kind that this member does not know.
    Unknown(u32),
}

/// Puts a message in; false when the inbox is full.
pub fn push<M: SharedMem + ?Sized>(mem: &M, msg: &Message) -> bool {
    let tail = mem.u32_at(TAIL).load(Ordering::Relaxed);
    let head = mem.u32_at(HEAD).load(Ordering::Acquire);
    if tail.wrapping_sub(head) >= ENTRIES {
        return false;
    }
    let w: [u64; 8] = match *msg {
        Message::Signal { target, tid, signo, code, pid, uid, value, status } => [
            1,
            target.into(),
            tid.into(),
            u64::from(signo) | u64::from(code as u32) << 32,
            pid.into(),
            uid.into(),
            value,
            u64::from(status as u32),
        ],
        Message::Continue { target } => [2, target.into(), 0, 0, 0, 0, 0, 0],
        Message::FutexWake { region, offset, tid } => [3, region, offset, tid.into(), 0, 0, 0, 0],
        Message::Limit { target, resource, soft, hard } => {
            [4, target.into(), resource.into(), soft, hard, 0, 0, 0]
        }
        Message::Unknown(kind) => [kind.into(), 0, 0, 0, 0, 0, 0, 0],
    };
    let at = AT + (tail % ENTRIES) as usize * ENTRY;
    for (i, v) in w.into_iter().enumerate() {
        mem.u64_at(at + i * 8).store(v, Ordering::Relaxed);
    }
    mem.u32_at(TAIL).store(tail.wrapping_add(1), Ordering::Release);
    true
}

/// True when there are messages that were not taken.
pub fn is_pending<M: SharedMem + ?Sized>(mem: &M) -> bool {
    mem.u32_at(TAIL).load(Ordering::Relaxed) != mem.u32_at(HEAD).load(Ordering::Relaxed)
}

/// Takes the oldest message.
pub fn pop<M: SharedMem + ?Sized>(mem: &M) -> Option<Message> {
    let head = mem.u32_at(HEAD).load(Ordering::Relaxed);
    if mem.u32_at(TAIL).load(Ordering::Acquire) == head {
        return None;
    }
    let at = AT + (head % ENTRIES) as usize * ENTRY;
    let w: [u64; 8] = core::array::from_fn(|i| mem.u64_at(at + i * 8).load(Ordering::Relaxed));
    mem.u32_at(HEAD).store(head.wrapping_add(1), Ordering::Release);
    Some(match w[0] {
        1 => Message::Signal {
            target: w[1] as u32,
            tid: w[2] as u32,
            signo: w[3] as u32,
            code: (w[3] >> 32) as i32,
            pid: w[4] as u32,
            uid: w[5] as u32,
            value: w[6],
            status: w[7] as i32,
        },
        2 => Message::Continue { target: w[1] as u32 },
        3 => Message::FutexWake { region: w[1], offset: w[2], tid: w[3] as u32 },
        4 => Message::Limit { target: w[1] as u32, resource: w[2] as u32, soft: w[3], hard: w[4] },
        k => Message::Unknown(k as u32),
    })
}
