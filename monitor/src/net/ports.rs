//! Ports: who is bound where, conflicts (socket(7), SO_REUSEADDR and SO_REUSEPORT), ephemeral ports, and which socket a
//! connection or datagram is for.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use abi::Errno;

use super::SocketId;

/// `net.ipv4.ip_local_port_range`.
const EPHEMERAL: std::ops::RangeInclusive<u16> = 32768..=60999;
/// The family's own address apart from loopback (from the range that RFC 2544 sets aside).
pub const OWN_V4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);

/// A socket's claim on a port.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    pub socket: SocketId,
    pub ip: IpAddr,
    /// An IPv6 socket that does not serve IPv4.
    pub v6only: bool,
    pub reuse_addr: bool,
    pub reuse_port: bool,
    pub uid: u32,
    pub listening: bool,
    /// A connected datagram socket hears this peer only.
    pub peer: Option<SocketAddr>,
}

/// The host, as the family sees it: the source of what comes from the host's own loopback.
pub const GATEWAY_V4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// Claims of one protocol.
#[derive(Default)]
pub struct Ports {
    claims: BTreeMap<u16, Vec<Claim>>,
    next: u16,
    /// Turns connections over the sockets of a SO_REUSEPORT group.
    turn: usize,
}

/// True for the addresses at which the family reaches itself.
pub fn is_own(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || ip == IpAddr::V4(OWN_V4)
}

/// The source address of something sent to `to` without a fixed one.
pub fn source_for(to: IpAddr) -> IpAddr {
    match to {
        IpAddr::V4(ip) if ip.is_loopback() || ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V4(_) => OWN_V4.into(),
        IpAddr::V6(ip) if ip.is_loopback() || ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

impl Claim {
    /// Whether it covers `ip`, and how exactly.
    fn covers(&self, ip: IpAddr) -> Option<u32> {
        match (self.ip, ip) {
            (mine, theirs) if mine == theirs => Some(2),
            (IpAddr::V4(mine), IpAddr::V4(_)) if mine.is_unspecified() => Some(1),
            (IpAddr::V6(mine), IpAddr::V6(_)) if mine.is_unspecified() => Some(1),
            (IpAddr::V6(mine), IpAddr::V4(_)) if mine.is_unspecified() && !self.v6only => Some(0),
            _ => None,
        }
    }

    fn overlaps(&self, other: &Claim) -> bool {
        self.covers(other.ip).is_some() || other.covers(self.ip).is_some()
    }

    fn conflicts(&self, other: &Claim, datagram: bool) -> bool {
        if !self.overlaps(other) {
            return false;
        }
        if self.reuse_port && other.reuse_port && self.uid == other.uid {
            return false;
        }
        let shared = self.reuse_addr && other.reuse_addr;
        !(shared && (datagram || !(self.listening || other.listening)))
    }
}

impl Ports {
    /// Claims a port for a socket; 0: any free one. EADDRINUSE. The port claimed.
    pub fn bind(&mut self, port: u16, claim: Claim, datagram: bool) -> Result<u16, Errno> {
        let port = if port == 0 { self.free_port(&claim, datagram)? } else { port };
        if self.conflict(port, &claim, datagram) {
            return Err(Errno::EADDRINUSE);
        }
        self.claims.entry(port).or_default().push(claim);
        Ok(port)
    }

    fn conflict(&self, port: u16, claim: &Claim, datagram: bool) -> bool {
        let others = self.claims.get(&port).into_iter().flatten();
        others.filter(|c| c.socket != claim.socket).any(|c| claim.conflicts(c, datagram))
    }

    /// A port that conflicts with nobody, SO_REUSEADDR or not.
    fn free_port(&mut self, claim: &Claim, datagram: bool) -> Result<u16, Errno> {
        let strict = Claim { reuse_addr: false, reuse_port: false, ..*claim };
        for _ in EPHEMERAL {
            let port = if EPHEMERAL.contains(&self.next) { self.next } else { *EPHEMERAL.start() };
            self.next = port + 1;
            if !self.conflict(port, &strict, datagram) {
                return Ok(port);
            }
        }
        Err(Errno::EADDRINUSE)
    }

    /// Where the search for free ports begins: not the same in each family.
    pub fn seed(&mut self, random: u16) {
        self.next = EPHEMERAL.start() + random % (EPHEMERAL.end() - EPHEMERAL.start());
    }

    /// Changes a socket's claim (it listens now, it is connected); EADDRINUSE when that conflicts.
    pub fn change(
        &mut self,
        port: u16,
        socket: SocketId,
        change: impl FnOnce(&mut Claim),
    ) -> Result<(), Errno> {
        let find = |claims: &BTreeMap<u16, Vec<Claim>>| {
            claims.get(&port).and_then(|v| v.iter().position(|c| c.socket == socket))
        };
        let Some(i) = find(&self.claims) else { return Ok(()) };
        let Some(mine) = self.claims.get(&port).map(|v| v[i]) else { return Ok(()) };
        let mut new = mine;
        change(&mut new);
        if new.listening && self.conflict(port, &new, false) {
            return Err(Errno::EADDRINUSE);
        }
        if let Some(v) = self.claims.get_mut(&port) {
            v[i] = new;
        }
        Ok(())
    }

    /// Gives a port back.
    pub fn unbind(&mut self, port: u16, socket: SocketId) {
        if let Some(v) = self.claims.get_mut(&port) {
            v.retain(|c| c.socket != socket);
            if v.is_empty() {
                self.claims.remove(&port);
            }
        }
    }

    /// The listening socket for a connection to `to`.
    pub fn listener(&mut self, to: SocketAddr) -> Option<SocketId> {
        self.best(to, |c| c.listening.then_some(0))
    }

    /// The datagram socket for something from `from` to `to`.
    pub fn receiver(&mut self, to: SocketAddr, from: SocketAddr) -> Option<SocketId> {
        self.best(to, |c| match c.peer {
            Some(peer) if peer == from => Some(8),
            Some(_) => None,
            None => Some(0),
        })
    }

    /// The best match; equals take turns.
    fn best(&mut self, to: SocketAddr, extra: impl Fn(&Claim) -> Option<u32>) -> Option<SocketId> {
        let all = self.claims.get(&to.port())?;
        let score = |c: &Claim| Some(c.covers(to.ip())? + extra(c)?);
        let top = all.iter().filter_map(score).max()?;
        let equal: Vec<_> = all.iter().filter(|c| score(c) == Some(top)).map(|c| c.socket).collect();
        self.turn = self.turn.wrapping_add(1);
        equal.get(self.turn % equal.len()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(n: u32, ip: &str) -> Claim {
        Claim {
            socket: SocketId(n),
            ip: ip.parse().expect("address"),
            v6only: false,
            reuse_addr: false,
            reuse_port: false,
            uid: 0,
            listening: false,
            peer: None,
        }
    }

    #[test]
    fn conflicts_follow_addresses_and_options() {
        let mut p = Ports::default();
        assert_eq!(p.bind(80, claim(1, "127.0.0.1"), false), Ok(80));
        assert_eq!(p.bind(80, claim(2, "0.0.0.0"), false), Err(Errno::EADDRINUSE));
        assert_eq!(p.bind(80, claim(2, "::"), false), Err(Errno::EADDRINUSE));
        assert_eq!(p.bind(80, Claim { v6only: true, ..claim(2, "::") }, false), Ok(80));
        assert_eq!(p.bind(80, claim(3, "198.18.0.2"), false), Ok(80));
        let reuse = |n| Claim { reuse_addr: true, ..claim(n, "0.0.0.0") };
        assert_eq!(p.bind(81, reuse(4), false), Ok(81));
        assert_eq!(p.bind(81, reuse(5), false), Ok(81));
        assert_eq!(p.change(81, SocketId(4), |c| c.listening = true), Err(Errno::EADDRINUSE));
        p.unbind(81, SocketId(5));
        assert_eq!(p.change(81, SocketId(4), |c| c.listening = true), Ok(()));
        assert_eq!(p.bind(81, reuse(5), false), Err(Errno::EADDRINUSE));
    }

    #[test]
    fn the_most_exact_socket_gets_it() {
        let mut p = Ports::default();
        let shared = |n, ip| Claim { reuse_port: true, listening: true, ..claim(n, ip) };
        for (n, ip) in [(1, "0.0.0.0"), (2, "0.0.0.0"), (3, "127.0.0.1")] {
            assert_eq!(p.bind(80, shared(n, ip), false), Ok(80));
        }
        let to = |ip: &str| SocketAddr::new(ip.parse().expect("address"), 80);
        assert_eq!(p.listener(to("127.0.0.1")), Some(SocketId(3)));
        let mut seen = [p.listener(to("127.0.0.2")), p.listener(to("127.0.0.2"))];
        seen.sort();
        assert_eq!(seen, [Some(SocketId(1)), Some(SocketId(2))]);
        assert_eq!(p.listener(to("::1")), None);
    }
}
