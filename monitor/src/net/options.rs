//! Socket options: socket(7), ip(7), ipv6(7), tcp(7), unix(7). Timeouts and the like are kept here and obeyed by the
//! member; what shapes traffic on a wire that does not exist is kept and reported.

use std::collections::BTreeMap;

use abi::Errno;
use abi::socket::*;
use zerocopy::{FromBytes, IntoBytes};

use super::socket::{Socket, State};

/// `net.core.rmem_default` and `wmem_default`.
pub const BUFFER_DEFAULT: i32 = 212_992;
/// Their maxima, which are the same.
const BUFFER_MAX: i32 = 212_992;
const SNDBUF_MIN: i32 = 4608;
const RCVBUF_MIN: i32 = 2304;
/// What TCP starts with.
const TCP_SNDBUF: i32 = 16_384;
const TCP_RCVBUF: i32 = 131_072;
const CONGESTION: &[u8] = b"cubic";
const IFNAMSIZ: usize = abi::ioctl::IFNAMSIZ;

/// A socket's options, as far as they were set.
#[derive(Clone, Default)]
pub struct Options {
    ints: BTreeMap<(i32, i32), i32>,
    pub linger: Linger,
    pub receive_timeout: [i64; 2],
    pub send_timeout: [i64; 2],
    device: Vec<u8>,
    congestion: Vec<u8>,
}

/// How an int-valued option behaves.
enum Rule {
    /// On or off.
    Flag,
    /// Any value within.
    Range(i32, i32),
    /// Only reported.
    ReadOnly,
}

/// The int-valued options: level, name, default, rule.
const INTS: &[(i32, i32, i32, Rule)] = &[
    (SOL_SOCKET, SO_REUSEADDR, 0, Rule::Flag),
    (SOL_SOCKET, SO_REUSEPORT, 0, Rule::Flag),
    (SOL_SOCKET, SO_KEEPALIVE, 0, Rule::Flag),
    (SOL_SOCKET, SO_BROADCAST, 0, Rule::Flag),
    (SOL_SOCKET, SO_OOBINLINE, 0, Rule::Flag),
    (SOL_SOCKET, SO_DONTROUTE, 0, Rule::Flag),
    (SOL_SOCKET, SO_NO_CHECK, 0, Rule::Flag),
    (SOL_SOCKET, SO_PASSCRED, 0, Rule::Flag),
    (SOL_SOCKET, SO_PASSSEC, 0, Rule::Flag),
    (SOL_SOCKET, SO_TIMESTAMP, 0, Rule::Flag),
    (SOL_SOCKET, SO_TIMESTAMPNS, 0, Rule::Flag),
    (SOL_SOCKET, SO_RXQ_OVFL, 0, Rule::Flag),
    (SOL_SOCKET, SO_SELECT_ERR_QUEUE, 0, Rule::Flag),
    (SOL_SOCKET, SO_PRIORITY, 0, Rule::Range(0, 6)),
    (SOL_SOCKET, SO_RCVLOWAT, 1, Rule::Range(0, i32::MAX)),
    (SOL_SOCKET, SO_SNDLOWAT, 1, Rule::ReadOnly),
    (SOL_SOCKET, SO_BUSY_POLL, 0, Rule::Range(0, i32::MAX)),
    (SOL_SOCKET, SO_INCOMING_CPU, -1, Rule::Range(-1, i32::MAX)),
    (SOL_SOCKET, SO_PEEK_OFF, -1, Rule::Range(-1, i32::MAX)),
    (SOL_SOCKET, SO_BINDTOIFINDEX, 0, Rule::Range(0, 2)),
    (SOL_TCP, TCP_NODELAY, 0, Rule::Flag),
    (SOL_TCP, TCP_CORK, 0, Rule::Flag),
    (SOL_TCP, TCP_MAXSEG, 536, Rule::Range(88, 32_767)),
    (SOL_TCP, TCP_KEEPIDLE, 7200, Rule::Range(1, 32_767)),
    (SOL_TCP, TCP_KEEPINTVL, 75, Rule::Range(1, 32_767)),
    (SOL_TCP, TCP_KEEPCNT, 9, Rule::Range(1, 127)),
    (SOL_TCP, TCP_SYNCNT, 6, Rule::Range(1, 127)),
    (SOL_TCP, TCP_LINGER2, 60, Rule::Range(-1, i32::MAX)),
    (SOL_TCP, TCP_DEFER_ACCEPT, 0, Rule::Range(0, i32::MAX)),
    (SOL_TCP, TCP_WINDOW_CLAMP, 0, Rule::Range(0, i32::MAX)),
    (SOL_TCP, TCP_QUICKACK, 1, Rule::Flag),
    (SOL_TCP, TCP_USER_TIMEOUT, 0, Rule::Range(0, i32::MAX)),
    (SOL_TCP, TCP_FASTOPEN, 0, Rule::Range(0, i32::MAX)),
    (SOL_TCP, TCP_FASTOPEN_CONNECT, 0, Rule::Range(0, 1)),
    (SOL_TCP, TCP_NOTSENT_LOWAT, 0, Rule::Range(i32::MIN, i32::MAX)),
    (SOL_TCP, TCP_THIN_LINEAR_TIMEOUTS, 0, Rule::Range(0, 1)),
    (SOL_TCP, TCP_INQ, 0, Rule::Range(0, 1)),
    (SOL_UDP, UDP_CORK, 0, Rule::Flag),
    (SOL_UDPLITE, UDPLITE_SEND_CSCOV, 0, Rule::Range(0, 65_535)),
    (SOL_UDPLITE, UDPLITE_RECV_CSCOV, 0, Rule::Range(0, 65_535)),
    (SOL_IP, IP_TOS, 0, Rule::Range(0, 255)),
    (SOL_IP, IP_TTL, 64, Rule::Range(1, 255)),
    (SOL_IP, IP_MTU_DISCOVER, 1, Rule::Range(0, 5)),
    (SOL_IP, IP_RECVERR, 0, Rule::Flag),
    (SOL_IP, IP_RECVTTL, 0, Rule::Flag),
    (SOL_IP, IP_RECVTOS, 0, Rule::Flag),
    (SOL_IP, IP_PKTINFO, 0, Rule::Flag),
    (SOL_IP, IP_FREEBIND, 0, Rule::Flag),
    (SOL_IP, IP_BIND_ADDRESS_NO_PORT, 0, Rule::Flag),
    (SOL_IP, IP_MULTICAST_TTL, 1, Rule::Range(0, 255)),
    (SOL_IP, IP_MULTICAST_LOOP, 1, Rule::Flag),
    (SOL_IPV6, IPV6_V6ONLY, 0, Rule::Flag),
    (SOL_IPV6, IPV6_UNICAST_HOPS, 64, Rule::Range(-1, 255)),
    (SOL_IPV6, IPV6_MULTICAST_HOPS, 1, Rule::Range(-1, 255)),
    (SOL_IPV6, IPV6_MULTICAST_LOOP, 1, Rule::Range(0, 1)),
    (SOL_IPV6, IPV6_MTU_DISCOVER, 1, Rule::Range(0, 5)),
    (SOL_IPV6, IPV6_RECVERR, 0, Rule::Flag),
    (SOL_IPV6, IPV6_RECVPKTINFO, 0, Rule::Flag),
    (SOL_IPV6, IPV6_RECVHOPLIMIT, 0, Rule::Flag),
    (SOL_IPV6, IPV6_RECVTCLASS, 0, Rule::Flag),
    (SOL_IPV6, IPV6_TCLASS, 0, Rule::Range(-1, 255)),
    (SOL_IPV6, IPV6_DONTFRAG, 0, Rule::Flag),
    (SOL_IPV6, IPV6_FREEBIND, 0, Rule::Flag),
];

fn int(data: &[u8]) -> Result<i32, Errno> {
    i32::read_from_prefix(data).map(|(v, _)| v).map_err(|_| Errno::EINVAL)
}

impl Options {
    /// An option's value, or its default.
    pub fn int(&self, level: i32, name: i32) -> i32 {
        let default = || INTS.iter().find(|o| (o.0, o.1) == (level, name)).map_or(0, |o| o.2);
        self.ints.get(&(level, name)).copied().unwrap_or_else(default)
    }
    /// True when a flag is on.
    pub fn flag(&self, level: i32, name: i32) -> bool {
        self.int(level, name) != 0
    }
    /// A receive or send buffer size that the program chose.
    pub fn buffer(&self, name: i32) -> Option<i32> {
        self.ints.get(&(SOL_SOCKET, name)).copied()
    }
}

impl Socket {
    /// Whether options of `level` exist for this kind of socket. What IPv4 does not know it hands down to a protocol
    /// below, which has no getsockopt(2) at all.
    fn level(&self, level: i32, getting: bool) -> Result<(), Errno> {
        let known = match level {
            SOL_SOCKET => true,
            _ if self.is_unix() => return Err(Errno::EOPNOTSUPP),
            SOL_NETLINK => self.domain == AF_NETLINK,
            _ if self.domain == AF_NETLINK => false,
            SOL_IP => true,
            SOL_IPV6 => self.domain == AF_INET6,
            SOL_TCP => self.is_tcp(),
            SOL_UDP => self.is_datagram(),
            // Known to UDP, as are its options by name only.
            SOL_UDPLITE if self.is_datagram() && self.protocol != SOL_UDPLITE => {
                return Err(Errno::ENOPROTOOPT);
            }
            SOL_UDPLITE => self.is_datagram(),
            _ => false,
        };
        match known {
            true => Ok(()),
            false if getting && self.domain == AF_INET => Err(Errno::EOPNOTSUPP),
            false => Err(Errno::ENOPROTOOPT),
        }
    }

    /// setsockopt(2).
    pub fn set_option(&mut self, level: i32, name: i32, data: &[u8], privileged: bool) -> Result<(), Errno> {
        self.level(level, false)?;
        match (level, name) {
            (SOL_SOCKET, SO_SNDBUF | SO_RCVBUF) => self.set_buffer(name, int(data)?.min(BUFFER_MAX)),
            (SOL_SOCKET, SO_SNDBUFFORCE | SO_RCVBUFFORCE) => {
                if !privileged {
                    return Err(Errno::EPERM);
                }
                let plain = if name == SO_SNDBUFFORCE { SO_SNDBUF } else { SO_RCVBUF };
                self.set_buffer(plain, int(data)?);
            }
            (SOL_SOCKET, SO_LINGER) => {
                let (l, _) = Linger::read_from_prefix(data).map_err(|_| Errno::EINVAL)?;
                self.options.linger = Linger { l_onoff: i32::from(l.l_onoff != 0), ..l };
            }
            (SOL_SOCKET, SO_RCVTIMEO | SO_SNDTIMEO | SO_RCVTIMEO_NEW | SO_SNDTIMEO_NEW) => {
                let (t, _) = <[i64; 2]>::read_from_prefix(data).map_err(|_| Errno::EINVAL)?;
                if !(0..1_000_000).contains(&t[1]) {
                    return Err(Errno::EDOM);
                }
                // A negative time does not wait at all.
                let t = if t[0] < 0 { [0, 0] } else { t };
                if matches!(name, SO_RCVTIMEO | SO_RCVTIMEO_NEW) {
                    self.options.receive_timeout = t;
                } else {
                    self.options.send_timeout = t;
                }
            }
            (SOL_SOCKET, SO_DEBUG | SO_MARK) => {
                if !privileged {
                    return Err(if name == SO_DEBUG { Errno::EACCES } else { Errno::EPERM });
                }
                self.options.ints.insert((level, name), int(data)?);
            }
            (SOL_SOCKET, SO_BINDTODEVICE) => {
                let end = data.iter().position(|b| *b == 0).unwrap_or(data.len()).min(IFNAMSIZ - 1);
                let device = &data[..end];
                if !device.is_empty() && device != b"lo" && device != b"eth0" {
                    return Err(Errno::ENODEV);
                }
                self.options.device = device.to_vec();
            }
            (SOL_TCP, TCP_CONGESTION) => {
                if data != CONGESTION && data != b"reno" {
                    return Err(Errno::ENOENT);
                }
                self.options.congestion = data.to_vec();
            }
            (SOL_IP, IP_TRANSPARENT) if !privileged => return Err(Errno::EPERM),
            (SOL_IPV6, IPV6_V6ONLY) if self.bound => return Err(Errno::EINVAL),
            (SOL_SOCKET, SO_PEEK_OFF) if !self.is_unix() => return Err(Errno::EOPNOTSUPP),
            _ => return self.set_int(level, name, data, privileged),
        }
        Ok(())
    }

    fn set_int(&mut self, level: i32, name: i32, data: &[u8], privileged: bool) -> Result<(), Errno> {
        // These protocols look at the length before the name.
        if matches!(level, SOL_SOCKET | SOL_TCP | SOL_UDP | SOL_UDPLITE) {
            int(data)?;
        }
        let (.., rule) = INTS.iter().find(|o| (o.0, o.1) == (level, name)).ok_or(Errno::ENOPROTOOPT)?;
        // These may be given as one byte.
        let short = matches!((level, name), (SOL_IP, _)) && !data.is_empty() && data.len() < 4;
        let mut value = if short { data[0].into() } else { int(data)? };
        match rule {
            Rule::Flag => value = i32::from(value != 0),
            Rule::Range(low, high) => {
                // -1 asks for the default.
                if value == -1 && *low != -1 && level == SOL_IP {
                    self.options.ints.remove(&(level, name));
                    return Ok(());
                }
                if (level, name) == (SOL_SOCKET, SO_PRIORITY)
                    && !(*low..=*high).contains(&value)
                    && !privileged
                {
                    return Err(Errno::EPERM);
                }
                if !(*low..=*high).contains(&value) && (level, name) != (SOL_SOCKET, SO_PRIORITY) {
                    return Err(Errno::EINVAL);
                }
                if (level, name) == (SOL_SOCKET, SO_RCVLOWAT) && value == 0 {
                    value = 1;
                }
            }
            Rule::ReadOnly => return Err(Errno::ENOPROTOOPT),
        }
        self.options.ints.insert((level, name), value);
        Ok(())
    }

    /// Linux keeps twice what was asked for, to account for its own overhead.
    fn set_buffer(&mut self, name: i32, size: i32) {
        let min = if name == SO_SNDBUF { SNDBUF_MIN } else { RCVBUF_MIN };
        self.options.ints.insert((SOL_SOCKET, name), size.clamp(0, i32::MAX / 2).saturating_mul(2).max(min));
    }

    /// getsockopt(2): the value's bytes.
    pub fn get_option(&mut self, level: i32, name: i32) -> Result<Vec<u8>, Errno> {
        self.level(level, true)?;
        let value = match (level, name) {
            (SOL_SOCKET, SO_TYPE) => self.stype as i32,
            (SOL_SOCKET, SO_DOMAIN) => self.domain.into(),
            (SOL_SOCKET, SO_PROTOCOL) => self.protocol,
            (SOL_SOCKET, SO_ERROR) => self.take_error(),
            (SOL_SOCKET, SO_ACCEPTCONN) => self.is_listening().into(),
            (SOL_SOCKET, SO_SNDBUF) => self.options.buffer(name).unwrap_or(self.default_buffer(TCP_SNDBUF)),
            (SOL_SOCKET, SO_RCVBUF) => self.options.buffer(name).unwrap_or(self.default_buffer(TCP_RCVBUF)),
            (SOL_SOCKET, SO_DEBUG | SO_MARK) => self.options.int(level, name),
            (SOL_SOCKET, SO_LINGER) => return Ok(self.options.linger.as_bytes().to_vec()),
            (SOL_SOCKET, SO_RCVTIMEO | SO_RCVTIMEO_NEW) => {
                return Ok(self.options.receive_timeout.as_bytes().to_vec());
            }
            (SOL_SOCKET, SO_SNDTIMEO | SO_SNDTIMEO_NEW) => {
                return Ok(self.options.send_timeout.as_bytes().to_vec());
            }
            (SOL_SOCKET, SO_PEERCRED) => return Ok(self.peer_cred().as_bytes().to_vec()),
            (SOL_SOCKET, SO_PEERGROUPS) if self.peer_creds.is_none() => return Err(Errno::ENODATA),
            (SOL_SOCKET, SO_PEERGROUPS) => return Ok(self.peer_cred().gid.as_bytes().to_vec()),
            (SOL_SOCKET, SO_COOKIE) => return Ok(self.ino.as_bytes().to_vec()),
            (SOL_SOCKET, SO_PEERNAME) if self.peer == super::name::Name::None || self.is_over() => {
                return Err(Errno::ENOTCONN);
            }
            (SOL_SOCKET, SO_PEERNAME) => return Ok(self.peer.encode(self.domain)),
            (SOL_SOCKET, SO_BINDTODEVICE) => {
                let mut name = self.options.device.clone();
                if !name.is_empty() {
                    name.push(0);
                }
                return Ok(name);
            }
            (SOL_SOCKET, SO_PEEK_OFF) if !self.is_unix() => return Err(Errno::EOPNOTSUPP),
            (SOL_TCP, TCP_CONGESTION) => {
                let name =
                    if self.options.congestion.is_empty() { CONGESTION } else { &self.options.congestion };
                let mut padded = name.to_vec();
                padded.resize(16, 0);
                return Ok(padded);
            }
            (SOL_TCP, TCP_INFO) => return Ok(self.tcp_info().as_bytes().to_vec()),
            (SOL_IP, IP_MTU) | (SOL_IPV6, IPV6_MTU) if self.peer == super::name::Name::None => {
                return Err(Errno::ENOTCONN);
            }
            (SOL_IP, IP_MTU) | (SOL_IPV6, IPV6_MTU) => 65_536,
            _ if INTS.iter().any(|o| (o.0, o.1) == (level, name)) => self.options.int(level, name),
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(value.to_le_bytes().to_vec())
    }

    fn default_buffer(&self, tcp: i32) -> i32 {
        if self.is_tcp() { tcp } else { BUFFER_DEFAULT }
    }

    fn peer_cred(&self) -> UCred {
        match self.peer_creds {
            Some([pid, uid, gid]) => UCred { pid: pid as i32, uid, gid },
            None => UCred { pid: 0, uid: u32::MAX, gid: u32::MAX },
        }
    }

    fn tcp_info(&self) -> TcpInfo {
        let closed = |write: bool| match &self.rings {
            Some(r) if write => r.output().closed() & protocol::ring::CLOSED_WRITE != 0,
            Some(r) => r.input().closed() & protocol::ring::CLOSED_WRITE != 0,
            None => true,
        };
        let tcpi_state = match self.state {
            State::Listening(_) => TCP_LISTEN,
            State::Connecting => TCP_SYN_SENT,
            State::Idle => TCP_CLOSE,
            State::Connected => match (closed(false), closed(true)) {
                (false, false) => TCP_ESTABLISHED,
                (true, false) => TCP_CLOSE_WAIT,
                (false, true) => TCP_FIN_WAIT2,
                (true, true) => TCP_CLOSE,
            },
        };
        TcpInfo {
            tcpi_state,
            tcpi_snd_mss: 32_768,
            tcpi_rcv_mss: 32_768,
            tcpi_pmtu: 65_535,
            ..TcpInfo::default()
        }
    }
}
