//! Connections of the guest that leave the family.

use std::net::SocketAddr;

use abi::Errno;
use rustix::event::epoll::EventFlags;
use rustix::net::sockopt;

use super::host::{self, HostLink, WATCH, for_domain, token};
use super::socket::State;
use super::{Name, SocketId, connect, pair, relay, wake};
use crate::config::Net;
use crate::family::Family;
use crate::streams::errno;

/// Begins a connection. EINPROGRESS: [`progress`] sees its end.
pub(super) fn begin(fam: &mut Family, id: SocketId, to: SocketAddr) -> Result<(), Errno> {
    let s = fam.net.get_mut(id)?;
    let (domain, stype) = (s.domain, s.stype);
    // `--net host`: a bound socket has its host socket already.
    let link = match s.host.take() {
        Some(link) => link,
        None => HostLink::new(host::open(domain, stype)?),
    };
    match rustix::net::connect(&link.fd, &for_domain(domain, to)) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
        Err(e) => return Err(errno(e)),
    }
    let local = host::local_address(&link.fd);
    fam.poller.add(&link.fd, token(id), WATCH).map_err(errno)?;
    if fam.net.mode == Net::Host {
        let s = fam.net.get_mut(id)?;
        s.local = local.map_or(Name::None, Name::Inet);
    } else {
        connect::claim_source(fam, id, to)?;
    }
    let s = fam.net.get_mut(id)?;
    s.host = Some(link);
    s.peer = Name::Inet(to);
    s.state = State::Connecting;
    Err(Errno::EINPROGRESS)
}

/// The host socket of a connection under way is ready: it is made, or failed.
pub(super) fn progress(fam: &mut Family, id: SocketId, flags: EventFlags) {
    let Ok(s) = fam.net.get_mut(id) else { return };
    let Some(h) = &mut s.host else { return };
    match sockopt::socket_error(&h.fd) {
        Ok(Ok(())) => {}
        Ok(Err(e)) | Err(e) => return connect::fail(fam, id, errno(e)),
    }
    if !flags.contains(EventFlags::OUT) {
        return;
    }
    h.hung_up = flags.intersects(EventFlags::RDHUP | EventFlags::HUP);
    if let Err(e) = pair::host_rings(fam, id) {
        return connect::fail(fam, id, e);
    }
    wake(fam, id);
    relay::pump(fam, id);
}
