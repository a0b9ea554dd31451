//! connect(2): within the family rings are made at once; what leaves the family goes through a host socket.

use std::net::{IpAddr, SocketAddr};

use abi::Errno;
use abi::fs::O_NONBLOCK;
use abi::socket::*;

use super::name::{Given, parse};
use super::ports::{is_own, source_for};
use super::socket::State;
use super::{Name, SocketId, creds_of, end, listen, outgoing, pair, udp, unix, wake};
use crate::call::Call;
use crate::config::Net;
use crate::family::Family;

/// connect(2) of the socket that description `desc` is. EINPROGRESS: the object tells when it ended.
pub fn connect(fam: &mut Family, call: &Call, desc: u32, id: SocketId, address: &[u8]) -> Result<(), Errno> {
    let nonblock = fam.descs.get(desc, call.pid)?.flags & O_NONBLOCK != 0;
    let s = fam.net.get(id)?;
    if s.domain == AF_NETLINK {
        // Requests go to the kernel anyway.
        return Ok(());
    }
    let given = parse(s.domain, address)?;
    if s.is_datagram() {
        return if s.is_unix() {
            unix::connect_datagram(fam, call, id, given)
        } else {
            udp::connect(fam, call, id, given)
        };
    }
    match (&s.state, s.unreported) {
        (State::Connected, true) => {
            fam.net.get_mut(id)?.unreported = false;
            return Ok(());
        }
        (State::Connected, false) => return Err(Errno::EISCONN),
        (State::Connecting, _) => return Err(Errno::EALREADY),
        (State::Listening(_), _) => return Err(if s.is_unix() { Errno::EINVAL } else { Errno::EISCONN }),
        (State::Idle, _) => {}
    }
    match given {
        Given::Name(Name::Unix(path)) => {
            let listener = unix::find(fam, call, &path, s.stype)?;
            connect_unix(fam, call, id, listener)
        }
        Given::Name(Name::Inet(to)) => connect_tcp(fam, call, id, to, nonblock),
        // Nothing to dissolve.
        Given::Unspecified if !s.is_unix() => Ok(()),
        _ => Err(Errno::EINVAL),
    }
}

fn connect_unix(fam: &mut Family, call: &Call, id: SocketId, listener: SocketId) -> Result<(), Errno> {
    if !fam.net.get(listener)?.is_listening() {
        return Err(Errno::ECONNREFUSED);
    }
    let object = fam.net.get(id)?.object;
    if !listen::has_room(fam, listener) {
        if let Some(l) = fam.net.get_mut(listener)?.listener() {
            l.blocked.push((call.slot, object));
        }
        return Err(Errno::EAGAIN);
    }
    fam.net.get_mut(id)?.creds = creds_of(fam, call.pid);
    establish(fam, id, listener)
}

fn connect_tcp(
    fam: &mut Family,
    call: &Call,
    id: SocketId,
    to: SocketAddr,
    nonblock: bool,
) -> Result<(), Errno> {
    let s = fam.net.get_mut(id)?;
    let pending = std::mem::take(&mut s.error);
    if std::mem::take(&mut s.refused) {
        // Somebody else may have taken the reason.
        let why = if pending != 0 { Errno(pending) } else { Errno::ECONNABORTED };
        listen::forget_address(fam, id)?;
        return Err(why);
    }
    if pending != 0 {
        return Err(Errno(pending));
    }
    if s.domain == AF_INET6 && to.is_ipv4() && s.options.flag(SOL_IPV6, IPV6_V6ONLY) {
        return Err(Errno::ENETUNREACH);
    }
    if to.ip().is_multicast() || to.ip() == IpAddr::from([255; 4]) {
        return Err(Errno::ENETUNREACH);
    }
    let listener =
        if is_own(to.ip()) || fam.net.mode == Net::Host { fam.net.tcp.listener(normal(to)) } else { None };
    let outside = listener.is_none() && (!is_own(to.ip()) || fam.net.mode == Net::Host);
    if outside && fam.net.mode == Net::None {
        return Err(Errno::ENETUNREACH);
    }
    if outside {
        let s = fam.net.get_mut(id)?;
        s.arm(call.slot);
        s.unreported = nonblock;
        return outgoing::begin(fam, id, to);
    }
    claim_source(fam, id, to)?;
    let creds = creds_of(fam, call.pid);
    let s = fam.net.get_mut(id)?;
    (s.peer, s.creds) = (Name::Inet(normal(to)), creds);
    let Some(listener) = listener else {
        return refused(fam, id, nonblock);
    };
    if !listen::has_room(fam, listener) {
        let s = fam.net.get_mut(id)?;
        (s.state, s.unreported) = (State::Connecting, nonblock);
        s.arm(call.slot);
        if let Some(l) = fam.net.get_mut(listener)?.listener() {
            l.pending.push_back(id);
        }
        return Err(Errno::EINPROGRESS);
    }
    establish(fam, id, listener)?;
    if !nonblock {
        return Ok(());
    }
    // On Linux the handshake ends only after the call returned, even on loopback.
    fam.net.get_mut(id)?.unreported = true;
    fam.notify(call.slot, fam.net.get(id)?.object);
    Err(Errno::EINPROGRESS)
}

/// The wildcard address stands for loopback.
fn normal(to: SocketAddr) -> SocketAddr {
    if to.ip().is_unspecified() { SocketAddr::new(source_for(to.ip()), to.port()) } else { to }
}

/// Chooses the connection's local address and port.
pub(super) fn claim_source(fam: &mut Family, id: SocketId, to: SocketAddr) -> Result<(), Errno> {
    listen::autobind_inet(fam, id)?;
    let s = fam.net.get_mut(id)?;
    if !s.address_fixed
        && let Some(local) = s.local.inet()
    {
        s.local = Name::Inet(SocketAddr::new(source_for(to.ip()), local.port()));
    }
    Ok(())
}

fn refused(fam: &mut Family, id: SocketId, nonblock: bool) -> Result<(), Errno> {
    if !nonblock {
        fam.net.get_mut(id)?.peer = Name::None;
        listen::give_back_port(fam, id)?;
        listen::forget_address(fam, id)?;
        return Err(Errno::ECONNREFUSED);
    }
    fail(fam, id, Errno::ECONNREFUSED);
    Err(Errno::EINPROGRESS)
}

/// Makes the connection: `id` is connected, its counterpart is in the listener's queue.
fn establish(fam: &mut Family, id: SocketId, listener: SocketId) -> Result<(), Errno> {
    let new = listen::newborn(fam, listener)?;
    if let Err(e) = pair::join(fam, id, new) {
        end::discard(fam, new);
        return Err(e);
    }
    let s = fam.net.get(listener)?;
    let (listening_name, listening_creds) = (s.local.clone(), s.creds);
    let s = fam.net.get_mut(id)?;
    let (local, peer, creds) = (s.local.clone(), s.peer.clone(), s.creds);
    s.peer_creds = Some(listening_creds);
    if s.is_unix() {
        s.peer = listening_name.clone();
    }
    let n = fam.net.get_mut(new)?;
    n.peer = local;
    n.peer_creds = Some(creds);
    n.local = match peer {
        Name::Inet(to) => listen::local_for(&listening_name, to),
        _ => listening_name,
    };
    if !n.is_unix() {
        n.peer_creds = None;
        fam.net.get_mut(id)?.peer_creds = None;
    }
    listen::enqueue(fam, listener, new);
    Ok(())
}

/// A connection that waited for room in the listener's queue gets in.
pub(super) fn complete(fam: &mut Family, id: SocketId, listener: SocketId) {
    let Ok(s) = fam.net.get_mut(id) else { return };
    if !matches!(s.state, State::Connecting) {
        return;
    }
    s.state = State::Idle;
    if let Err(e) = establish(fam, id, listener) {
        fail(fam, id, e);
    }
    wake(fam, id);
}

/// A connection under way failed: SO_ERROR says why, and the socket can try again.
pub(super) fn fail(fam: &mut Family, id: SocketId, errno: Errno) {
    if let Ok(s) = fam.net.get_mut(id) {
        s.state = State::Idle;
        s.unreported = false;
        s.peer = Name::None;
        s.error = errno.0;
        s.host = None;
        s.refused = s.is_tcp();
    }
    // A socket that exists has ports.
    let _ = listen::give_back_port(fam, id);
    wake(fam, id);
}
