//! The small value types of `port.toml`: published ports, sizes and guest paths.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// A guest port that the host publishes, written `[ADDRESS:]HOST:GUEST[/tcp|/udp]` or, for the same number on both
/// sides, `PORT`; on all addresses of the host if none is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The address of the host that clients connect to.
    pub address: IpAddr,
    /// The port on the host that clients connect to.
    pub host: u16,
    /// The port that the program inside listens on.
    pub guest: u16,
    /// UDP, not TCP.
    pub udp: bool,
}

impl FromStr for Publish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, udp) = match text.rsplit_once('/') {
            Some((rest, "udp")) => (rest, true),
            Some((rest, "tcp")) => (rest, false),
            Some((_, other)) => return Err(format!("{other} is neither tcp nor udp")),
            None => (text, false),
        };
        let number = |part: &str| match part.parse::<u16>() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(format!("{part:?} is not a port number: write HOST:GUEST with numbers from 1 to 65535")),
        };
        let (rest, guest) = match rest.rsplit_once(':') {
            Some((rest, guest)) => (rest, number(guest)?),
            None => (rest, number(rest)?),
        };
        let (address, host) = match rest.rsplit_once(':') {
            Some((address, host)) => {
                let bare = address.trim_start_matches('[').trim_end_matches(']');
                (bare.parse().map_err(|_| format!("{address} is not an address"))?, number(host)?)
            }
            None => (Ipv4Addr::UNSPECIFIED.into(), number(rest)?),
        };
        Ok(Publish { address, host, guest, udp })
    }
}

impl fmt::Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddr::V4(address) if address.is_unspecified() => {}
            IpAddr::V4(address) => write!(f, "{address}:")?,
            IpAddr::V6(address) => write!(f, "[{address}]:")?,
        }
        write!(f, "{}:{}{}", self.host, self.guest, if self.udp { "/udp" } else { "" })
    }
}

impl<'de> Deserialize<'de> for Publish {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Reads a size as docker's `-m` does: a number with an optional unit b, k, m or g (powers of 1024).
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size: write a number and a unit, such as 512m or 2g");
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &lower[digits.len()..] {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    match number.checked_mul(1 << shift) {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => Err(wrong()),
    }
}

/// A size in bytes, for serde.
pub(crate) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_size(&text).map(Some).map_err(de::Error::custom)
}

/// Whether this is an absolute path inside a guest that does not climb with `..`.
pub(crate) fn is_guest_path(path: &str) -> bool {
    path.starts_with('/') && !path.contains('\0') && !path.split('/').any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishes() {
        for (text, shown) in [
            ("80:8080", "80:8080"),
            ("8080", "8080:8080"),
            ("53:5353/udp", "53:5353/udp"),
            ("127.0.0.1:80:8080/tcp", "127.0.0.1:80:8080"),
            ("[::1]:80:8080", "[::1]:80:8080"),
        ] {
            assert_eq!(text.parse::<Publish>().map(|p| p.to_string()), Ok(shown.to_owned()), "{text}");
        }
        for wrong in ["", "0", "80:", "80:0", "65536", "a:b", "1:2:3", "80:80/sctp"] {
            assert!(wrong.parse::<Publish>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("1k"), Ok(1024));
        assert_eq!(parse_size("256M"), Ok(256 << 20));
        assert_eq!(parse_size("2GiB"), Ok(2 << 30));
        for wrong in ["", "m", "0", "-1m", "1t", "1.5g", "99999999999g"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn guest_paths() {
        assert!(is_guest_path("/etc/nginx/nginx.conf"));
        for wrong in ["", "etc", "/etc/../../x", "/a\0b"] {
            assert!(!is_guest_path(wrong), "{wrong:?}");
        }
    }
}
