//! The tables below /proc/net, proc_pid_net(5).

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use abi::socket::{AF_INET, AF_INET6, SOCK_STREAM, TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN, TCP_SYN_SENT};

use super::socket::{Socket, State};
use super::{Name, Server};
use crate::family::Family;

/// The lines of `/proc/net/NAME`; `None` for a table that there is not.
pub fn net_table(fam: &Family, name: &str) -> Option<Vec<u8>> {
    let text = match name {
        "tcp" => inet(&fam.net, AF_INET, SOCK_STREAM),
        "tcp6" => inet(&fam.net, AF_INET6, SOCK_STREAM),
        "udp" => inet(&fam.net, AF_INET, abi::socket::SOCK_DGRAM),
        "udp6" => inet(&fam.net, AF_INET6, abi::socket::SOCK_DGRAM),
        "unix" => unix(&fam.net),
        _ => return None,
    };
    Some(text.into_bytes())
}

fn state(s: &Socket) -> u8 {
    match s.state {
        State::Listening(_) => TCP_LISTEN,
        State::Connecting => TCP_SYN_SENT,
        State::Connected => TCP_ESTABLISHED,
        State::Idle => TCP_CLOSE,
    }
}

/// Addresses are shown as the words that they are in memory.
fn hex(name: &Name, v6: bool) -> String {
    let any: IpAddr = if v6 { [0u16; 8].into() } else { [0; 4].into() };
    let addr = name.inet().unwrap_or(SocketAddr::new(any, 0));
    let octets: Vec<u8> = match addr.ip() {
        IpAddr::V4(a) if v6 && a.is_unspecified() => vec![0; 16],
        IpAddr::V4(a) if v6 => a.to_ipv6_mapped().octets().to_vec(),
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    };
    let mut out = String::new();
    for word in octets.chunks_exact(4) {
        for b in word.iter().rev() {
            // Writing to a string cannot fail.
            let _ = write!(out, "{b:02X}");
        }
    }
    let _ = write!(out, ":{:04X}", addr.port());
    out
}

fn inet(net: &Server, domain: u16, stype: u32) -> String {
    let mut out = String::from(if domain == AF_INET {
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    } else {
        "  sl  local_address                         remote_address                        st tx_queue rx_queue tr \
         tm->when retrnsmt   uid  timeout inode\n"
    });
    let rows =
        net.sockets.iter().filter(|(_, s)| s.domain == domain && s.stype == stype && s.local != Name::None);
    for (n, (_, s)) in rows.enumerate() {
        let v6 = domain == AF_INET6;
        let _ = writeln!(
            out,
            "{n:4}: {} {} {:02X} 00000000:00000000 00:00000000 00000000 {:5}        0 {} 1 0000000000000000 100 0 0 10 0",
            hex(&s.local, v6),
            hex(&s.peer, v6),
            state(s),
            s.creds[1],
            s.ino
        );
    }
    out
}

fn unix(net: &Server) -> String {
    let mut out = String::from("Num       RefCount Protocol Flags    Type St Inode Path\n");
    for (_, s) in net.sockets.iter().filter(|(_, s)| s.is_unix()) {
        let listening = s.is_listening();
        let st = if listening || !(s.is_connected() || s.mate.is_some()) { 1 } else { 3 };
        let _ = write!(
            out,
            "0000000000000000: 00000002 00000000 {:08X} {:04X} {st:02X} {}",
            if listening { 0x1_0000 } else { 0 },
            s.stype,
            s.ino
        );
        if let Name::Unix(path) = &s.local {
            let shown: String = path.iter().map(|b| if *b == 0 { '@' } else { char::from(*b) }).collect();
            let _ = write!(out, " {shown}");
        }
        out.push('\n');
    }
    out
}
