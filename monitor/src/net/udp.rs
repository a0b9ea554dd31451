//! UDP: ring to ring within the family, through host sockets with the outside.

use std::net::{IpAddr, SocketAddr};

use abi::Errno;
use abi::socket::*;
use protocol::anc::Control;
use rustix::io::Errno as HostErrno;
use rustix::net::{RecvFlags, SendFlags};

use super::datagram::{self, Message};
use super::host::{self, HostLink, canonical, for_domain};
use super::name::Given;
use super::ports::{is_own, source_for};
use super::way::{Asked, Way};
use super::{Name, SocketId, listen, publish};
use crate::call::Call;
use crate::config::Net;
use crate::family::Family;
use crate::streams::errno;

/// The largest payload.
const PAYLOAD_MAX: usize = 65_507;
/// Datagrams taken from a host socket before others get a turn.
const BATCH: usize = 64;

/// connect(2): fixes the peer, or with AF_UNSPEC dissolves that.
pub(super) fn connect(fam: &mut Family, _call: &Call, id: SocketId, given: Given) -> Result<(), Errno> {
    let to = match given {
        Given::Name(Name::Inet(to)) => to,
        Given::Unspecified => return disconnect(fam, id),
        _ => return Err(Errno::EINVAL),
    };
    let s = fam.net.get(id)?;
    if to.ip() == IpAddr::from([255; 4]) && !s.options.flag(SOL_SOCKET, SO_BROADCAST) {
        return Err(Errno::EACCES);
    }
    let to = if to.ip().is_unspecified() { SocketAddr::new(source_for(to.ip()), to.port()) } else { to };
    let protocol = s.protocol;
    let outside = goes_out(fam, protocol, to, SocketAddr::new(source_for(to.ip()), 0));
    if outside && (fam.net.mode == Net::None || protocol != IPPROTO_UDP) {
        return Err(Errno::ENETUNREACH);
    }
    listen::autobind_inet(fam, id)?;
    let s = fam.net.get_mut(id)?;
    s.peer = Name::Inet(to);
    let Some(local) = s.local.inet() else { return Err(Errno::EINVAL) };
    if !s.address_fixed {
        s.local = Name::Inet(SocketAddr::new(source_for(to.ip()), local.port()));
    }
    fam.net.datagram_ports(protocol).change(local.port(), id, |c| c.peer = Some(to))?;
    if outside {
        let domain = fam.net.get(id)?.domain;
        ensure_host(fam, id)?;
        if let Some(h) = &fam.net.get(id)?.host {
            rustix::net::connect(&h.fd, &for_domain(domain, to)).map_err(errno)?;
        }
    }
    Ok(())
}

fn disconnect(fam: &mut Family, id: SocketId) -> Result<(), Errno> {
    let s = fam.net.get_mut(id)?;
    s.peer = Name::None;
    let fixed = s.address_fixed;
    let Some(local) = s.local.inet() else { return Ok(()) };
    if !fixed {
        let any: IpAddr = if s.domain == AF_INET { [0; 4].into() } else { [0u16; 8].into() };
        s.local = Name::Inet(SocketAddr::new(any, local.port()));
    }
    if fam.net.mode != Net::Host {
        // The next datagram for the outside makes another, unconnected one.
        fam.net.get_mut(id)?.host = None;
    }
    let protocol = fam.net.get(id)?.protocol;
    fam.net.datagram_ports(protocol).change(local.port(), id, |c| c.peer = None)
}

/// Whether something for `to` leaves the family.
fn goes_out(fam: &mut Family, protocol: i32, to: SocketAddr, from: SocketAddr) -> bool {
    match fam.net.mode {
        Net::Host => fam.net.datagram_ports(protocol).receiver(to, from).is_none(),
        _ => !is_own(to.ip()),
    }
}

/// sendto(2).
pub(super) fn send(
    fam: &mut Family,
    id: SocketId,
    to: Option<Given>,
    payload: &[u8],
    control: &[Control],
) -> Result<usize, Errno> {
    let s = fam.net.get_mut(id)?;
    let asked = Asked::of(s, control)?;
    let pending = s.take_error();
    if pending != 0 {
        return Err(Errno(pending));
    }
    let connected = to.is_none();
    let to = match to {
        Some(Given::Name(Name::Inet(to))) => to,
        Some(_) => return Err(Errno::EAFNOSUPPORT),
        None => s.peer.inet().ok_or(Errno::EDESTADDRREQ)?,
    };
    if to.port() == 0 {
        return Err(Errno::EINVAL);
    }
    if payload.len() > PAYLOAD_MAX {
        return Err(Errno::EMSGSIZE);
    }
    if s.domain == AF_INET6 && to.is_ipv4() && s.options.flag(SOL_IPV6, IPV6_V6ONLY) {
        return Err(Errno::ENETUNREACH);
    }
    if to.ip() == IpAddr::from([255; 4]) && !s.options.flag(SOL_SOCKET, SO_BROADCAST) {
        return Err(Errno::EACCES);
    }
    listen::autobind_inet(fam, id)?;
    let to = if to.ip().is_unspecified() { SocketAddr::new(source_for(to.ip()), to.port()) } else { to };
    let local = fam.net.get(id)?.local.inet().ok_or(Errno::EINVAL)?;
    let unbound = || if local.ip().is_unspecified() { source_for(to.ip()) } else { local.ip() };
    let from_ip = asked.source.unwrap_or_else(unbound);
    let from = SocketAddr::new(from_ip, local.port());
    let protocol = fam.net.get(id)?.protocol;
    if goes_out(fam, protocol, to, from) {
        return send_out(fam, id, to, local.port(), payload);
    }
    match fam.net.datagram_ports(protocol).receiver(to, from) {
        Some(receiver) => {
            let way = Way { to: to.ip(), ttl: asked.ttl, tos: asked.tos };
            hand_over(fam, receiver, from, way, payload);
        }
        None if connected => {
            // "Port unreachable" comes back at once.
            fam.net.get_mut(id)?.set_error(Errno::ECONNREFUSED.0);
            datagram::announce(fam, id);
        }
        None => {}
    }
    Ok(payload.len())
}

/// Into a receiver's ring; what does not fit is lost, as UDP's is.
fn hand_over(fam: &mut Family, receiver: SocketId, from: SocketAddr, way: Way, payload: &[u8]) {
    let message = Message { payload, descs: Vec::new(), creds: [0; 3], explicit: false, way: Some(way) };
    let _ = datagram::deliver(fam, receiver, &Name::Inet(from), message);
}

/// Makes the host socket that stands for a guest's.
fn ensure_host(fam: &mut Family, id: SocketId) -> Result<(), Errno> {
    let s = fam.net.get(id)?;
    if s.host.is_some() {
        return Ok(());
    }
    let (domain, broadcast) = (s.domain, s.options.flag(SOL_SOCKET, SO_BROADCAST));
    let fd = host::open(domain, SOCK_DGRAM)?;
    if broadcast {
        rustix::net::sockopt::set_socket_broadcast(&fd, true).map_err(errno)?;
    }
    host::attach(fam, id, HostLink::new(fd))
}

fn send_out(
    fam: &mut Family,
    id: SocketId,
    to: SocketAddr,
    port: u16,
    payload: &[u8],
) -> Result<usize, Errno> {
    // The host's relay speaks UDP only.
    if fam.net.mode == Net::None || fam.net.get(id)?.protocol != IPPROTO_UDP {
        return Err(Errno::ENETUNREACH);
    }
    // An answer of a published port goes out from where the question came in.
    let published = fam.net.published.iter().find(|p| p.udp && p.guest == port);
    if let Some(p) = published
        && fam.net.get(id)?.host.is_none()
    {
        let domain = if host::local_address(&p.fd).is_some_and(|a| a.is_ipv6()) { AF_INET6 } else { AF_INET };
        let to = publish::real(p, to);
        return sent(
            rustix::net::sendto(&p.fd, payload, SendFlags::DONTWAIT, &for_domain(domain, to)),
            payload,
        );
    }
    ensure_host(fam, id)?;
    let s = fam.net.get(id)?;
    let Some(h) = &s.host else { return Err(Errno::ENETUNREACH) };
    if s.peer == Name::Inet(to) && rustix::net::getpeername(&h.fd).is_ok() {
        return sent(rustix::net::send(&h.fd, payload, SendFlags::DONTWAIT), payload);
    }
    sent(rustix::net::sendto(&h.fd, payload, SendFlags::DONTWAIT, &for_domain(s.domain, to)), payload)
}

/// A full host queue loses the datagram, as a network does.
fn sent(result: Result<usize, HostErrno>, payload: &[u8]) -> Result<usize, Errno> {
    match result {
        Err(HostErrno::AGAIN) => Ok(payload.len()),
        other => other.map_err(errno),
    }
}

/// Datagrams came at a guest's host socket.
pub(super) fn receive(fam: &mut Family, id: SocketId) {
    let mut buf = std::mem::take(&mut fam.net.scratch);
    buf.resize(0x1_0000, 0);
    for _ in 0..BATCH {
        let Ok(Some(h)) = fam.net.get(id).map(|s| &s.host) else { break };
        match rustix::net::recvfrom(&h.fd, &mut buf[..], RecvFlags::DONTWAIT) {
            Ok((n, _, from)) => {
                if let Some(from) = from.and_then(|f| SocketAddr::try_from(f).ok()) {
                    hand_over(fam, id, canonical(from), Way::from_host(from), &buf[..n]);
                }
            }
            Err(HostErrno::AGAIN) => {
                fam.net.scratch = buf;
                return;
            }
            Err(e) => {
                if let Ok(s) = fam.net.get_mut(id) {
                    s.set_error(e.raw_os_error());
                }
                datagram::announce(fam, id);
            }
        }
    }
    fam.net.scratch = buf;
    // There may be more, and no new edge tells so.
    rearm(fam, id);
}

fn rearm(fam: &mut Family, id: SocketId) {
    use rustix::event::epoll::EventFlags;
    if let Ok(Some(h)) = fam.net.get(id).map(|s| &s.host) {
        // A modification of the interest reports what is ready again.
        let _ = fam.poller.modify(&h.fd, host::token(id), EventFlags::IN | EventFlags::ET);
    }
}

/// Datagrams came at a published port.
pub(super) fn receive_published(fam: &mut Family, index: usize) {
    let mut buf = std::mem::take(&mut fam.net.scratch);
    buf.resize(0x1_0000, 0);
    while let Some(p) = fam.net.published.get(index) {
        let guest = p.guest;
        match rustix::net::recvfrom(&p.fd, &mut buf[..], RecvFlags::DONTWAIT) {
            Ok((n, _, from)) => {
                let Some(from) = from.and_then(|f| SocketAddr::try_from(f).ok()).map(canonical) else {
                    continue;
                };
                let targets = publish::datagram_targets(guest);
                let shown = publish::shown_to_any(from);
                if let Some(to) = targets.into_iter().find_map(|to| fam.net.udp.receiver(to, shown)) {
                    let from = publish::shown_to(fam, to, from);
                    hand_over(fam, to, from, Way::from_host(from), &buf[..n]);
                }
            }
            Err(HostErrno::AGAIN) => break,
            // An answer to an earlier peer came back unreachable; that is nobody's business.
            Err(_) => {}
        }
    }
    fam.net.scratch = buf;
}
