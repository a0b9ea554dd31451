//! A socket as the monitor keeps it.

use std::collections::VecDeque;
use std::rc::Rc;

use abi::socket::{AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM};
use protocol::ring::{CLOSED_WRITE, Ring};

use super::SocketId;
use super::anc::Waiting;
use super::host::HostLink;
use super::name::Name;
use super::options::Options;
use crate::mapping::Mapped;
use crate::regions::RegionId;

/// The rings of a connection, or the one that a datagram socket receives in.
pub struct Rings {
    pub region: RegionId,
    pub view: Rc<Mapped>,
    pub in_off: usize,
    pub out_off: usize,
    pub cap: u32,
}

impl Rings {
    /// What this socket reads.
    pub fn input(&self) -> Ring<'_, Mapped> {
        Ring::new(&self.view, self.in_off, self.cap)
    }
    /// What this socket writes; for a datagram socket the same as [`Rings::input`].
    pub fn output(&self) -> Ring<'_, Mapped> {
        Ring::new(&self.view, self.out_off, self.cap)
    }
}

/// A listening socket's queue.
#[derive(Default)]
pub struct Listener {
    /// Connections that wait for accept(2).
    pub queue: VecDeque<SocketId>,
    pub backlog: usize,
    /// Connecting sockets of the family that wait for room in the queue.
    pub pending: VecDeque<SocketId>,
    /// Members to be told of room (connect(2) of a Unix socket that was answered EAGAIN): slot and object.
    pub blocked: Vec<(u32, u32)>,
    /// The queue was full when host connections came: they wait at the host.
    pub host_waits: bool,
}

/// How far a socket is.
pub enum State {
    /// Fresh, bound, or a datagram socket.
    Idle,
    Listening(Listener),
    /// A connection is under way.
    Connecting,
    Connected,
}

/// A socket.
pub struct Socket {
    pub domain: u16,
    pub stype: u32,
    pub protocol: i32,
    pub ino: u64,
    pub object: u32,
    pub state: State,
    pub rings: Option<Rings>,
    pub local: Name,
    pub peer: Name,
    /// Holds a place in the table of ports or of Unix names.
    pub bound: bool,
    /// bind(2) fixed the address, not only the port.
    pub address_fixed: bool,
    /// bind(2) fixed the port: it stays the socket's when a connection fails.
    pub port_fixed: bool,
    /// connect(2) of a TCP socket that did not wait has failed, and no other connect(2) has told so yet.
    pub refused: bool,
    /// VFS node of a bound path.
    pub node: Option<(u64, u64)>,
    /// The other end within the family; of a Unix datagram socket, where it sends.
    pub mate: Option<SocketId>,
    /// A Unix datagram socket's mate is gone, and no send(2) has told so yet.
    pub mate_gone: bool,
    pub host: Option<HostLink>,
    pub options: Options,
    /// Members to be told of a change.
    pub armed: Vec<u32>,
    /// Members of which one is told of each new connection.
    pub exclusive: VecDeque<u32>,
    /// Pending error (SO_ERROR) while there are no rings.
    pub error: i32,
    pub shut_read: bool,
    pub shut_write: bool,
    /// A connect(2) of a nonblocking socket was answered EINPROGRESS, and no other connect(2) has told that it succeeded.
    pub unreported: bool,
    /// Process, user and group that made it (or listen(2)s or connect(2)s).
    pub creds: [u32; 3],
    /// SO_PEERCRED.
    pub peer_creds: Option<[u32; 3]>,
    /// Ancillary data for this socket's reader.
    pub anc: VecDeque<Waiting>,
    /// Senders to be told of room in the receive ring: slot and object.
    pub blocked: Vec<(u32, u32)>,
}

impl Socket {
    /// A stream: TCP, or a Unix stream.
    pub fn is_stream(&self) -> bool {
        self.stype == SOCK_STREAM
    }
    /// Its rings carry records.
    pub fn records(&self) -> bool {
        self.stype != SOCK_STREAM
    }
    /// Connections are made, not only addresses remembered.
    pub fn connects(&self) -> bool {
        matches!(self.stype, SOCK_STREAM | SOCK_SEQPACKET)
    }
    /// UDP, Unix datagrams, netlink.
    pub fn is_datagram(&self) -> bool {
        matches!(self.stype, SOCK_DGRAM | SOCK_RAW)
    }
    pub fn is_unix(&self) -> bool {
        self.domain == AF_UNIX
    }
    /// TCP.
    pub fn is_tcp(&self) -> bool {
        !self.is_unix() && self.is_stream()
    }
    /// The listening state, if it is in it.
    pub fn listener(&mut self) -> Option<&mut Listener> {
        match &mut self.state {
            State::Listening(l) => Some(l),
            _ => None,
        }
    }
    pub fn is_listening(&self) -> bool {
        matches!(self.state, State::Listening(_))
    }
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected)
    }
    /// Member `slot` hears of the next change.
    pub fn arm(&mut self, slot: u32) {
        if !self.armed.contains(&slot) {
            self.armed.push(slot);
        }
    }
    /// Member `slot` is one of those of which one hears of a new connection.
    pub fn arm_exclusive(&mut self, slot: u32) {
        if !self.exclusive.contains(&slot) {
            self.exclusive.push_back(slot);
        }
    }
    /// A TCP connection of which both directions have ended, or that was reset: it has no peer any more.
    pub fn is_over(&self) -> bool {
        let over = |r: &Rings| {
            let ended = |ring: Ring<'_, Mapped>| ring.closed() & CLOSED_WRITE != 0;
            ended(r.input()) && ended(r.output())
        };
        self.is_tcp() && self.rings.as_ref().is_some_and(over)
    }
    /// Takes the pending error, wherever it is.
    pub fn take_error(&mut self) -> i32 {
        let own = std::mem::take(&mut self.error);
        if own != 0 {
            return own;
        }
        self.rings.as_ref().map_or(0, |r| r.input().take_error() as i32)
    }
    /// Sets the pending error.
    pub fn set_error(&mut self, errno: i32) {
        match &self.rings {
            Some(r) => r.input().set_error(errno as u32),
            None => self.error = errno,
        }
    }
}
