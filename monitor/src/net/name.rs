//! Socket addresses: between the bytes of a `sockaddr` and what the server works with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use abi::Errno;
use abi::socket::{
    AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, AF_UNSPEC, SIN6_LEN_RFC2133, SOCKADDR_MAX, SockAddrIn,
    SockAddrIn6, SockAddrNl, UNIX_PATH_MAX,
};
use zerocopy::{FromBytes, IntoBytes};

/// Where a socket is, or its peer. IPv4 addresses are never kept in their IPv6-mapped form.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// Not bound, not connected, or without a name.
    #[default]
    None,
    /// `sun_path`: a path without its NUL, or an abstract name that begins with NUL.
    Unix(Vec<u8>),
    Inet(SocketAddr),
    Netlink {
        port: u32,
        groups: u32,
    },
}

/// What a `sockaddr` given to a call says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// AF_UNSPEC: dissolve the association (connect(2)).
    Unspecified,
    /// Only the family of a Unix address: choose a name (bind(2), autobind).
    Autobind,
    Name(Name),
}

/// The family of a `sockaddr`.
pub fn family(bytes: &[u8]) -> Result<u16, Errno> {
    if bytes.len() > SOCKADDR_MAX {
        return Err(Errno::EINVAL);
    }
    u16::read_from_prefix(bytes).map(|(f, _)| f).map_err(|_| Errno::EINVAL)
}

/// Reads a `sockaddr` that was given to a socket of `domain`.
pub fn parse(domain: u16, bytes: &[u8]) -> Result<Given, Errno> {
    let family = family(bytes)?;
    match domain {
        AF_UNIX if family == AF_UNIX => parse_unix(&bytes[2..]),
        AF_UNIX if family == AF_UNSPEC => Ok(Given::Unspecified),
        AF_UNIX => Err(Errno::EINVAL),
        _ if family == AF_UNSPEC => Ok(Given::Unspecified),
        AF_INET if bytes.len() < size_of::<SockAddrIn>() => Err(Errno::EINVAL),
        AF_INET if family == AF_INET => parse_v4(bytes),
        AF_INET6 if bytes.len() < SIN6_LEN_RFC2133 => Err(Errno::EINVAL),
        AF_INET6 if family == AF_INET6 => parse_v6(bytes),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

fn parse_unix(path: &[u8]) -> Result<Given, Errno> {
    if path.len() > UNIX_PATH_MAX {
        return Err(Errno::EINVAL);
    }
    Ok(match path.first() {
        None => Given::Autobind,
        Some(0) => Given::Name(Name::Unix(path.to_vec())),
        Some(_) => {
            let end = path.iter().position(|b| *b == 0).unwrap_or(path.len());
            Given::Name(Name::Unix(path[..end].to_vec()))
        }
    })
}

fn parse_v4(bytes: &[u8]) -> Result<Given, Errno> {
    let (a, _) = SockAddrIn::read_from_prefix(bytes).map_err(|_| Errno::EINVAL)?;
    let ip = IpAddr::V4(Ipv4Addr::from(a.sin_addr));
    Ok(Given::Name(Name::Inet(SocketAddr::new(ip, u16::from_be_bytes(a.sin_port)))))
}

fn parse_v6(bytes: &[u8]) -> Result<Given, Errno> {
    let mut raw = [0; size_of::<SockAddrIn6>()];
    let n = raw.len().min(bytes.len());
    raw[..n].copy_from_slice(&bytes[..n]);
    let a = SockAddrIn6::read_from_bytes(&raw).map_err(|_| Errno::EINVAL)?;
    let (ip, port) = (Ipv6Addr::from(a.sin6_addr), u16::from_be_bytes(a.sin6_port));
    Ok(Given::Name(Name::Inet(match ip.to_ipv4_mapped() {
        Some(v4) => SocketAddr::new(v4.into(), port),
        None => SocketAddrV6::new(ip, port, u32::from_be_bytes(a.sin6_flowinfo), a.sin6_scope_id).into(),
    })))
}

impl Name {
    /// As bytes of a `sockaddr` for a socket of `domain`.
    pub fn encode(&self, domain: u16) -> Vec<u8> {
        match self {
            Name::Unix(path) => {
                let mut out = AF_UNIX.to_le_bytes().to_vec();
                out.extend_from_slice(path);
                // A path is shown with its NUL.
                if path.first().is_some_and(|b| *b != 0) && path.len() < UNIX_PATH_MAX {
                    out.push(0);
                }
                out
            }
            Name::Inet(addr) => encode_inet(domain, *addr),
            Name::Netlink { port, groups } => {
                SockAddrNl { nl_family: AF_NETLINK, nl_pad: 0, nl_pid: *port, nl_groups: *groups }
                    .as_bytes()
                    .to_vec()
            }
            Name::None => match domain {
                AF_INET => encode_inet(domain, SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0)),
                AF_INET6 => encode_inet(domain, SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0)),
                AF_NETLINK => Name::Netlink { port: 0, groups: 0 }.encode(domain),
                _ => domain.to_le_bytes().to_vec(),
            },
        }
    }

    /// The internet address.
    pub fn inet(&self) -> Option<SocketAddr> {
        match self {
            Name::Inet(a) => Some(*a),
            _ => None,
        }
    }
}

fn encode_inet(domain: u16, addr: SocketAddr) -> Vec<u8> {
    let sin6_port = addr.port().to_be_bytes();
    match addr {
        SocketAddr::V4(a) if domain == AF_INET => SockAddrIn {
            sin_family: AF_INET,
            sin_port: sin6_port,
            sin_addr: a.ip().octets(),
            sin_zero: [0; 8],
        }
        .as_bytes()
        .to_vec(),
        SocketAddr::V4(a) => {
            let ip = if a.ip().is_unspecified() { Ipv6Addr::UNSPECIFIED } else { a.ip().to_ipv6_mapped() };
            SockAddrIn6 { sin6_family: AF_INET6, sin6_port, sin6_addr: ip.octets(), ..SockAddrIn6::default() }
                .as_bytes()
                .to_vec()
        }
        SocketAddr::V6(a) => SockAddrIn6 {
            sin6_family: AF_INET6,
            sin6_port,
            sin6_flowinfo: a.flowinfo().to_be_bytes(),
            sin6_addr: a.ip().octets(),
            sin6_scope_id: a.scope_id(),
        }
        .as_bytes()
        .to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_round_trip() {
        for (domain, text) in [(AF_INET, "1.2.3.4:80"), (AF_INET6, "[fe80::1]:443"), (AF_INET6, "1.2.3.4:80")]
        {
            let name = Name::Inet(text.parse().expect("address"));
            assert_eq!(parse(domain, &name.encode(domain)), Ok(Given::Name(name)));
        }
        for path in [&b"/run/x.sock"[..], b"\0abstract\0x"] {
            let name = Name::Unix(path.to_vec());
            assert_eq!(parse(AF_UNIX, &name.encode(AF_UNIX)), Ok(Given::Name(name)));
        }
    }

    #[test]
    fn refused() {
        let v4 = Name::Inet(([1, 2, 3, 4], 5).into()).encode(AF_INET);
        assert_eq!(parse(AF_INET, &v4[..15]), Err(Errno::EINVAL));
        assert_eq!(parse(AF_INET6, &[&v4[..], &[0; 12]].concat()), Err(Errno::EAFNOSUPPORT));
        assert_eq!(parse(AF_UNIX, &[1]), Err(Errno::EINVAL));
        assert_eq!(parse(AF_UNIX, &[1, 0]), Ok(Given::Autobind));
        assert_eq!(parse(AF_UNIX, &[&[1, 0][..], &[b'x'; 109]].concat()), Err(Errno::EINVAL));
    }
}
