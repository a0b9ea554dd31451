//! System V shared memory, semaphores and message queues, sysvipc(7), and POSIX message queues.
//!
//! A call that must wait is answered with r7 = 1, and `EV_RETRY` comes when it may succeed.

pub mod mqueue;
pub mod msg;
mod registry;
pub mod sem;
pub mod shm;

use std::collections::BTreeMap;

use abi::Errno;
use abi::ipc::{MSGMNI, SEMMNI, SHMMNI};

use crate::call::{Answer, Call, OpResult};
use crate::family::Family;
use crate::retry::RetryKey;
use registry::Registry;

/// Kinds of objects that calls wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Sem,
    Msg,
}

/// What a thread waits for.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    kind: Kind,
    id: i32,
    num: u16,
    /// For zero (semaphores), for a message (queues).
    zero: bool,
}

/// All System V objects of a family.
pub struct Server {
    shm: Registry<shm::Segment>,
    sem: Registry<sem::Set>,
    msg: Registry<msg::Queue>,
    /// By process and thread.
    waiters: BTreeMap<(u32, u32), Waiter>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            shm: Registry::new(SHMMNI as usize),
            sem: Registry::new(SEMMNI as usize),
            msg: Registry::new(MSGMNI),
            waiters: BTreeMap::new(),
        }
    }
}

impl Server {
    /// How many threads wait for this.
    fn waiting(&self, kind: Kind, id: i32, num: u16, zero: bool) -> i32 {
        let same = |w: &&Waiter| (w.kind, w.id, w.num, w.zero) == (kind, id, num, zero);
        self.waiters.values().filter(same).count() as i32
    }
}

fn key(kind: Kind, id: i32) -> RetryKey {
    RetryKey::Ipc((kind as u64) << 32 | u64::from(id as u32))
}

/// The answer that makes the caller wait.
fn wait_for(fam: &mut Family, call: &Call, waiter: Waiter) -> Answer {
    fam.ipc.waiters.insert((call.pid, call.req.tid), waiter);
    fam.retry.note(key(waiter.kind, waiter.id), call.slot);
    Answer::default().with_ret(7, 1)
}

/// Everyone who waits for the object tries again.
fn wake(fam: &mut Family, kind: Kind, id: i32) {
    fam.retry_all(key(kind, id));
}

/// The thread does something else than wait now. EIDRM if it waited for this object, and that was removed meanwhile.
fn removed(fam: &mut Family, call: &Call, kind: Kind, id: i32) -> Result<(), Errno> {
    let waited = fam.ipc.waiters.remove(&(call.pid, call.req.tid));
    let gone = match kind {
        Kind::Sem => fam.ipc.sem.any(id).is_none(),
        Kind::Msg => fam.ipc.msg.any(id).is_none(),
    };
    if gone && waited.is_some_and(|w| (w.kind, w.id) == (kind, id)) { Err(Errno::EIDRM) } else { Ok(()) }
}

/// The thread no longer waits.
pub fn gave_up(fam: &mut Family, call: &Call) -> OpResult {
    fam.ipc.waiters.remove(&(call.pid, call.req.tid));
    Answer::ok()
}

/// A process was forked: attachments are inherited.
pub fn process_forked(fam: &mut Family, parent: u32, child: u32) {
    shm::process_forked(fam, parent, child);
}

/// A process executes a program: its memory, attachments included, is gone.
pub fn process_execed(fam: &mut Family, pid: u32) {
    shm::process_detached(fam, pid);
}

/// A process ended: semaphore adjustments are undone, shared memory is detached.
pub fn process_ended(fam: &mut Family, pid: u32) {
    fam.ipc.waiters.retain(|(p, _), _| *p != pid);
    sem::process_ended(fam, pid);
    shm::process_detached(fam, pid);
}
