//! Sockets, and the relay to the host's network.
//!
//! Within the family connections are rings between two members; the monitor makes them and is not on their way. A
//! connection with the outside has the monitor at the other end of its rings ([`relay`]). Datagrams and seqpacket records
//! are put into the receiver's ring by the monitor.

mod anc;
mod connect;
mod datagram;
mod end;
mod host;
mod ioctl;
mod listen;
mod name;
mod netlink;
mod options;
mod outgoing;
mod pair;
mod poll;
mod ports;
mod publish;
mod relay;
mod socket;
mod table;
#[cfg(test)]
mod tests;
mod udp;
mod unix;
mod way;

use std::collections::{BTreeMap, HashMap};

use abi::Errno;
use abi::fs::{O_NONBLOCK, O_RDWR, S_IFSOCK, Stat};
use abi::socket::*;
use protocol::desc::{DescInfo, Kind, ST_CONNECTED, ST_CONNECTING, ST_LISTENING, ST_RECORDS, ST_REFUSED};
use rustix::event::epoll::EventFlags;

use crate::config::{Config, Net};
use crate::descs::Body;
use crate::family::Family;
use crate::objects::break_ring_locks;
use crate::slab::Slab;

pub use anc::{receive_ancillary, send_ancillary};
pub use connect::connect;
pub use datagram::send_to;
pub use end::{finish, release, shutdown};
pub use ioctl::ioctl;
pub use listen::{accept, bind, listen};
pub use name::Name;
pub use pair::socket_pair;
pub use poll::{arm_space, poll};
pub use publish::start;
pub use socket::Socket;
pub use table::net_table;

/// `st_dev` of sockets.
const SOCKET_DEV: u64 = 8;

/// A socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SocketId(pub u32);

/// All sockets of a family.
pub struct Server {
    sockets: Slab<Socket>,
    /// Sockets by the object that announces their changes: both ends of a connection share one.
    users: HashMap<u32, Vec<SocketId>>,
    tcp: ports::Ports,
    udp: ports::Ports,
    udplite: ports::Ports,
    unix: BTreeMap<unix::Key, SocketId>,
    published: Vec<publish::Published>,
    mode: Net,
    last_ino: u64,
    scratch: Vec<u8>,
}

impl Server {
    /// Opens the published ports; an error names the port in use.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let mut seed = [0; 2];
        rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())?;
        let mut tcp = ports::Ports::default();
        tcp.seed(u16::from_le_bytes(seed));
        let mut udp = ports::Ports::default();
        udp.seed(u16::from_be_bytes(seed));
        Ok(Self {
            sockets: Slab::default(),
            users: HashMap::new(),
            tcp,
            udp,
            udplite: ports::Ports::default(),
            unix: BTreeMap::new(),
            published: publish::open(&config.publish)?,
            mode: config.net,
            last_ino: 0,
            scratch: Vec::new(),
        })
    }

    fn get(&self, id: SocketId) -> Result<&Socket, Errno> {
        self.sockets.get(id.0).ok_or(Errno::ENOTSOCK)
    }

    /// The socket.
    pub fn get_mut(&mut self, id: SocketId) -> Result<&mut Socket, Errno> {
        self.sockets.get_mut(id.0).ok_or(Errno::ENOTSOCK)
    }

    /// The ports of a socket's protocol.
    fn ports_of(&mut self, id: SocketId) -> Result<&mut ports::Ports, Errno> {
        let s = self.get(id)?;
        let (stream, protocol) = (s.is_stream(), s.protocol);
        Ok(if stream { &mut self.tcp } else { self.datagram_ports(protocol) })
    }

    fn datagram_ports(&mut self, protocol: i32) -> &mut ports::Ports {
        if protocol == IPPROTO_UDPLITE { &mut self.udplite } else { &mut self.udp }
    }
}

/// The socket that `desc` is, if `pid` holds it: EBADF, ENOTSOCK.
pub fn of_desc(fam: &Family, desc: u32, pid: u32) -> Result<SocketId, Errno> {
    match fam.descs.get(desc, pid)?.body {
        Body::Socket(id) => Ok(id),
        _ => Err(Errno::ENOTSOCK),
    }
}

/// Process, effective user and group of `pid`, as SO_PEERCRED shows them.
fn creds_of(fam: &Family, pid: u32) -> [u32; 3] {
    fam.procs.get(pid).map_or([pid, u32::MAX, u32::MAX], |p| [pid, p.creds.euid, p.creds.egid])
}

/// Whether such sockets exist; the protocol to report.
fn check_kind(domain: u32, stype: u32, protocol: i32) -> Result<(u16, i32), Errno> {
    let domain = u16::try_from(domain).ok().filter(|d| *d < AF_MAX).ok_or(Errno::EAFNOSUPPORT)?;
    match domain {
        AF_UNIX => match stype {
            _ if protocol != 0 && protocol != i32::from(AF_UNIX) => Err(Errno::EPROTONOSUPPORT),
            // As Linux: a raw Unix socket is a datagram socket.
            SOCK_STREAM | SOCK_DGRAM | SOCK_SEQPACKET | SOCK_RAW => Ok((domain, 0)),
            _ => Err(Errno::ESOCKTNOSUPPORT),
        },
        AF_INET | AF_INET6 => match (stype, protocol) {
            (SOCK_STREAM, 0 | IPPROTO_TCP) => Ok((domain, IPPROTO_TCP)),
            (SOCK_DGRAM, 0 | IPPROTO_UDP) => Ok((domain, IPPROTO_UDP)),
            (SOCK_DGRAM, IPPROTO_UDPLITE) => Ok((domain, IPPROTO_UDPLITE)),
            (SOCK_STREAM | SOCK_DGRAM, _) => Err(Errno::EPROTONOSUPPORT),
            (SOCK_RAW, _) => Err(Errno::EPERM),
            _ => Err(Errno::ESOCKTNOSUPPORT),
        },
        AF_NETLINK => match (stype, protocol) {
            (SOCK_RAW | SOCK_DGRAM, netlink::ROUTE) => Ok((domain, protocol)),
            (SOCK_RAW | SOCK_DGRAM, _) => Err(Errno::EPROTONOSUPPORT),
            _ => Err(Errno::ESOCKTNOSUPPORT),
        },
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// A new socket for `pid`, without a description.
fn create(fam: &mut Family, pid: u32, domain: u32, stype: u32, protocol: i32) -> Result<SocketId, Errno> {
    let (domain, protocol) = check_kind(domain, stype, protocol)?;
    let stype = if domain == AF_UNIX && stype == SOCK_RAW { SOCK_DGRAM } else { stype };
    let object = fam.objects.alloc()?;
    let creds = creds_of(fam, pid);
    let id = insert(fam, domain, stype, protocol, object, creds);
    if !matches!(stype, SOCK_STREAM | SOCK_SEQPACKET)
        && let Err(e) = pair::datagram_ring(fam, id)
    {
        end::discard(fam, id);
        return Err(e);
    }
    Ok(id)
}

/// Puts a fresh socket into the table as a user of `object`.
fn insert(
    fam: &mut Family,
    domain: u16,
    stype: u32,
    protocol: i32,
    object: u32,
    creds: [u32; 3],
) -> SocketId {
    fam.net.last_ino += 1;
    let socket = Socket {
        domain,
        stype,
        protocol,
        ino: fam.net.last_ino,
        object,
        state: socket::State::Idle,
        rings: None,
        local: Name::None,
        peer: Name::None,
        bound: false,
        address_fixed: false,
        port_fixed: false,
        refused: false,
        node: None,
        mate: None,
        mate_gone: false,
        host: None,
        options: options::Options::default(),
        armed: Vec::new(),
        exclusive: Default::default(),
        error: 0,
        shut_read: false,
        shut_write: false,
        unreported: false,
        creds,
        peer_creds: None,
        anc: Default::default(),
        blocked: Vec::new(),
    };
    let id = SocketId(fam.net.sockets.insert(socket));
    fam.net.users.entry(object).or_default().push(id);
    id
}

/// socket(2): the description.
pub fn socket(fam: &mut Family, pid: u32, domain: u32, stype: u32, protocol: i32) -> Result<u32, Errno> {
    let flags = socket_flags(stype)?;
    let id = create(fam, pid, domain, stype & SOCK_TYPE_MASK, protocol)?;
    fam.open_desc(pid, Body::Socket(id), flags)
}

/// The status flags that `type` brings: EINVAL for bits that are none.
fn socket_flags(stype: u32) -> Result<u32, Errno> {
    if stype & !(SOCK_TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(O_RDWR | if stype & SOCK_NONBLOCK != 0 { O_NONBLOCK } else { 0 })
}

/// What members are told of a socket (`desc` and `flags` are filled in by the caller).
pub fn info(fam: &mut Family, desc: u32) -> DescInfo {
    let Some(Body::Socket(id)) = fam.descs.any(desc).map(|d| &d.body) else { return DescInfo::default() };
    let Ok(s) = fam.net.get(*id) else { return DescInfo::default() };
    let mut info = DescInfo {
        kind: Kind::Socket as u32,
        object: s.object,
        mode: S_IFSOCK | 0o777,
        ino: s.ino,
        dev: SOCKET_DEV,
        domain: s.domain.into(),
        stype: s.stype,
        protocol: s.protocol as u32,
        state: match s.state {
            socket::State::Listening(_) => ST_LISTENING,
            socket::State::Connecting => ST_CONNECTING,
            socket::State::Connected => ST_CONNECTED,
            socket::State::Idle if s.is_datagram() && (s.peer != Name::None || s.mate.is_some()) => {
                ST_CONNECTED
            }
            socket::State::Idle => 0,
        },
        ..DescInfo::default()
    };
    if s.refused {
        info.state |= ST_REFUSED;
    }
    if s.records() {
        info.state |= ST_RECORDS;
    }
    if let Some(r) = &s.rings {
        info.region = r.region.0;
        info.region_size = fam.regions.size(r.region);
        info.in_off = r.in_off as u32;
        info.out_off = r.out_off as u32;
        info.ring_cap = r.cap;
    }
    info
}

/// setsockopt(2). What matters on the host's side goes to the host socket too.
pub fn set_option(
    fam: &mut Family,
    id: SocketId,
    level: i32,
    name: i32,
    data: &[u8],
    privileged: bool,
) -> Result<(), Errno> {
    let s = fam.net.get_mut(id)?;
    s.set_option(level, name, data, privileged)?;
    host::pass_option(s, level, name);
    Ok(())
}

/// fstat(2).
pub fn stat(fam: &Family, id: SocketId) -> Stat {
    let Ok(s) = fam.net.get(id) else { return Stat::default() };
    Stat {
        st_dev: SOCKET_DEV,
        st_ino: s.ino,
        st_nlink: 1,
        st_mode: S_IFSOCK | 0o777,
        st_uid: s.creds[1],
        st_gid: s.creds[2],
        st_blksize: 4096,
        ..Stat::default()
    }
}

/// Tells members that asked that a socket changed.
fn wake(fam: &mut Family, id: SocketId) {
    let Ok(s) = fam.net.get_mut(id) else { return };
    let object = s.object;
    let exclusive = std::mem::take(&mut s.exclusive);
    for slot in std::mem::take(&mut s.armed).into_iter().chain(exclusive) {
        fam.notify(slot, object);
    }
}

/// A member changed a ring that the monitor waits on (event `object` in the monitor's bitmap).
pub fn object_event(fam: &mut Family, object: u32) {
    // One user is the rule; nothing is copied then.
    let first = match fam.net.users.get(&object).map(Vec::as_slice) {
        Some([id]) => *id,
        Some([a, b]) => {
            let (a, b) = (*a, *b);
            ring_changed(fam, a);
            b
        }
        _ => return,
    };
    ring_changed(fam, first);
}

fn ring_changed(fam: &mut Family, id: SocketId) {
    let Ok(s) = fam.net.get(id) else { return };
    if s.host.is_some() && s.is_stream() {
        return relay::pump(fam, id);
    }
    if s.is_tcp() && s.is_connected() && s.mate.is_none() {
        return end::written_after_close(fam, id);
    }
    if s.is_tcp() && s.is_connected() && s.shut_read && s.shut_write && !s.is_over() {
        return end::written_after_shutdown(fam, id);
    }
    poll::space_came(fam, id);
}

/// A host socket added with `Token::Net(id)` is ready.
pub fn host_ready(fam: &mut Family, id: u64, ready: EventFlags) {
    host::ready(fam, id, ready);
}

/// Armed timers: the monitor calls [`on_timer`] no later than this monotonic time in nanoseconds.
pub fn next_deadline(fam: &Family) -> Option<u64> {
    crate::streams::next_deadline(fam)
}

/// The deadline has passed.
pub fn on_timer(fam: &mut Family, now: u64) {
    crate::streams::on_timer(fam, now);
}

/// A member died: the locks that it held in rings are broken, and others are woken in its stead.
pub fn member_lost(fam: &mut Family, slot: u32) {
    let mut listeners = Vec::new();
    for (id, s) in fam.net.sockets.iter_mut() {
        s.armed.retain(|a| *a != slot);
        s.exclusive.retain(|a| *a != slot);
        s.blocked.retain(|b| b.0 != slot);
        if let Some(r) = s.rings.as_ref().filter(|r| fam.regions.is_attached(r.region, slot)) {
            for ring in [r.input(), r.output()] {
                break_ring_locks(&ring, slot);
                pair::wake_both(&ring, &fam.events, s.object);
            }
        }
        if s.listener().is_some_and(|l| !l.queue.is_empty()) {
            listeners.push(SocketId(id));
        }
    }
    for id in listeners {
        listen::wake_acceptors(fam, id);
    }
}
