//! Datagrams and seqpacket records within the family: the monitor copies them into the receiver's ring.

use abi::Errno;
use abi::socket::{AF_NETLINK, MSG_OOB, SO_PASSCRED, SOL_SOCKET};
use protocol::MONITOR_SLOT;
use protocol::anc::Sent;
use protocol::ring::{CLOSED_LOCAL, CLOSED_READ, CLOSED_WRITE, Side};
use vfs::record;

use super::anc::{self, Waiting};
use super::name::{Given, parse};
use super::way::Way;
use super::{Name, SocketId, netlink, udp, unix, wake};
use crate::call::Call;
use crate::family::Family;

/// `net.unix.max_dgram_qlen`: datagrams that may wait, beside one more.
pub(super) const QUEUE_MAX: usize = 10;

/// What is sent: bytes, and what travels with them.
pub(super) struct Message<'a> {
    pub payload: &'a [u8],
    pub descs: Vec<u32>,
    pub creds: [u32; 3],
    /// The sender attached descriptions or credentials.
    pub explicit: bool,
    /// How it came, for internet sockets.
    pub way: Option<Way>,
}

/// sendto(2), sendmsg(2) of one record. EAGAIN: the receiver is full, and the sender's object tells of room.
pub fn send_to(
    fam: &mut Family,
    call: &Call,
    id: SocketId,
    flags: u32,
    address: &[u8],
    payload: &[u8],
    sent: Option<Sent>,
) -> Result<usize, Errno> {
    if flags & MSG_OOB != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let s = fam.net.get(id)?;
    if s.is_stream() {
        return Err(if s.is_connected() { Errno::EINVAL } else { Errno::EPIPE });
    }
    let (unix, connects, domain) = (s.is_unix(), s.connects(), s.domain);
    if s.shut_write {
        return Err(Errno::EPIPE);
    }
    if domain == AF_NETLINK {
        return netlink::send(fam, call, id, payload);
    }
    let to = if address.is_empty() || connects { None } else { Some(parse(domain, address)?) };
    if !unix {
        return udp::send(fam, id, to, payload, &sent.unwrap_or_default().control);
    }
    let sent = sent.unwrap_or_default();
    let explicit = !sent.descs.is_empty() || sent.creds.is_some();
    let receiver = unix_receiver(fam, call, id, to)?;
    let (descs, creds) = anc::take_hold(fam, call, &sent)?;
    let message = Message { payload, descs, creds, explicit, way: None };
    let from = fam.net.get(id)?.local.clone();
    match deliver(fam, receiver, &from, message) {
        Ok(None) => Ok(payload.len()),
        Ok(Some(descs)) => {
            anc::let_go(fam, descs);
            wait_for_room(fam, call.slot, id, receiver, payload.len());
            Err(Errno::EAGAIN)
        }
        Err((e, descs)) => {
            anc::let_go(fam, descs);
            Err(e)
        }
    }
}

/// Whom a Unix socket sends to.
fn unix_receiver(fam: &mut Family, call: &Call, id: SocketId, to: Option<Given>) -> Result<SocketId, Errno> {
    let s = fam.net.get(id)?;
    let (connects, connected, stype, pass_creds) =
        (s.connects(), s.is_connected(), s.stype, s.options.flag(SOL_SOCKET, SO_PASSCRED));
    let receiver = match to {
        Some(Given::Name(Name::Unix(path))) => unix::find(fam, call, &path, stype)?,
        Some(_) => return Err(Errno::EINVAL),
        None => match s.mate {
            Some(mate) => mate,
            None if connects => return Err(if connected { Errno::EPIPE } else { Errno::ENOTCONN }),
            None if s.mate_gone => {
                let s = fam.net.get_mut(id)?;
                s.mate_gone = false;
                s.peer = Name::None;
                return Err(Errno::ECONNREFUSED);
            }
            None => return Err(Errno::ENOTCONN),
        },
    };
    if pass_creds && !connects {
        unix::autobind(fam, id)?;
    }
    let r = fam.net.get(receiver)?;
    if r.mate.is_some_and(|m| m != id) && !connects {
        return Err(Errno::EPERM);
    }
    if r.shut_read {
        return Err(Errno::EPIPE);
    }
    Ok(receiver)
}

/// Puts a record into `to`'s ring. `Ok(Some)`: there is no room now; the message's descriptions come back.
pub(super) fn deliver(
    fam: &mut Family,
    to: SocketId,
    from: &Name,
    message: Message<'_>,
) -> Result<Option<Vec<u32>>, (Errno, Vec<u32>)> {
    let s = match fam.net.get(to) {
        Ok(s) => s,
        Err(e) => return Err((e, message.descs)),
    };
    let Some(r) = &s.rings else { return Err((Errno::ECONNREFUSED, message.descs)) };
    let ring = r.input();
    let closed = CLOSED_READ | CLOSED_LOCAL | if s.connects() { CLOSED_WRITE } else { 0 };
    if ring.closed() & closed != 0 {
        return Err((Errno::EPIPE, message.descs));
    }
    // The queue of datagrams is short, whatever their size.
    if s.is_unix() && s.is_datagram() && record::count(&ring, QUEUE_MAX + 1) == Ok(QUEUE_MAX + 1) {
        return Ok(Some(message.descs));
    }
    let addr = match from {
        Name::None if s.is_unix() => Vec::new(),
        name => name.encode(s.domain),
    };
    if record::footprint(addr.len(), message.payload.len()) > r.cap.into() {
        return Err((Errno::EMSGSIZE, message.descs));
    }
    let control = message.way.map(|way| way.control(s)).unwrap_or_default();
    let carries =
        message.explicit || !control.is_empty() || (s.is_unix() && s.options.flag(SOL_SOCKET, SO_PASSCRED));
    // The reader must find the ancillary data when it sees the record.
    let position = ring.tail();
    match record::push(&ring, &addr, &[message.payload], carries) {
        Err(_) => return Err((Errno::EIO, message.descs)),
        Ok(None) => return Ok(Some(message.descs)),
        Ok(Some(_)) => {}
    }
    if carries {
        anc::post(fam, to, Waiting { position, descs: message.descs, creds: message.creds, control });
    }
    announce(fam, to);
    Ok(None)
}

/// Tells the readers of a receive ring.
pub(super) fn announce(fam: &mut Family, to: SocketId) {
    let Ok(s) = fam.net.get(to) else { return };
    if let Some(r) = &s.rings {
        r.input().take_waiters(Side::Reader, |slot| {
            fam.events.post(slot, s.object);
        });
    }
    wake(fam, to);
}

/// The sender's member hears when the receiver made room.
fn wait_for_room(fam: &mut Family, slot: u32, sender: SocketId, receiver: SocketId, len: usize) {
    let Ok(object) = fam.net.get(sender).map(|s| s.object) else { return };
    let Ok(s) = fam.net.get_mut(receiver) else { return };
    if !s.blocked.contains(&(slot, object)) {
        s.blocked.push((slot, object));
    }
    let Some(r) = &s.rings else { return };
    let ring = r.input();
    ring.arm(Side::Writer, MONITOR_SLOT);
    let short = !s.is_datagram() || record::count(&ring, QUEUE_MAX + 1).is_ok_and(|n| n <= QUEUE_MAX);
    if short
        && ring
            .space()
            .is_ok_and(|space| u64::from(space) >= record::footprint(abi::socket::SOCKADDR_MAX, len))
    {
        super::poll::space_came(fam, receiver);
    }
}
