//! rtnetlink(7), as far as programs ask which interfaces, addresses and routes there are: the dumps of RTM_GETLINK,
//! RTM_GETADDR and RTM_GETROUTE. Nothing can be changed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use abi::Errno;
use abi::ioctl::{IFF_LOOPBACK, IFF_RUNNING, IFF_UP};
use abi::socket::{AF_INET, AF_INET6, AF_NETLINK, AF_UNSPEC, SockAddrNl};
use zerocopy::{FromBytes, IntoBytes};

use super::datagram::{self, Message};
use super::ioctl::{Interface, interfaces};
use super::ports::{GATEWAY_V4, OWN_V4};
use super::{Name, SocketId};
use crate::call::Call;
use crate::family::Family;

/// NETLINK_ROUTE.
pub(super) const ROUTE: i32 = 0;

const HEADER: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_MULTI: u16 = 2;
const NLM_F_ACK: u16 = 4;
const NLM_F_DUMP: u16 = 0x300;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
/// Requests that only look, and those above them: of four kinds each, the third gets.
const RTM_BASE: u16 = 16;

const IFLA_ADDRESS: u16 = 1;
const IFLA_BROADCAST: u16 = 2;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_TXQLEN: u16 = 13;
const IFLA_OPERSTATE: u16 = 16;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_LABEL: u16 = 3;
const IFA_BROADCAST: u16 = 4;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PREFSRC: u16 = 7;
const RTA_TABLE: u16 = 15;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_BOOT: u8 = 3;
const RTN_UNICAST: u8 = 1;
const SCOPE_UNIVERSE: u8 = 0;
const SCOPE_LINK: u8 = 253;
const SCOPE_HOST: u8 = 254;
/// IF_OPER_UP.
const OPERSTATE_UP: u8 = 6;
/// Bytes of messages that go into one datagram.
const DATAGRAM: usize = 8192;

/// A message under construction.
struct Builder {
    buf: Vec<u8>,
}

impl Builder {
    fn new(kind: u16, flags: u16, seq: u32, port: u32, body: &[u8]) -> Self {
        let mut buf = vec![0; 4];
        buf.extend(kind.to_le_bytes());
        buf.extend(flags.to_le_bytes());
        buf.extend(seq.to_le_bytes());
        buf.extend(port.to_le_bytes());
        buf.extend(body);
        Self { buf }
    }

    fn attr(mut self, kind: u16, data: &[u8]) -> Self {
        self.buf.resize(self.buf.len().next_multiple_of(4), 0);
        self.buf.extend((data.len() as u16 + 4).to_le_bytes());
        self.buf.extend(kind.to_le_bytes());
        self.buf.extend(data);
        self
    }

    fn finish(mut self) -> Vec<u8> {
        let len = self.buf.len() as u32;
        self.buf[..4].copy_from_slice(&len.to_le_bytes());
        self.buf.resize(self.buf.len().next_multiple_of(4), 0);
        self.buf
    }
}

/// What a request's header says.
#[derive(Clone, Copy)]
struct Request {
    kind: u16,
    flags: u16,
    seq: u32,
    port: u32,
}

/// bind(2): a port of one's own choice, or 0 for any.
pub(super) fn bind(fam: &mut Family, call: &Call, id: SocketId, address: &[u8]) -> Result<(), Errno> {
    let (a, _) = SockAddrNl::read_from_prefix(address).map_err(|_| Errno::EINVAL)?;
    if a.nl_family != AF_NETLINK {
        return Err(Errno::EINVAL);
    }
    let bound = port_of(fam, id)?;
    if bound != 0 && a.nl_pid != bound {
        return Err(Errno::EINVAL);
    }
    claim(fam, call, id, a.nl_pid, a.nl_groups)
}

fn port_of(fam: &Family, id: SocketId) -> Result<u32, Errno> {
    Ok(match fam.net.get(id)?.local {
        Name::Netlink { port, .. } => port,
        _ => 0,
    })
}

/// Takes a port: the process's number by habit, another if that is taken.
fn claim(fam: &mut Family, call: &Call, id: SocketId, wanted: u32, groups: u32) -> Result<(), Errno> {
    let taken = |port: u32| {
        fam.net
            .sockets
            .iter()
            .any(|(i, s)| i != id.0 && matches!(s.local, Name::Netlink { port: p, .. } if p == port))
    };
    let port = match wanted {
        0 if !taken(call.pid) => call.pid,
        0 => (0x8000_0000..).find(|p| !taken(*p)).unwrap_or(u32::MAX),
        port if taken(port) => return Err(Errno::EADDRINUSE),
        port => port,
    };
    fam.net.get_mut(id)?.local = Name::Netlink { port, groups };
    Ok(())
}

/// sendto(2): requests to the kernel; the answers are in the ring before it returns.
pub(super) fn send(fam: &mut Family, call: &Call, id: SocketId, payload: &[u8]) -> Result<usize, Errno> {
    if port_of(fam, id)? == 0 {
        claim(fam, call, id, 0, 0)?;
    }
    let mut rest = payload;
    while rest.len() >= HEADER {
        let word = |at: usize| u32::from_le_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
        let len = word(0) as usize;
        if len < HEADER || len > rest.len() {
            break;
        }
        let req = Request {
            kind: word(4) as u16,
            flags: (word(4) >> 16) as u16,
            seq: word(8),
            port: port_of(fam, id)?,
        };
        if req.flags & NLM_F_REQUEST != 0 {
            answer(fam, id, req, &rest[..len]);
        }
        rest = &rest[len.next_multiple_of(4).min(rest.len())..];
    }
    Ok(payload.len())
}

fn answer(fam: &mut Family, id: SocketId, req: Request, raw: &[u8]) {
    let family = raw.get(HEADER).map_or(AF_UNSPEC, |b| u16::from(*b));
    let all = req.flags & NLM_F_DUMP != 0;
    let messages = match req.kind {
        RTM_GETLINK if all => Ok(links(fam, req)),
        RTM_GETLINK => one_link(fam, req, raw),
        RTM_GETADDR if all => Ok(addresses(fam, req, family)),
        RTM_GETROUTE if all => Ok(routes(fam, req, family)),
        // New, delete, set: nothing here can be changed.
        kind if kind >= RTM_BASE && kind % 4 != 2 => Err(Errno::EPERM),
        _ => Err(Errno::EOPNOTSUPP),
    };
    match messages {
        Ok(list) => {
            let mut datagram = Vec::new();
            for m in list {
                if datagram.len() + m.len() > DATAGRAM {
                    deliver(fam, id, &std::mem::take(&mut datagram));
                }
                datagram.extend(m);
            }
            deliver(fam, id, &datagram);
            if all {
                let done = Builder::new(NLMSG_DONE, NLM_F_MULTI, req.seq, req.port, &[0; 4]).finish();
                deliver(fam, id, &done);
            } else if req.flags & NLM_F_ACK != 0 {
                error(fam, id, req, raw, 0);
            }
        }
        Err(e) => error(fam, id, req, raw, -e.0),
    }
}

/// NLMSG_ERROR, with the request's header; 0 is an acknowledgement.
fn error(fam: &mut Family, id: SocketId, req: Request, raw: &[u8], code: i32) {
    let body = [&code.to_le_bytes()[..], &raw[..HEADER]].concat();
    deliver(fam, id, &Builder::new(NLMSG_ERROR, 0, req.seq, req.port, &body).finish());
}

fn deliver(fam: &mut Family, id: SocketId, payload: &[u8]) {
    if payload.is_empty() {
        return;
    }
    let message = Message { payload, descs: Vec::new(), creds: [0; 3], explicit: false, way: None };
    // A reader that lets its queue overflow loses answers.
    let _ = datagram::deliver(fam, id, &Name::Netlink { port: 0, groups: 0 }, message);
}

fn link(req: Request, i: &Interface, flags: u16) -> Vec<u8> {
    let device_flags = u32::from(i.flags);
    let mut body = [0; 16];
    body[2..4].copy_from_slice(&i.hardware.to_le_bytes());
    body[4..8].copy_from_slice(&i.index.to_le_bytes());
    body[8..12].copy_from_slice(&device_flags.to_le_bytes());
    let name = [i.name, b"\0"].concat();
    let broadcast = if i.flags & IFF_LOOPBACK != 0 { [0; 6] } else { [0xff; 6] };
    Builder::new(RTM_NEWLINK, flags, req.seq, req.port, &body)
        .attr(IFLA_IFNAME, &name)
        .attr(IFLA_TXQLEN, &1000u32.to_le_bytes())
        .attr(IFLA_OPERSTATE, &[if i.flags & (IFF_UP | IFF_RUNNING) != 0 { OPERSTATE_UP } else { 0 }])
        .attr(IFLA_MTU, &i.mtu.to_le_bytes())
        .attr(IFLA_ADDRESS, &[0; 6])
        .attr(IFLA_BROADCAST, &broadcast)
        .finish()
}

fn links(fam: &Family, req: Request) -> Vec<Vec<u8>> {
    interfaces(fam).iter().map(|i| link(req, i, NLM_F_MULTI)).collect()
}

/// The one that the request names, by index or by IFLA_IFNAME.
fn one_link(fam: &Family, req: Request, raw: &[u8]) -> Result<Vec<Vec<u8>>, Errno> {
    let body = raw.get(HEADER..HEADER + 16).ok_or(Errno::EINVAL)?;
    let index = i32::read_from_bytes(&body[4..8]).map_err(|_| Errno::EINVAL)?;
    let name = attribute(raw, HEADER + 16, IFLA_IFNAME).unwrap_or_default();
    let name = name.split(|b| *b == 0).next().unwrap_or_default();
    let all = interfaces(fam);
    let found = all.iter().find(|i| if index != 0 { i.index == index } else { i.name == name });
    found.map(|i| vec![link(req, i, 0)]).ok_or(Errno::ENODEV)
}

fn attribute(raw: &[u8], mut at: usize, wanted: u16) -> Option<&[u8]> {
    loop {
        let head = raw.get(at..at + 4)?;
        let len = usize::from(u16::from_le_bytes([head[0], head[1]]));
        let data = raw.get(at + 4..at + len)?;
        if u16::from_le_bytes([head[2], head[3]]) == wanted {
            return Some(data);
        }
        at += len.next_multiple_of(4);
    }
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

fn addresses(fam: &Family, req: Request, family: u16) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for i in interfaces(fam) {
        let v4 = Ipv4Addr::from(i.address);
        let loopback = i.flags & IFF_LOOPBACK != 0;
        let prefix = u32::from_be_bytes(i.mask).count_ones() as u8;
        let scope = if loopback { SCOPE_HOST } else { SCOPE_UNIVERSE };
        let mut of = |domain: u16, ip: IpAddr, prefix: u8| {
            if family != AF_UNSPEC && family != domain {
                return;
            }
            let mut body = vec![domain as u8, prefix, 0x80, scope];
            body.extend(i.index.to_le_bytes());
            let label = [i.name, b"\0"].concat();
            let mut b = Builder::new(RTM_NEWADDR, NLM_F_MULTI, req.seq, req.port, &body)
                .attr(IFA_ADDRESS, &octets(ip));
            if domain == AF_INET {
                b = b.attr(IFA_LOCAL, &octets(ip)).attr(IFA_LABEL, &label);
                if !loopback {
                    let wide = u32::from(v4) | !u32::from_be_bytes(i.mask);
                    b = b.attr(IFA_BROADCAST, &wide.to_be_bytes());
                }
            }
            out.push(b.finish());
        };
        of(AF_INET, v4.into(), prefix);
        if loopback {
            of(AF_INET6, Ipv6Addr::LOCALHOST.into(), 128);
        }
    }
    out
}

/// The default route by the gateway, and the link's own.
fn routes(fam: &Family, req: Request, family: u16) -> Vec<Vec<u8>> {
    let Some(i) = interfaces(fam).into_iter().find(|i| i.flags & IFF_LOOPBACK == 0) else {
        return Vec::new();
    };
    if family == AF_INET6 {
        return Vec::new();
    }
    let prefix = u32::from_be_bytes(i.mask).count_ones() as u8;
    let route = |length: u8, scope: u8| {
        let body = [AF_INET as u8, length, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST, 0, 0, 0, 0];
        Builder::new(RTM_NEWROUTE, NLM_F_MULTI, req.seq, req.port, &body)
            .attr(RTA_TABLE, &u32::from(RT_TABLE_MAIN).to_le_bytes())
            .attr(RTA_OIF, &i.index.to_le_bytes())
    };
    let network = u32::from(OWN_V4) & u32::from_be_bytes(i.mask);
    vec![
        route(0, SCOPE_UNIVERSE).attr(RTA_GATEWAY, GATEWAY_V4.octets().as_bytes()).finish(),
        route(prefix, SCOPE_LINK)
            .attr(RTA_DST, &network.to_be_bytes())
            .attr(RTA_PREFSRC, OWN_V4.octets().as_bytes())
            .finish(),
    ]
}
