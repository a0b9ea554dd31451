//! Host sockets behind guest sockets.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use abi::Errno;
use abi::socket::*;
use rustix::event::epoll::EventFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::socket::{Socket, State};
use super::{Name, SocketId, listen, outgoing, pair, publish, relay, udp};
use crate::family::Family;
use crate::poller::Token;
use crate::streams::errno;

/// What a stream's host socket is watched for.
pub(super) const WATCH: EventFlags =
    EventFlags::IN.union(EventFlags::OUT).union(EventFlags::RDHUP).union(EventFlags::ET);
/// Set in a token's number for published ports.
const PUBLISHED: u64 = 1 << 32;

/// A host socket, and what is known of it.
pub struct HostLink {
    pub fd: OwnedFd,
    pub readable: bool,
    pub writable: bool,
    /// An end or error was announced: reads go on until they say so.
    pub hung_up: bool,
    /// An error was announced.
    pub reset: bool,
    /// Nothing can be sent any more, and this is why; what came before is being read.
    pub broken: Option<rustix::io::Errno>,
    /// The outside sent its last byte.
    pub ended: bool,
    /// Our last byte was sent.
    pub finished: bool,
    /// The connection broke.
    pub failed: bool,
    /// The guest closed its end.
    pub orphan: bool,
}

impl HostLink {
    /// Around a fresh socket.
    pub fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            readable: true,
            writable: true,
            hung_up: false,
            reset: false,
            broken: None,
            ended: false,
            finished: false,
            failed: false,
            orphan: false,
        }
    }

    /// Closing it will send a reset.
    pub fn reset_on_close(&self) {
        // If the option fails the connection is gone already.
        let _ = sockopt::set_socket_linger(&self.fd, Some(std::time::Duration::ZERO));
    }
}

/// Token of a socket's host socket.
pub(super) fn token(id: SocketId) -> Token {
    Token::Net(id.0.into())
}

/// Token of a published port.
pub(super) fn published_token(index: usize) -> Token {
    Token::Net(PUBLISHED | index as u64)
}

/// A host socket is ready.
pub(super) fn ready(fam: &mut Family, id: u64, flags: EventFlags) {
    if id & PUBLISHED != 0 {
        return publish::ready(fam, (id & !PUBLISHED) as usize);
    }
    let id = SocketId(id as u32);
    let Ok(s) = fam.net.get(id) else { return };
    match s.state {
        State::Listening(_) => accept(fam, id),
        State::Connecting => outgoing::progress(fam, id, flags),
        State::Connected => relay::ready(fam, id, flags),
        State::Idle if s.is_datagram() => udp::receive(fam, id),
        State::Idle => {}
    }
}

/// A nonblocking host socket of the family and type of a guest's.
pub(super) fn open(domain: u16, stype: u32) -> Result<OwnedFd, Errno> {
    let family = if domain == AF_INET6 { AddressFamily::INET6 } else { AddressFamily::INET };
    let stype = if stype == SOCK_STREAM { SocketType::STREAM } else { SocketType::DGRAM };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = rustix::net::socket_with(family, stype, flags, None).map_err(errno)?;
    if stype == SocketType::STREAM {
        // The guest's writes are joined in the ring already.
        sockopt::set_tcp_nodelay(&fd, true).map_err(errno)?;
    }
    Ok(fd)
}

/// An address as a socket of `domain` wants it.
pub(super) fn for_domain(domain: u16, addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(a) if domain == AF_INET6 => {
            let ip = if a.ip().is_unspecified() {
                std::net::Ipv6Addr::UNSPECIFIED
            } else {
                a.ip().to_ipv6_mapped()
            };
            SocketAddr::new(ip.into(), a.port())
        }
        other => other,
    }
}

/// The inverse: mapped addresses are IPv4.
pub(super) fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

/// `--net host`: binds a host socket as the guest binds its own; the port that it got.
pub(super) fn bind(fam: &Family, id: SocketId, addr: SocketAddr) -> Result<(HostLink, u16), Errno> {
    let s = fam.net.get(id)?;
    let fd = open(s.domain, s.stype)?;
    let flag = |name| s.options.flag(SOL_SOCKET, name);
    sockopt::set_socket_reuseaddr(&fd, flag(SO_REUSEADDR)).map_err(errno)?;
    if flag(SO_REUSEPORT) {
        sockopt::set_socket_reuseport(&fd, true).map_err(errno)?;
    }
    if s.domain == AF_INET6 {
        sockopt::set_ipv6_v6only(&fd, s.options.flag(SOL_IPV6, IPV6_V6ONLY)).map_err(errno)?;
    }
    rustix::net::bind(&fd, &for_domain(s.domain, addr)).map_err(errno)?;
    let real = local_address(&fd).map_or(addr.port(), |a| a.port());
    Ok((HostLink::new(fd), real))
}

/// The host's idea of a socket's own address.
pub(super) fn local_address(fd: &OwnedFd) -> Option<SocketAddr> {
    SocketAddr::try_from(rustix::net::getsockname(fd).ok()?).ok().map(canonical)
}

/// Puts a host socket behind a guest's; a datagram socket hears of what comes at once.
pub(super) fn attach(fam: &mut Family, id: SocketId, link: HostLink) -> Result<(), Errno> {
    if fam.net.get(id)?.is_datagram() {
        fam.poller.add(&link.fd, token(id), EventFlags::IN | EventFlags::ET).map_err(errno)?;
    }
    fam.net.get_mut(id)?.host = Some(link);
    Ok(())
}

/// `--net host`: the host socket listens too.
pub(super) fn listen_too(fam: &mut Family, id: SocketId, backlog: usize) -> Result<(), Errno> {
    let Some(h) = &fam.net.get(id)?.host else { return Ok(()) };
    rustix::net::listen(&h.fd, backlog.min(i32::MAX as usize) as i32).map_err(errno)?;
    fam.poller.add(&h.fd, token(id), EventFlags::IN | EventFlags::ET).map_err(errno)
}

/// Takes the host's connections for a guest's listening socket, as many as fit its queue.
pub(super) fn accept(fam: &mut Family, id: SocketId) {
    loop {
        if !listen::has_room(fam, id) {
            if let Some(l) = fam.net.get_mut(id).ok().and_then(|s| s.listener()) {
                l.host_waits = true;
            }
            return;
        }
        let Ok(Some(h)) = fam.net.get(id).map(|s| &s.host) else { return };
        let Some((fd, peer)) = take(&h.fd) else { return };
        let local = local_address(&fd).unwrap_or(peer);
        admit(fam, id, fd, peer, local);
    }
}

/// The next connection of a host socket that listens.
pub(super) fn take(listener: &OwnedFd) -> Option<(OwnedFd, SocketAddr)> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    loop {
        match rustix::net::acceptfrom_with(listener, flags) {
            Ok((fd, peer)) => {
                let peer = peer.and_then(|p| SocketAddr::try_from(p).ok()).map(canonical);
                let unknown = || SocketAddr::new([0; 4].into(), 0);
                return Some((fd, peer.unwrap_or_else(unknown)));
            }
            // The peer gave up while it waited.
            Err(rustix::io::Errno::CONNABORTED | rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

/// A connection of the host becomes one of the guest's, in its queue. When that is not possible it is reset.
pub(super) fn admit(fam: &mut Family, listener: SocketId, fd: OwnedFd, peer: SocketAddr, local: SocketAddr) {
    let link = HostLink::new(fd);
    let made = listen::newborn(fam, listener).and_then(|id| {
        // A socket that cannot do it does without.
        let _ = sockopt::set_tcp_nodelay(&link.fd, true);
        let ready = pair::host_rings(fam, id)
            .and_then(|()| fam.poller.add(&link.fd, token(id), WATCH).map_err(errno));
        match ready {
            Ok(()) => Ok(id),
            Err(e) => {
                super::end::discard(fam, id);
                Err(e)
            }
        }
    });
    let Ok(id) = made else { return link.reset_on_close() };
    if let Ok(s) = fam.net.get_mut(id) {
        s.peer = Name::Inet(peer);
        s.local = Name::Inet(local);
        s.host = Some(link);
    }
    // A request that is there already is in the ring when the guest accepts.
    relay::pump(fam, id);
    listen::enqueue(fam, listener, id);
}

/// Keepalive and the marks of outgoing packets are the host's to carry out.
pub(super) fn pass_option(s: &Socket, level: i32, name: i32) {
    let Some(h) = &s.host else { return };
    let value = s.options.int(level, name);
    let seconds = std::time::Duration::from_secs(value.max(1) as u64);
    // The guest's own value was accepted; a host that cannot do it does without.
    let _ = match (level, name) {
        (SOL_SOCKET, SO_KEEPALIVE) => sockopt::set_socket_keepalive(&h.fd, value != 0),
        (SOL_SOCKET, SO_BROADCAST) => sockopt::set_socket_broadcast(&h.fd, value != 0),
        (SOL_TCP, TCP_KEEPIDLE) => sockopt::set_tcp_keepidle(&h.fd, seconds),
        (SOL_TCP, TCP_KEEPINTVL) => sockopt::set_tcp_keepintvl(&h.fd, seconds),
        (SOL_TCP, TCP_KEEPCNT) => sockopt::set_tcp_keepcnt(&h.fd, value as u32),
        (SOL_TCP, TCP_USER_TIMEOUT) => sockopt::set_tcp_user_timeout(&h.fd, value as u32),
        (SOL_IP, IP_TOS) => sockopt::set_ip_tos(&h.fd, value as u8),
        (SOL_IP, IP_TTL) => sockopt::set_ip_ttl(&h.fd, value as u32),
        _ => Ok(()),
    };
}
