//! What a datagram tells of its way, and what its sender asks for: the control messages of ip(7) and ipv6(7), and the
//! time stamps of socket(7).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use abi::Errno;
use abi::socket::*;
use protocol::anc::Control;
use rustix::time::{ClockId, clock_gettime};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::ports::{OWN_V4, is_own};
use super::socket::Socket;

/// Index of the interface that an address of the family belongs to.
fn interface(ip: IpAddr) -> i32 {
    if ip.is_loopback() { 1 } else { 2 }
}

/// How a datagram came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// The address that it was sent to.
    pub to: IpAddr,
    pub ttl: i32,
    pub tos: i32,
}

impl Way {
    /// Of something that came from the host's network.
    pub fn from_host(from: SocketAddr) -> Self {
        let to = if from.is_ipv4() { OWN_V4.into() } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
        Self { to, ttl: 64, tos: 0 }
    }

    /// The control messages that a receiver asked for by its options.
    pub fn control(&self, s: &Socket) -> Vec<Control> {
        let mut out = Vec::new();
        let mut add = |level: i32, option: i32, kind: i32, data: Vec<u8>| {
            if s.options.flag(level, option) {
                out.push(Control { level, kind, data });
            }
        };
        let now = clock_gettime(ClockId::Realtime);
        if s.options.flag(SOL_SOCKET, SO_TIMESTAMPNS) {
            add(SOL_SOCKET, SO_TIMESTAMPNS, SCM_TIMESTAMPNS, bytes(&[now.tv_sec, now.tv_nsec as i64]));
        } else {
            let us = now.tv_nsec as i64 / 1000;
            add(SOL_SOCKET, SO_TIMESTAMP, SCM_TIMESTAMP, bytes(&[now.tv_sec, us]));
        }
        let index = interface(self.to);
        if s.domain == AF_INET {
            let addr = match self.to {
                IpAddr::V4(a) => a.octets(),
                IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED.octets(),
            };
            let info = InPktinfo { ipi_ifindex: index, ipi_spec_dst: addr, ipi_addr: addr };
            add(SOL_IP, IP_PKTINFO, IP_PKTINFO, bytes(&info));
            add(SOL_IP, IP_RECVTTL, IP_TTL, bytes(&self.ttl));
            add(SOL_IP, IP_RECVTOS, IP_TOS, vec![self.tos as u8]);
        } else {
            let addr = match self.to {
                IpAddr::V4(a) => a.to_ipv6_mapped().octets(),
                IpAddr::V6(a) => a.octets(),
            };
            let info = In6Pktinfo { ipi6_addr: addr, ipi6_ifindex: index as u32 };
            add(SOL_IPV6, IPV6_RECVPKTINFO, IPV6_PKTINFO, bytes(&info));
            add(SOL_IPV6, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT, bytes(&self.ttl));
            add(SOL_IPV6, IPV6_RECVTCLASS, IPV6_TCLASS, bytes(&self.tos));
        }
        out
    }
}

fn bytes(value: &(impl IntoBytes + Immutable + ?Sized)) -> Vec<u8> {
    value.as_bytes().to_vec()
}

/// What a sender's options and control messages ask for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub source: Option<IpAddr>,
    pub ttl: i32,
    pub tos: i32,
}

impl Asked {
    /// EINVAL for control messages that mean nothing here.
    pub fn of(s: &Socket, control: &[Control]) -> Result<Self, Errno> {
        let v6 = s.domain == AF_INET6;
        let unless_default = |v: i32, default| if v < 0 { default } else { v };
        let mut asked = if v6 {
            let hops = s.options.int(SOL_IPV6, IPV6_UNICAST_HOPS);
            let class = s.options.int(SOL_IPV6, IPV6_TCLASS);
            Self { source: None, ttl: unless_default(hops, 64), tos: unless_default(class, 0) }
        } else {
            Self { source: None, ttl: s.options.int(SOL_IP, IP_TTL), tos: s.options.int(SOL_IP, IP_TOS) }
        };
        for c in control {
            match (c.level, c.kind) {
                (SOL_IPV6, IPV6_HOPLIMIT) if v6 => {
                    asked.ttl = unless_default(number(c, -1..=255)?, asked.ttl);
                }
                (SOL_IPV6, IPV6_TCLASS) if v6 => {
                    asked.tos = unless_default(number(c, -1..=255)?, asked.tos);
                }
                (SOL_IPV6, IPV6_PKTINFO) if v6 => {
                    let info = In6Pktinfo::read_from_bytes(&c.data).map_err(|_| Errno::EINVAL)?;
                    asked.source = own(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr)).to_canonical())?;
                }
                (SOL_IP, IP_TTL) if !v6 => asked.ttl = number(c, 1..=255)?,
                (SOL_IP, IP_TOS) if !v6 => {
                    asked.tos = match c.data[..] {
                        [byte] => byte.into(),
                        _ => number(c, 0..=255)?,
                    };
                }
                (SOL_IP, IP_PKTINFO) if !v6 => {
                    let info = InPktinfo::read_from_bytes(&c.data).map_err(|_| Errno::EINVAL)?;
                    asked.source = own(Ipv4Addr::from(info.ipi_spec_dst).into())?;
                }
                (SOL_IPV6, _) if v6 => return Err(Errno::EINVAL),
                (SOL_IP, _) if !v6 => return Err(Errno::EINVAL),
                // Levels of other protocols are not looked at.
                _ => {}
            }
        }
        Ok(asked)
    }
}

/// An int within these bounds; of another size it means nothing.
fn number(c: &Control, range: std::ops::RangeInclusive<i32>) -> Result<i32, Errno> {
    let n = i32::read_from_bytes(&c.data).map_err(|_| Errno::EINVAL)?;
    if range.contains(&n) { Ok(n) } else { Err(Errno::EINVAL) }
}

/// A source address must be one of the family's; none given: the route decides.
fn own(ip: IpAddr) -> Result<Option<IpAddr>, Errno> {
    match ip {
        _ if ip.is_unspecified() => Ok(None),
        _ if is_own(ip) => Ok(Some(ip)),
        _ => Err(Errno::EINVAL),
    }
}
