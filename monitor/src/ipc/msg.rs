//! Message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2).

use std::collections::VecDeque;

use abi::Errno;
use abi::ipc::*;
use abi::process::CAP_SYS_RESOURCE;
use zerocopy::FromBytes;

use super::registry::{Entry, READ, Registry, WRITE};
use super::{Kind, Waiter, removed, wait_for, wake};
use crate::call::{Answer, Call, OpResult};
use crate::clock::wall_seconds;
use crate::family::Family;
use crate::procs::Creds;

/// A queue.
pub struct Queue {
    messages: VecDeque<(i64, Vec<u8>)>,
    bytes: u64,
    limit: u64,
    stime: i64,
    rtime: i64,
    ctime: i64,
    last_sender: u32,
    last_receiver: u32,
}

impl Queue {
    fn new() -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            limit: MSGMNB as u64,
            stime: 0,
            rtime: 0,
            ctime: wall_seconds(),
            last_sender: 0,
            last_receiver: 0,
        }
    }

    fn has_room(&self, len: usize) -> bool {
        // An empty message counts, too, lest their number be unbounded.
        self.bytes + len as u64 <= self.limit && (self.messages.len() as u64) < self.limit
    }

    /// The first message that msgrcv(2)'s `mtype` and flags choose.
    fn choose(&self, mtype: i64, flags: i32) -> Option<usize> {
        let types = || self.messages.iter().map(|m| m.0);
        if flags & MSG_COPY != 0 {
            return usize::try_from(mtype).ok().filter(|n| *n < self.messages.len());
        }
        match mtype {
            0 => (!self.messages.is_empty()).then_some(0),
            1.. if flags & MSG_EXCEPT != 0 => types().position(|t| t != mtype),
            1.. => types().position(|t| t == mtype),
            _ => {
                let lowest = types().filter(|t| *t <= mtype.saturating_neg()).min()?;
                types().position(|t| t == lowest)
            }
        }
    }
}

/// msgget(2).
pub fn get(fam: &mut Family, call: &Call, creds: &Creds) -> OpResult {
    let (key, flags) = (call.arg(1) as i32, call.arg(2) as i32);
    Ok(Answer::value(fam.ipc.msg.get(key, flags, creds, |_| Ok(()), || Ok(Queue::new()))?))
}

/// msgsnd(2).
pub fn send(fam: &mut Family, call: &Call, creds: &Creds) -> OpResult {
    let (id, flags) = (call.arg(1) as i32, call.arg(2) as i32);
    removed(fam, call, Kind::Msg, id)?;
    let (mtype, text) = i64::read_from_prefix(call.data).map_err(|_| Errno::EFAULT)?;
    if mtype < 1 || text.len() > MSGMAX {
        return Err(Errno::EINVAL);
    }
    let q = &mut fam.ipc.msg.find(id, creds, WRITE)?.value;
    if !q.has_room(text.len()) {
        if flags & IPC_NOWAIT != 0 {
            return Err(Errno::EAGAIN);
        }
        return Ok(wait_for(fam, call, Waiter { kind: Kind::Msg, id, num: 0, zero: false }));
    }
    q.bytes += text.len() as u64;
    q.messages.push_back((mtype, text.to_vec()));
    q.stime = wall_seconds();
    q.last_sender = call.pid;
    wake(fam, Kind::Msg, id);
    Answer::ok()
}

/// msgrcv(2).
pub fn receive(fam: &mut Family, call: &Call, creds: &Creds) -> OpResult {
    let (id, size, mtype, flags) = (call.arg(1) as i32, call.arg(2), call.arg(3) as i64, call.arg(4) as i32);
    removed(fam, call, Kind::Msg, id)?;
    if size > i64::MAX as u64 {
        return Err(Errno::EINVAL);
    }
    if flags & MSG_COPY != 0 && (flags & MSG_EXCEPT != 0 || flags & IPC_NOWAIT == 0) {
        return Err(Errno::EINVAL);
    }
    let q = &mut fam.ipc.msg.find(id, creds, READ)?.value;
    let Some(i) = q.choose(mtype, flags) else {
        if flags & IPC_NOWAIT != 0 {
            return Err(Errno::ENOMSG);
        }
        return Ok(wait_for(fam, call, Waiter { kind: Kind::Msg, id, num: 0, zero: true }));
    };
    let len = q.messages[i].1.len() as u64;
    if len > size && flags & MSG_NOERROR == 0 {
        return Err(Errno::E2BIG);
    }
    let copy = flags & MSG_COPY != 0;
    let taken = if copy { q.messages.get(i).cloned() } else { q.messages.remove(i) };
    let (mtype, mut text) = taken.ok_or(Errno::ENOMSG)?;
    if !copy {
        q.bytes -= len;
        q.rtime = wall_seconds();
        q.last_receiver = call.pid;
    }
    text.truncate(usize::try_from(size).unwrap_or(usize::MAX));
    let n = text.len() as i64;
    let mut data = mtype.to_le_bytes().to_vec();
    data.extend(text);
    if !copy {
        wake(fam, Kind::Msg, id);
    }
    Ok(Answer::value(n).with_data(data))
}

/// msgctl(2).
pub fn control(fam: &mut Family, call: &Call, creds: &Creds) -> OpResult {
    let (id, cmd) = (call.arg(1) as i32, call.arg(2) as i32 & !IPC_64);
    match cmd {
        IPC_RMID => {
            fam.ipc.msg.owned(id, creds)?;
            fam.ipc.msg.remove(id);
            wake(fam, Kind::Msg, id);
            Answer::ok()
        }
        IPC_SET => {
            let (new, _) = MsqidDs::read_from_prefix(call.data).map_err(|_| Errno::EFAULT)?;
            let e = fam.ipc.msg.owned(id, creds)?;
            if new.msg_qbytes > MSGMNB as u64 && !creds.has(CAP_SYS_RESOURCE) {
                return Err(Errno::EPERM);
            }
            if new.msg_qbytes == 0 {
                return Err(Errno::EINVAL);
            }
            Registry::set_perm(e, &new.msg_perm);
            e.value.limit = new.msg_qbytes;
            e.value.ctime = wall_seconds();
            wake(fam, Kind::Msg, id);
            Answer::ok()
        }
        IPC_STAT => Ok(Answer::default().with_struct(&status(fam.ipc.msg.find(id, creds, READ)?))),
        MSG_STAT | MSG_STAT_ANY => {
            let id = fam.ipc.msg.at_index(id)?;
            let e = fam.ipc.msg.find(id, creds, if cmd == MSG_STAT { READ } else { 0 })?;
            Ok(Answer::value(id).with_struct(&status(e)))
        }
        IPC_INFO | MSG_INFO => Ok(Answer::value(fam.ipc.msg.highest()).with_struct(&limits(fam, cmd))),
        _ => Err(Errno::EINVAL),
    }
}

fn status(e: &Entry<Queue>) -> MsqidDs {
    let q = &e.value;
    MsqidDs {
        msg_perm: e.perm,
        msg_stime: q.stime,
        msg_rtime: q.rtime,
        msg_ctime: q.ctime,
        msg_cbytes: q.bytes,
        msg_qnum: q.messages.len() as u64,
        msg_qbytes: q.limit,
        msg_lspid: q.last_sender as i32,
        msg_lrpid: q.last_receiver as i32,
        ..MsqidDs::default()
    }
}

/// The limits; MSG_INFO has the use in three of the places.
fn limits(fam: &Family, cmd: i32) -> MsgInfo {
    let queues = || fam.ipc.msg.iter().map(|(_, e)| &e.value);
    let info = cmd == MSG_INFO;
    let messages = queues().map(|q| q.messages.len()).sum::<usize>() as i32;
    let bytes = queues().map(|q| q.bytes).sum::<u64>() as i32;
    MsgInfo {
        msgpool: if info { queues().count() as i32 } else { MSGPOOL as i32 },
        msgmap: if info { messages } else { MSGMNB as i32 },
        msgmax: MSGMAX as i32,
        msgmnb: MSGMNB as i32,
        msgmni: MSGMNI as i32,
        msgssz: MSGSSZ as i32,
        msgtql: if info { bytes } else { MSGTQL as i32 },
        msgseg: MSGSEG as u16,
        pad: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choosing() {
        let mut q = Queue::new();
        for t in [5, 3, 9, 3] {
            q.messages.push_back((t, vec![]));
        }
        assert_eq!(q.choose(0, 0), Some(0));
        assert_eq!(q.choose(3, 0), Some(1));
        assert_eq!(q.choose(5, MSG_EXCEPT), Some(1));
        assert_eq!(q.choose(-4, 0), Some(1));
        assert_eq!(q.choose(-2, 0), None);
        assert_eq!(q.choose(i64::MIN, 0), Some(1));
        assert_eq!(q.choose(2, MSG_COPY | IPC_NOWAIT), Some(2));
    }
}
