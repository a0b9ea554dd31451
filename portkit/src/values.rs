//! The small value types of `port.toml`: published ports, sizes and guest paths.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// A guest port that the host publishes, written `HOST:GUEST` or, for the same number on both sides, `PORT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The port on the host that clients connect to.
    pub host: u16,
    /// The port that the program inside listens on.
    pub guest: u16,
}

impl FromStr for Publish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| match part.parse::<u16>() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(format!("`{text}` is not a port: write HOST:GUEST with numbers from 1 to 65535")),
        };
        let (host, guest) = text.split_once(':').unwrap_or((text, text));
        Ok(Publish { host: number(host)?, guest: number(guest)? })
    }
}

impl fmt::Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.guest)
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
        assert_eq!("80:8080".parse(), Ok(Publish { host: 80, guest: 8080 }));
        assert_eq!("8080".parse(), Ok(Publish { host: 8080, guest: 8080 }));
        for wrong in ["", "0", "80:", "80:0", "65536", "a:b", "1:2:3"] {
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
