//! Published ports (`-p`): the monitor listens on the host and hands connections and datagrams to whoever is bound to the
//! guest's port. Without such a guest, connections are reset.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use abi::socket::{AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM};
use anyhow::{Context, bail};
use rustix::event::epoll::EventFlags;
use rustix::net::sockopt;

use super::host::{self, HostLink, published_token};
use super::ports::{GATEWAY_V4, OWN_V4};
use super::{SocketId, listen, udp};
use crate::config::Publish;
use crate::family::Family;

/// Connections that may wait at the host.
const BACKLOG: i32 = 4096;

/// A published port.
pub struct Published {
    pub fd: OwnedFd,
    pub guest: u16,
    pub udp: bool,
}

/// Opens all of them; the error names the one that cannot be had.
pub(super) fn open(list: &[Publish]) -> anyhow::Result<Vec<Published>> {
    list.iter().map(open_one).collect()
}

fn open_one(p: &Publish) -> anyhow::Result<Published> {
    let at = SocketAddr::new(p.address, p.host);
    let stype = if p.udp { SOCK_DGRAM } else { SOCK_STREAM };
    let domain = if at.is_ipv6() { AF_INET6 } else { AF_INET };
    let fd = host::open(domain, stype).with_context(|| format!("cannot publish {at}"))?;
    if !p.udp {
        sockopt::set_socket_reuseaddr(&fd, true).with_context(|| format!("cannot publish {at}"))?;
    }
    let kind = if p.udp { "UDP port" } else { "port" };
    let bound = rustix::net::bind(&fd, &at)
        .and_then(|()| if p.udp { Ok(()) } else { rustix::net::listen(&fd, BACKLOG) });
    match bound {
        Ok(()) => Ok(Published { fd, guest: p.guest, udp: p.udp }),
        Err(rustix::io::Errno::ADDRINUSE) => {
            bail!(
                "{kind} {at} is already in use on this host; free it, or publish another one (-p HOST:GUEST)"
            )
        }
        Err(rustix::io::Errno::ACCESS) => {
            bail!("{kind} {at} may not be opened by this user; publish one above 1023 (-p HOST:GUEST)")
        }
        Err(rustix::io::Errno::ADDRNOTAVAIL) => {
            bail!("cannot publish {at}: this host does not have the address {}", p.address)
        }
        Err(e) => bail!("cannot publish {at}: {e}"),
    }
}

/// Begins to listen for what comes in.
pub fn start(fam: &mut Family) -> anyhow::Result<()> {
    for (i, p) in fam.net.published.iter().enumerate() {
        fam.poller.add(&p.fd, published_token(i), EventFlags::IN | EventFlags::ET)?;
    }
    Ok(())
}

/// The guest's addresses at which a published port may be served, in the order in which they are tried.
fn targets(port: u16) -> [SocketAddr; 3] {
    [IpAddr::V4(OWN_V4), Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        .map(|ip| SocketAddr::new(ip, port))
}

/// How a peer at the host's side is shown to a guest's socket. The host's loopback is not the family's, and an IPv4 socket
/// knows no IPv6 peers: such peers are the gateway, as with other containers.
fn shown(domain: u16, peer: SocketAddr) -> SocketAddr {
    if peer.ip().is_loopback() || (peer.is_ipv6() && domain == AF_INET) {
        return SocketAddr::new(GATEWAY_V4.into(), peer.port());
    }
    peer
}

/// The source of a datagram at a published port, for the guest's socket that gets it.
pub(super) fn shown_to(fam: &Family, id: SocketId, peer: SocketAddr) -> SocketAddr {
    shown(fam.net.get(id).map_or(AF_INET, |s| s.domain), peer)
}

/// The same for a socket that is not known yet: what a connected one has as its peer.
pub(super) fn shown_to_any(peer: SocketAddr) -> SocketAddr {
    shown(AF_INET6, peer)
}

/// The inverse, for an answer that goes out by a published datagram port.
pub(super) fn real(p: &Published, to: SocketAddr) -> SocketAddr {
    if to.ip() != IpAddr::V4(GATEWAY_V4) {
        return to;
    }
    let v6 = host::local_address(&p.fd).is_some_and(|a| a.is_ipv6());
    let ip = if v6 { IpAddr::V6(Ipv6Addr::LOCALHOST) } else { IpAddr::V4(Ipv4Addr::LOCALHOST) };
    SocketAddr::new(ip, to.port())
}

/// Something came at a published port.
pub(super) fn ready(fam: &mut Family, index: usize) {
    let Some(p) = fam.net.published.get(index) else { return };
    if p.udp {
        return udp::receive_published(fam, index);
    }
    let guest = p.guest;
    loop {
        let found = targets(guest).into_iter().find_map(|to| Some((fam.net.tcp.listener(to)?, to)));
        if let Some((id, _)) = found
            && !listen::has_room(fam, id)
        {
            // It stays in the host's queue until the guest accepted some.
            if let Some(l) = fam.net.get_mut(id).ok().and_then(|s| s.listener()) {
                l.host_waits = true;
            }
            return;
        }
        let Some((fd, peer)) = fam.net.published.get(index).and_then(|p| host::take(&p.fd)) else { return };
        match found {
            Some((id, to)) => {
                let peer = shown_to(fam, id, peer);
                host::admit(fam, id, fd, peer, to);
            }
            None => HostLink::new(fd).reset_on_close(),
        }
    }
}

/// A guest's queue has room again: what waits at the host comes in.
pub(super) fn resume(fam: &mut Family, id: SocketId) {
    let Ok(s) = fam.net.get(id) else { return };
    let port = s.local.inet().map_or(0, |a| a.port());
    if s.host.is_some() {
        host::accept(fam, id);
    }
    let indices: Vec<_> = (0..).zip(&fam.net.published).filter(|(_, p)| p.guest == port && !p.udp).collect();
    let indices: Vec<usize> = indices.into_iter().map(|(i, _)| i).collect();
    for i in indices {
        ready(fam, i);
    }
}

/// The guest's addresses for a published datagram port.
pub(super) fn datagram_targets(port: u16) -> [SocketAddr; 3] {
    targets(port)
}
