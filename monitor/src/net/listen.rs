//! bind(2), listen(2), accept(2), and the queue between a connection's coming and its acceptance.

use std::net::{IpAddr, SocketAddr};

use abi::Errno;
use abi::fs::{O_NONBLOCK, O_RDWR};
use abi::process::CAP_NET_BIND_SERVICE;
use abi::socket::*;

use super::name::{Given, parse};
use super::ports::{Claim, OWN_V4, source_for};
use super::socket::{Listener, State};
use super::{Name, SocketId, connect, creds_of, host, netlink, publish, unix, wake};
use crate::call::Call;
use crate::config::Net;
use crate::descs::Body;
use crate::family::Family;

/// `net.ipv4.ip_unprivileged_port_start`.
const UNPRIVILEGED_PORT: u16 = 1024;

/// bind(2). `mode`: permissions of a socket in the file system.
pub fn bind(fam: &mut Family, call: &Call, id: SocketId, address: &[u8], mode: u32) -> Result<(), Errno> {
    let s = fam.net.get(id)?;
    if s.is_unix() {
        return match parse(AF_UNIX, address)? {
            Given::Name(Name::Unix(path)) => unix::bind(fam, call, id, path, mode),
            Given::Autobind => unix::autobind(fam, id),
            _ => Err(Errno::EINVAL),
        };
    }
    if s.domain == AF_NETLINK {
        return netlink::bind(fam, call, id, address);
    }
    let addr = match parse(s.domain, address)? {
        Given::Name(Name::Inet(addr)) => addr,
        // As Linux: an unspecified family with the wildcard address passes for IPv4.
        Given::Unspecified if s.domain == AF_INET && address.get(4..8) == Some(&[0; 4]) => {
            SocketAddr::new(IpAddr::from([0, 0, 0, 0]), u16::from_be_bytes([address[2], address[3]]))
        }
        _ => return Err(Errno::EAFNOSUPPORT),
    };
    if s.domain == AF_INET6 && addr.is_ipv4() && s.options.flag(SOL_IPV6, IPV6_V6ONLY) {
        return Err(Errno::EINVAL);
    }
    let privileged = fam.procs.get(call.pid)?.creds.has(CAP_NET_BIND_SERVICE);
    if (1..UNPRIVILEGED_PORT).contains(&addr.port()) && !privileged {
        return Err(Errno::EACCES);
    }
    if s.bound || !matches!(s.state, State::Idle) {
        return Err(Errno::EINVAL);
    }
    bind_inet(fam, id, addr, true)
}

/// Binds to an address; port 0 takes a free one. `fixed`: the program asked for that address.
pub(super) fn bind_inet(fam: &mut Family, id: SocketId, addr: SocketAddr, fixed: bool) -> Result<(), Errno> {
    let (mut addr, asked) = (addr, addr.port());
    let s = fam.net.get(id)?;
    let claim = Claim {
        socket: id,
        ip: addr.ip(),
        v6only: s.domain == AF_INET6 && s.options.flag(SOL_IPV6, IPV6_V6ONLY),
        reuse_addr: s.options.flag(SOL_SOCKET, SO_REUSEADDR),
        reuse_port: s.options.flag(SOL_SOCKET, SO_REUSEPORT),
        uid: s.creds[1],
        listening: false,
        peer: None,
    };
    let stype = s.stype;
    let mut link = None;
    if fam.net.mode == Net::Host && fixed {
        let (made, real) = host::bind(fam, id, addr)?;
        addr.set_port(real);
        link = Some(made);
    } else if !addr.ip().is_unspecified()
        && !addr.ip().is_loopback()
        && addr.ip() != IpAddr::V4(OWN_V4)
        && !s.options.flag(SOL_IP, IP_FREEBIND)
    {
        return Err(Errno::EADDRNOTAVAIL);
    }
    let port = fam.net.ports_of(id)?.bind(addr.port(), claim, stype == SOCK_DGRAM)?;
    addr.set_port(port);
    let s = fam.net.get_mut(id)?;
    s.local = Name::Inet(addr);
    s.bound = true;
    if fixed {
        (s.address_fixed, s.port_fixed) = (!addr.ip().is_unspecified(), asked != 0);
    }
    if let Some(link) = link {
        host::attach(fam, id, link)?;
    }
    Ok(())
}

/// Binds a socket that sends or listens without a name of its own.
pub(super) fn autobind_inet(fam: &mut Family, id: SocketId) -> Result<(), Errno> {
    let s = fam.net.get(id)?;
    if s.bound {
        return Ok(());
    }
    let ip = match s.local.inet() {
        Some(local) if s.address_fixed => local.ip(),
        _ => wildcard(s.domain),
    };
    bind_inet(fam, id, SocketAddr::new(ip, 0), false)
}

/// The address that stands for all of them.
fn wildcard(domain: u16) -> IpAddr {
    if domain == AF_INET { [0; 4].into() } else { [0u16; 8].into() }
}

/// A connection failed: gives back the port that was not asked for. The name goes on showing its number.
pub(super) fn give_back_port(fam: &mut Family, id: SocketId) -> Result<(), Errno> {
    let s = fam.net.get(id)?;
    if let (true, false, Some(local)) = (s.bound, s.port_fixed, s.local.inet()) {
        fam.net.ports_of(id)?.unbind(local.port(), id);
        fam.net.get_mut(id)?.bound = false;
    }
    Ok(())
}

/// Forgets the address that a connection which failed had chosen.
pub(super) fn forget_address(fam: &mut Family, id: SocketId) -> Result<(), Errno> {
    let s = fam.net.get_mut(id)?;
    if let (false, Some(local)) = (s.address_fixed, s.local.inet()) {
        s.local = Name::Inet(SocketAddr::new(wildcard(s.domain), local.port()));
    }
    Ok(())
}

/// listen(2). Again: only changes the backlog.
pub fn listen(fam: &mut Family, pid: u32, id: SocketId, backlog: i32) -> Result<(), Errno> {
    let creds = creds_of(fam, pid);
    let s = fam.net.get(id)?;
    if !s.connects() {
        return Err(Errno::EOPNOTSUPP);
    }
    // A negative backlog is a huge one, as on Linux.
    let backlog = (backlog as u32).min(SOMAXCONN as u32) as usize;
    match &s.state {
        State::Listening(_) => {
            if let Some(l) = fam.net.get_mut(id)?.listener() {
                l.backlog = backlog;
            }
            return Ok(());
        }
        State::Idle if !s.refused => {}
        _ => return Err(Errno::EINVAL),
    }
    if s.is_unix() {
        if !s.bound {
            return Err(Errno::EINVAL);
        }
    } else {
        autobind_inet(fam, id)?;
        let port = fam.net.get(id)?.local.inet().map_or(0, |a| a.port());
        fam.net.tcp.change(port, id, |c| c.listening = true)?;
        host::listen_too(fam, id, backlog)?;
    }
    let s = fam.net.get_mut(id)?;
    s.state = State::Listening(Listener { backlog, ..Listener::default() });
    s.creds = creds;
    s.error = 0;
    wake(fam, id);
    Ok(())
}

/// accept4(2): the description of the oldest connection and its peer's address. EAGAIN: the member hears of the next
/// one; with `exclusive`, one of several members does.
pub fn accept(
    fam: &mut Family,
    call: &Call,
    id: SocketId,
    flags: u32,
    exclusive: bool,
) -> Result<(u32, Vec<u8>), Errno> {
    if flags & !(SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let s = fam.net.get_mut(id)?;
    if !s.connects() {
        return Err(Errno::EOPNOTSUPP);
    }
    let next = s.listener().ok_or(Errno::EINVAL)?.queue.pop_front();
    let Some(new) = next else {
        if exclusive {
            s.arm_exclusive(call.slot);
        } else {
            s.arm(call.slot);
        }
        return Err(Errno::EAGAIN);
    };
    room_came(fam, id);
    let flags = O_RDWR | if flags & SOCK_NONBLOCK != 0 { O_NONBLOCK } else { 0 };
    let desc = fam.open_desc(call.pid, Body::Socket(new), flags)?;
    let s = fam.net.get(new)?;
    Ok((desc, s.peer.encode(s.domain)))
}

/// The queue has room again: whoever waited for that is let in.
fn room_came(fam: &mut Family, id: SocketId) {
    loop {
        let Ok(s) = fam.net.get_mut(id) else { return };
        let Some(l) = s.listener() else { return };
        if l.queue.len() > l.backlog {
            return;
        }
        let Some(client) = l.pending.pop_front() else { break };
        connect::complete(fam, client, id);
    }
    let Ok(s) = fam.net.get_mut(id) else { return };
    let Some(l) = s.listener() else { return };
    let host_waits = std::mem::take(&mut l.host_waits);
    for (slot, object) in std::mem::take(&mut l.blocked) {
        fam.notify(slot, object);
    }
    if host_waits {
        publish::resume(fam, id);
    }
}

/// A connection is in the queue: everyone who polls hears of it, and of those who wait exclusively, one.
pub(super) fn wake_acceptors(fam: &mut Family, id: SocketId) {
    let Ok(s) = fam.net.get_mut(id) else { return };
    let object = s.object;
    let one = s.exclusive.pop_front();
    for slot in std::mem::take(&mut s.armed).into_iter().chain(one) {
        fam.notify(slot, object);
    }
}

/// A fresh socket for the accepting side of a connection, with what it inherits.
pub(super) fn newborn(fam: &mut Family, listener: SocketId) -> Result<SocketId, Errno> {
    let s = fam.net.get(listener)?;
    let (domain, stype, protocol, creds) = (s.domain, s.stype, s.protocol, s.creds);
    let (options, local) = (s.options.clone(), s.local.clone());
    let object = fam.objects.alloc()?;
    let id = super::insert(fam, domain, stype, protocol, object, creds);
    let s = fam.net.get_mut(id)?;
    (s.options, s.local) = (options, local);
    Ok(id)
}

/// Puts a connection into the queue.
pub(super) fn enqueue(fam: &mut Family, listener: SocketId, new: SocketId) {
    if let Ok(s) = fam.net.get_mut(listener)
        && let Some(l) = s.listener()
    {
        l.queue.push_back(new);
    }
    wake_acceptors(fam, listener);
}

/// True when the queue takes one more: as Linux, one more than the backlog.
pub(super) fn has_room(fam: &mut Family, listener: SocketId) -> bool {
    fam.net.get_mut(listener).ok().and_then(|s| s.listener()).is_some_and(|l| l.queue.len() <= l.backlog)
}

/// getsockname(2) of a connection: the address that was connected to.
pub(super) fn local_for(listener: &Name, to: SocketAddr) -> Name {
    let ip = if to.ip().is_unspecified() { source_for(to.ip()) } else { to.ip() };
    match listener.inet() {
        Some(l) => Name::Inet(SocketAddr::new(ip, l.port())),
        None => Name::None,
    }
}
