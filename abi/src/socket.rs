//! Sockets: socket(2), shutdown(2), and addresses: ip(7), ipv6(7), unix(7), netlink(7).

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

mod message;
mod options;

pub use message::*;
pub use options::*;

// Address families.
pub const AF_UNSPEC: u16 = 0;
pub const AF_UNIX: u16 = 1;
pub const AF_LOCAL: u16 = 1;
pub const AF_INET: u16 = 2;
pub const AF_INET6: u16 = 10;
pub const AF_NETLINK: u16 = 16;
pub const AF_PACKET: u16 = 17;
pub const AF_ALG: u16 = 38;
pub const AF_VSOCK: u16 = 40;
pub const AF_MAX: u16 = 46;

// Socket types, and the flags that socket(2) and accept4(2) take with them.
pub const SOCK_STREAM: u32 = 1;
pub const SOCK_DGRAM: u32 = 2;
pub const SOCK_RAW: u32 = 3;
pub const SOCK_RDM: u32 = 4;
pub const SOCK_SEQPACKET: u32 = 5;
pub const SOCK_TYPE_MASK: u32 = 0xf;
pub const SOCK_NONBLOCK: u32 = 0x800;
pub const SOCK_CLOEXEC: u32 = 0x8_0000;

// Levels of setsockopt(2), and protocols.
pub const SOL_SOCKET: i32 = 1;
pub const SOL_IP: i32 = 0;
pub const SOL_TCP: i32 = 6;
pub const SOL_UDP: i32 = 17;
pub const SOL_UDPLITE: i32 = 136;
pub const SOL_IPV6: i32 = 41;
pub const SOL_RAW: i32 = 255;
pub const SOL_PACKET: i32 = 263;
pub const SOL_NETLINK: i32 = 270;
pub const IPPROTO_IP: i32 = 0;
pub const IPPROTO_ICMP: i32 = 1;
pub const IPPROTO_IGMP: i32 = 2;
pub const IPPROTO_TCP: i32 = 6;
pub const IPPROTO_UDP: i32 = 17;
pub const IPPROTO_IPV6: i32 = 41;
pub const IPPROTO_ICMPV6: i32 = 58;
pub const IPPROTO_SCTP: i32 = 132;
pub const IPPROTO_UDPLITE: i32 = 136;
pub const IPPROTO_RAW: i32 = 255;
pub const IPPROTO_MPTCP: i32 = 262;

// shutdown(2).
pub const SHUT_RD: i32 = 0;
pub const SHUT_WR: i32 = 1;
pub const SHUT_RDWR: i32 = 2;

/// What listen(2) caps the queue at, unless the system administrator says otherwise.
pub const SOMAXCONN: i32 = 4096;
/// The largest option value or address that is looked at.
pub const SOCKADDR_MAX: usize = 128;

// IPv4 addresses, in host order.
pub const INADDR_ANY: u32 = 0x0;
pub const INADDR_LOOPBACK: u32 = 0x7f00_0001;
pub const INADDR_BROADCAST: u32 = 0xffff_ffff;
pub const INADDR_NONE: u32 = 0xffff_ffff;
/// `::`.
pub const IN6ADDR_ANY: [u8; 16] = [0; 16];
/// `::1`.
pub const IN6ADDR_LOOPBACK: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// `struct sockaddr_in`. Port and address are in network order, as bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SockAddrIn {
    pub sin_family: u16,
    pub sin_port: [u8; 2],
    pub sin_addr: [u8; 4],
    pub sin_zero: [u8; 8],
}
const_assert_eq!(size_of::<SockAddrIn>(), 16);

/// `struct sockaddr_in6`. Port and address are in network order, as bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SockAddrIn6 {
    pub sin6_family: u16,
    pub sin6_port: [u8; 2],
    pub sin6_flowinfo: [u8; 4],
    pub sin6_addr: [u8; 16],
    pub sin6_scope_id: u32,
}
const_assert_eq!(size_of::<SockAddrIn6>(), 28);
/// The shortest `sockaddr_in6` that is accepted: without the scope id.
pub const SIN6_LEN_RFC2133: usize = 24;

/// The room for a path in a `sockaddr_un`.
pub const UNIX_PATH_MAX: usize = 108;

/// `struct sockaddr_un`; unix(7).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SockAddrUn {
    pub sun_family: u16,
    pub sun_path: [u8; UNIX_PATH_MAX],
}
const_assert_eq!(size_of::<SockAddrUn>(), 110);
impl Default for SockAddrUn {
    fn default() -> Self {
        Self::new_zeroed()
    }
}

/// `struct sockaddr_nl`; netlink(7).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SockAddrNl {
    pub nl_family: u16,
    pub nl_pad: u16,
    pub nl_pid: u32,
    pub nl_groups: u32,
}
const_assert_eq!(size_of::<SockAddrNl>(), 12);

/// `struct sockaddr_storage`: room for any address.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SockAddrStorage {
    pub ss_family: u16,
    pub data: [u8; 126],
}
const_assert_eq!(size_of::<SockAddrStorage>(), 128);
impl Default for SockAddrStorage {
    fn default() -> Self {
        Self::new_zeroed()
    }
}
