//! POSIX message queues, mq_overview(7): names, messages by priority, who waits, who is to be notified.
//!
//! A member that must wait is answered EAGAIN; the queue's object tells all holders of every change, so that they try
//! again. A member whose thread gave up waiting says so, because a notification goes out only when nobody waits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use abi::Errno;
use abi::fs::{O_ACCMODE, O_CREAT, O_EXCL, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY, S_IFREG, Stat};
use abi::ipc::{MQ_MAXMSG, MQ_MSGSIZE, MQ_PRIO_MAX, MQ_QUEUES_MAX};
use abi::poll::PollEvents;
use abi::process::{CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_SYS_RESOURCE};
use protocol::control::SLOT_DATA;
use protocol::desc::{DescInfo, Kind};

use crate::call::{Answer, Call, OpResult};
use crate::clock::wall_seconds;
use crate::descs::Body;
use crate::family::Family;
use crate::procs::{Creds, Signal};

/// The most messages of a queue that the superuser makes.
const HARD_MAXMSG: i64 = 65_536;
/// What Linux counts against RLIMIT_MSGQUEUE for each message beside its bytes.
const OVERHEAD: u64 = 96;
/// `si_code` of a notification: SI_MESGQ of sigaction(2).
const SI_MESGQ: i32 = -3;
/// `st_dev` of queues, and the size of their status text.
const DEV: u64 = 14;
const TEXT_SIZE: i64 = 80;

/// A queue, as a description names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MqId(u32);

/// How a process is told that a message came to an empty queue; mq_notify(3).
#[derive(Clone, Copy, Debug)]
struct Notify {
    pid: u32,
    /// None: registered, but not told.
    signal: Option<(u32, u64)>,
}

struct Queue {
    name: Vec<u8>,
    /// The name was taken away.
    unlinked: bool,
    /// Open descriptions.
    users: u32,
    object: u32,
    owner: (u32, u32),
    mode: u32,
    max_messages: i64,
    max_size: i64,
    /// What it counts against its user's limit.
    bytes: u64,
    /// Highest priority last; each in the order of sending.
    messages: BTreeMap<u32, VecDeque<Vec<u8>>>,
    count: i64,
    notify: Option<Notify>,
    /// Threads that wait for a message.
    receivers: BTreeSet<(u32, u32)>,
    time: i64,
}

impl Queue {
    fn push(&mut self, priority: u32, text: &[u8]) {
        self.messages.entry(priority).or_default().push_back(text.to_vec());
        self.count += 1;
    }

    /// The oldest message of the highest priority.
    fn pop(&mut self) -> Option<(u32, Vec<u8>)> {
        let mut highest = self.messages.last_entry()?;
        let priority = *highest.key();
        let text = highest.get_mut().pop_front()?;
        if highest.get().is_empty() {
            highest.remove();
        }
        self.count -= 1;
        Some((priority, text))
    }

    fn permits(&self, creds: &Creds, wanted: u32) -> bool {
        if creds.has(CAP_DAC_OVERRIDE) {
            return true;
        }
        let class = match self.owner {
            (uid, _) if uid == creds.fsuid => self.mode >> 6,
            (_, gid) if creds.in_group(gid) => self.mode >> 3,
            _ => self.mode,
        };
        class & wanted == wanted
    }
}

/// All queues of a family.
#[derive(Default)]
pub struct Server {
    queues: BTreeMap<u32, Queue>,
    names: BTreeMap<Vec<u8>, u32>,
    last: u32,
}

/// Carries out a request on queues; `protocol::Op::MQueue` lists them.
pub fn handle(fam: &mut Family, call: &Call) -> OpResult {
    match call.arg(0) {
        0 => open(fam, call),
        1 => unlink(fam, call),
        2 => send(fam, call),
        3 => receive(fam, call),
        4 => attributes(fam, call),
        5 => notify(fam, call),
        6 => {
            let waiter = (call.pid, call.req.tid);
            queue(fam, call)?.receivers.remove(&waiter);
            Answer::ok()
        }
        _ => Err(Errno::EINVAL),
    }
}

fn open(fam: &mut Family, call: &Call) -> OpResult {
    let (flags, mode) = (call.arg32(1)?, call.arg32(2)?);
    let creds = fam.procs.get(call.pid)?.creds.clone();
    let id = match fam.mqueues.names.get(call.data).copied() {
        Some(_) if flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL => return Err(Errno::EEXIST),
        Some(id) => {
            let wanted = match flags & O_ACCMODE {
                O_RDONLY => 4,
                O_WRONLY => 2,
                O_RDWR => 6,
                _ => return Err(Errno::EINVAL),
            };
            let known = fam.mqueues.queues.get(&id).ok_or(Errno::ENOENT)?;
            if !known.permits(&creds, wanted) {
                return Err(Errno::EACCES);
            }
            id
        }
        None if flags & O_CREAT == 0 => return Err(Errno::ENOENT),
        None => create(fam, call, mode, &creds)?,
    };
    // The description counts as a user first: when it cannot be had, its release undoes that.
    if let Some(queue) = fam.mqueues.queues.get_mut(&id) {
        queue.users += 1;
    }
    let desc = fam.open_desc(call.pid, Body::MQueue(MqId(id)), flags & (O_ACCMODE | O_NONBLOCK))?;
    Ok(Answer::default().with_struct(&crate::ops::descs::info(fam, desc)))
}

/// A new queue with the attributes of the request, checked as mq_open(3) has it.
fn create(fam: &mut Family, call: &Call, mode: u32, creds: &Creds) -> Result<u32, Errno> {
    let given = call.arg(3) != 0;
    let (messages, size) =
        if given { (call.arg(4) as i64, call.arg(5) as i64) } else { (MQ_MAXMSG, MQ_MSGSIZE) };
    let (most, longest) = match creds.has(CAP_SYS_RESOURCE) {
        true => (HARD_MAXMSG, SLOT_DATA as i64),
        false => (MQ_MAXMSG, MQ_MSGSIZE),
    };
    if !(1..=most).contains(&messages) || !(1..=longest).contains(&size) {
        return Err(Errno::EINVAL);
    }
    let all = &fam.mqueues;
    if all.names.len() >= MQ_QUEUES_MAX && !creds.has(CAP_SYS_RESOURCE) {
        return Err(Errno::ENOSPC);
    }
    let bytes = messages as u64 * (size as u64 + OVERHEAD);
    let used: u64 = all.queues.values().filter(|q| q.owner.0 == creds.fsuid).map(|q| q.bytes).sum();
    if used.saturating_add(bytes) > call.arg(6) {
        return Err(Errno::EMFILE);
    }
    let object = fam.objects.alloc()?;
    let all = &mut fam.mqueues;
    all.last += 1;
    let queue = Queue {
        name: call.data.to_vec(),
        unlinked: false,
        users: 0,
        object,
        owner: (creds.fsuid, creds.fsgid),
        mode: mode & 0o7777,
        max_messages: messages,
        max_size: size,
        bytes,
        messages: BTreeMap::new(),
        count: 0,
        notify: None,
        receivers: BTreeSet::new(),
        time: wall_seconds(),
    };
    all.names.insert(queue.name.clone(), all.last);
    all.queues.insert(all.last, queue);
    Ok(all.last)
}

/// mq_unlink(3): the directory of the names is sticky, so only the owner and the superuser may.
fn unlink(fam: &mut Family, call: &Call) -> OpResult {
    let creds = &fam.procs.get(call.pid)?.creds;
    let (uid, privileged) = (creds.fsuid, creds.has(CAP_FOWNER));
    let id = *fam.mqueues.names.get(call.data).ok_or(Errno::ENOENT)?;
    let queue = fam.mqueues.queues.get_mut(&id).ok_or(Errno::ENOENT)?;
    if queue.owner.0 != uid && !privileged {
        return Err(Errno::EPERM);
    }
    queue.unlinked = true;
    fam.mqueues.names.remove(call.data);
    discard_unused(fam, id);
    Answer::ok()
}

fn id_of(fam: &Family, call: &Call) -> Result<(u32, u32), Errno> {
    let desc = fam.descs.get(call.arg32(1)?, call.pid)?;
    match desc.body {
        Body::MQueue(id) => Ok((id.0, desc.flags)),
        _ => Err(Errno::EBADF),
    }
}

fn queue<'f>(fam: &'f mut Family, call: &Call) -> Result<&'f mut Queue, Errno> {
    let (id, _) = id_of(fam, call)?;
    fam.mqueues.queues.get_mut(&id).ok_or(Errno::EBADF)
}

fn send(fam: &mut Family, call: &Call) -> OpResult {
    let (id, flags) = id_of(fam, call)?;
    let priority = call.arg32(2)?;
    if priority >= MQ_PRIO_MAX {
        return Err(Errno::EINVAL);
    }
    if flags & O_ACCMODE == O_RDONLY {
        return Err(Errno::EBADF);
    }
    let uid = fam.procs.get(call.pid)?.creds.ruid;
    let queue = fam.mqueues.queues.get_mut(&id).ok_or(Errno::EBADF)?;
    if call.data.len() as i64 > queue.max_size {
        return Err(Errno::EMSGSIZE);
    }
    if queue.count >= queue.max_messages {
        return Err(Errno::EAGAIN);
    }
    queue.push(priority, call.data);
    let told = match queue.count == 1 && queue.receivers.is_empty() {
        true => queue.notify.take(),
        false => None,
    };
    if let Some(Notify { pid, signal: Some((signo, value)) }) = told {
        let signal =
            Signal { target: pid, tid: 0, signo, code: SI_MESGQ, pid: call.pid, uid, value, status: 0 };
        // A full queue of signals loses it, as on Linux.
        let _ = fam.send_signal(signal);
    }
    changed(fam, id);
    Answer::ok()
}

fn receive(fam: &mut Family, call: &Call) -> OpResult {
    let (id, flags) = id_of(fam, call)?;
    if flags & O_ACCMODE == O_WRONLY {
        return Err(Errno::EBADF);
    }
    let queue = fam.mqueues.queues.get_mut(&id).ok_or(Errno::EBADF)?;
    if call.arg(2) < queue.max_size as u64 {
        return Err(Errno::EMSGSIZE);
    }
    let waiter = (call.pid, call.req.tid);
    let Some((priority, text)) = queue.pop() else {
        if flags & O_NONBLOCK == 0 {
            queue.receivers.insert(waiter);
        }
        return Err(Errno::EAGAIN);
    };
    queue.receivers.remove(&waiter);
    changed(fam, id);
    Ok(Answer::value(text.len() as i64).with_ret(0, priority.into()).with_data(text))
}

/// mq_getattr(3), mq_setattr(3): only O_NONBLOCK can be changed.
fn attributes(fam: &mut Family, call: &Call) -> OpResult {
    let (id, flags) = id_of(fam, call)?;
    let queue = fam.mqueues.queues.get(&id).ok_or(Errno::EBADF)?;
    let answer = Answer::default()
        .with_ret(0, u64::from(flags & O_NONBLOCK))
        .with_ret(1, queue.max_messages as u64)
        .with_ret(2, queue.max_size as u64)
        .with_ret(3, queue.count as u64);
    if call.arg(2) != 0 {
        fam.descs.set_flags(call.arg32(1)?, flags & !O_NONBLOCK | call.arg32(3)? & O_NONBLOCK);
    }
    Ok(answer)
}

/// mq_notify(3): a2 = 0 ends the caller's registration, 1 registers without a signal, 2 with one.
fn notify(fam: &mut Family, call: &Call) -> OpResult {
    let queue = queue(fam, call)?;
    let own = queue.notify.is_some_and(|known| known.pid == call.pid);
    match call.arg(2) {
        0 if own => queue.notify = None,
        0 => {}
        _ if queue.notify.is_some() => return Err(Errno::EBUSY),
        kind => {
            let signal = (kind == 2).then_some((call.arg32(3)?, call.arg(4)));
            queue.notify = Some(Notify { pid: call.pid, signal });
        }
    }
    Answer::ok()
}

/// Everyone who holds the queue looks again.
fn changed(fam: &mut Family, id: u32) {
    let Some(object) = fam.mqueues.queues.get(&id).map(|queue| queue.object) else { return };
    let descs: Vec<u32> = fam
        .descs
        .iter_mut()
        .filter(|(_, desc)| matches!(desc.body, Body::MQueue(of) if of.0 == id))
        .map(|(n, _)| n)
        .collect();
    let holders: BTreeSet<u32> = descs.iter().flat_map(|desc| fam.descs.audience(*desc)).collect();
    for slot in holders.into_iter().filter_map(|pid| fam.procs.get(pid).ok()).map(|process| process.slot) {
        fam.notify(slot, object);
    }
}

/// Requests on any description that name a queue's.
pub fn on_desc(fam: &mut Family, op: protocol::Op, call: &Call) -> OpResult {
    use protocol::Op;
    let Body::MQueue(id) = fam.descs.get(call.arg32(0)?, call.pid)?.body else { return Err(Errno::EBADF) };
    let queue = fam.mqueues.queues.get(&id.0).ok_or(Errno::EBADF)?;
    match op {
        Op::PollDesc => {
            let mut ready = PollEvents::empty();
            ready.set(PollEvents::POLLIN | PollEvents::POLLRDNORM, queue.count > 0);
            ready.set(PollEvents::POLLOUT | PollEvents::POLLWRNORM, queue.count < queue.max_messages);
            Ok(Answer::value(ready.bits()))
        }
        Op::FStat => Ok(Answer::default().with_struct(&Stat {
            st_dev: DEV,
            st_ino: id.0.into(),
            st_mode: S_IFREG | queue.mode,
            st_nlink: u64::from(!queue.unlinked),
            st_uid: queue.owner.0,
            st_gid: queue.owner.1,
            st_size: TEXT_SIZE,
            st_blksize: 4096,
            st_atime: queue.time,
            st_mtime: queue.time,
            st_ctime: queue.time,
            ..Stat::default()
        })),
        Op::Seek | Op::PRead | Op::PWrite => Err(Errno::ESPIPE),
        Op::IoCtl => Err(Errno::ENOTTY),
        Op::GetDents => Err(Errno::ENOTDIR),
        Op::FileRegion => Err(Errno::ENODEV),
        Op::Reopen => Err(Errno::ENXIO),
        _ => Err(Errno::EINVAL),
    }
}

/// What members are told of a queue.
pub fn info(fam: &Family, id: MqId) -> DescInfo {
    let Some(queue) = fam.mqueues.queues.get(&id.0) else { return DescInfo::default() };
    DescInfo {
        kind: Kind::MQueue as u32,
        object: queue.object,
        mode: S_IFREG | queue.mode,
        ino: id.0.into(),
        dev: DEV,
        size: TEXT_SIZE as u64,
        ..DescInfo::default()
    }
}

/// The queue's name without its slash.
pub fn name(fam: &Family, id: MqId) -> &[u8] {
    fam.mqueues.queues.get(&id.0).map_or(b"", |queue| &queue.name)
}

/// `pid` closes a description of a queue: its registration for a notification ends, whichever description made it.
pub fn closing(fam: &mut Family, desc: u32, pid: u32) {
    let Some(Body::MQueue(id)) = fam.descs.any(desc).map(|desc| &desc.body) else { return };
    if let Some(queue) = fam.mqueues.queues.get_mut(&id.0) {
        queue.notify = queue.notify.filter(|known| known.pid != pid);
        queue.receivers.retain(|(waiter, _)| *waiter != pid);
    }
}

/// The last reference to a description of a queue is gone.
pub fn release(fam: &mut Family, id: MqId) {
    if let Some(queue) = fam.mqueues.queues.get_mut(&id.0) {
        queue.users = queue.users.saturating_sub(1);
    }
    discard_unused(fam, id.0);
}

/// A queue without a name and without users is gone.
fn discard_unused(fam: &mut Family, id: u32) {
    let all = &mut fam.mqueues.queues;
    if all.get(&id).is_some_and(|queue| queue.unlinked && queue.users == 0)
        && let Some(queue) = all.remove(&id)
    {
        fam.objects.free(queue.object);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn highest_priority_first_then_the_oldest() {
        let mut queue = Queue {
            name: Vec::new(),
            unlinked: false,
            users: 0,
            object: 0,
            owner: (1000, 100),
            mode: 0o640,
            max_messages: 9,
            max_size: 9,
            bytes: 0,
            messages: BTreeMap::new(),
            count: 0,
            notify: None,
            receivers: BTreeSet::new(),
            time: 0,
        };
        for (priority, text) in [(1, "a"), (7, "b"), (1, "c"), (7, "d")] {
            queue.push(priority, text.as_bytes());
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, text)| text[0]).collect();
        assert_eq!((order.as_slice(), queue.count), (b"bdac".as_slice(), 0));
        assert!(queue.permits(&Creds::new(1000, 5, Vec::new()), 6));
        assert!(!queue.permits(&Creds::new(1, 5, vec![100]), 2));
        assert!(queue.permits(&Creds::new(0, 0, Vec::new()), 6));
    }
}
