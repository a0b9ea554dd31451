//! Ancillary data, unix(7): descriptions and credentials on their way. A description in a message is held by the message;
//! cycles of sockets that carry each other live until the family ends.

use abi::Errno;
use abi::process::{CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN};
use abi::socket::{SCM_MAX_FD, SO_PASSCRED, SOL_SOCKET};
use protocol::anc::{Control, Received, Sent};

use super::{SocketId, creds_of};
use crate::call::{Answer, Call, OpResult};
use crate::family::Family;

/// What lies at a place of a receiver's stream.
#[derive(Clone)]
pub struct Waiting {
    /// Position in the ring's stream.
    pub position: u32,
    pub descs: Vec<u32>,
    /// Who sent it: as claimed, or as it is.
    pub creds: [u32; 3],
    /// What a datagram tells of its way, as far as the receiver asked for it.
    pub control: Vec<Control>,
}

/// Checks what a sender attaches, and takes hold of the descriptions for the message.
pub(super) fn take_hold(fam: &mut Family, call: &Call, sent: &Sent) -> Result<(Vec<u32>, [u32; 3]), Errno> {
    if sent.descs.len() > SCM_MAX_FD {
        return Err(Errno::EINVAL);
    }
    for desc in &sent.descs {
        fam.descs.get(*desc, call.pid)?;
    }
    let creds = match sent.creds {
        Some(claimed) => {
            check_claim(fam, call.pid, claimed)?;
            claimed
        }
        None => creds_of(fam, call.pid),
    };
    for desc in &sent.descs {
        fam.descs.hold_transit(*desc);
    }
    Ok((sent.descs.clone(), creds))
}

/// Claiming to be somebody else takes the capability to become it, unix(7).
fn check_claim(fam: &Family, pid: u32, [as_pid, uid, gid]: [u32; 3]) -> Result<(), Errno> {
    let c = &fam.procs.get(pid)?.creds;
    let fine = (as_pid == pid || c.has(CAP_SYS_ADMIN))
        && ([c.ruid, c.euid, c.suid].contains(&uid) || c.has(CAP_SETUID))
        && ([c.rgid, c.egid, c.sgid].contains(&gid) || c.has(CAP_SETGID));
    if !fine {
        return Err(Errno::EPERM);
    }
    fam.procs.get(as_pid).map(drop)
}

/// Gives a message's holds back.
pub(super) fn let_go(fam: &mut Family, descs: Vec<u32>) {
    for desc in descs {
        fam.close_transit(desc);
    }
}

/// Puts ancillary data into a receiver's queue.
pub(super) fn post(fam: &mut Family, to: SocketId, waiting: Waiting) {
    match fam.net.get_mut(to) {
        Ok(s) => {
            s.anc.push_back(waiting);
            publish_count(s);
        }
        Err(_) => let_go(fam, waiting.descs),
    }
}

fn publish_count(s: &super::Socket) {
    if let Some(r) = &s.rings {
        r.input().set_anc_pending(s.anc.len() as u32);
    }
}

/// A socket goes away with unread messages.
pub(super) fn drop_all(fam: &mut Family, id: SocketId) {
    // Letting go may release other sockets, and so on; this one's queue is empty by then.
    let Ok(s) = fam.net.get_mut(id) else { return };
    for waiting in std::mem::take(&mut s.anc) {
        let_go(fam, waiting.descs);
    }
}

/// `Op::SendAnc` of a stream: the data that the sender is about to write at `position` carries this.
pub fn send_ancillary(fam: &mut Family, call: &Call, id: SocketId) -> OpResult {
    let position = call.arg32(1)?;
    let sent = Sent::decode(call.data).ok_or(Errno::EINVAL)?;
    let s = fam.net.get(id)?;
    if !s.is_unix() || !s.is_stream() {
        return Err(Errno::EINVAL);
    }
    let mate = s.mate.ok_or(if s.is_connected() { Errno::EPIPE } else { Errno::ENOTCONN })?;
    let (descs, creds) = take_hold(fam, call, &sent)?;
    post(fam, mate, Waiting { position, descs, creds, control: Vec::new() });
    Answer::ok()
}

/// `Op::RecvAnc`.
pub fn receive_ancillary(fam: &mut Family, call: &Call, id: SocketId) -> OpResult {
    let head = call.arg32(1)?;
    let peek = call.arg(2) == 1;
    let s = fam.net.get_mut(id)?;
    let pass_creds = s.options.flag(SOL_SOCKET, SO_PASSCRED);
    let peer = s.peer_creds;
    // Positions wrap around; what is at most half a turn behind the head lies before it.
    let due = s.anc.front().is_some_and(|w| (head.wrapping_sub(w.position) as i32) >= 0);
    if !due {
        let next = s.anc.front().map(|w| w.position);
        let creds = peer.filter(|_| pass_creds);
        if creds.is_some() && next.is_none() {
            let received = Received { creds, ..Received::default() };
            return Ok(Answer::default().with_ret(0, head.into()).with_data(received.encode()));
        }
        return Ok(Answer::value(1i64)
            .with_ret(0, next.is_some().into())
            .with_ret(1, next.unwrap_or_default().into()));
    }
    let w = if peek { s.anc.front().cloned() } else { s.anc.pop_front() };
    let Some(Waiting { position, descs, creds, control }) = w else { return Err(Errno::ENODATA) };
    publish_count(s);
    let mut received = Received { descs: Vec::new(), creds: pass_creds.then_some(creds), control };
    for desc in &descs {
        fam.descs.hold(*desc, call.pid);
        let info = crate::ops::descs::info(fam, *desc);
        received.descs.push(info);
    }
    if !peek {
        let_go(fam, descs);
    }
    Ok(Answer::default().with_ret(0, position.into()).with_data(received.encode()))
}
