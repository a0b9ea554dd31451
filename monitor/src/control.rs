//! Where other commands of the user find running families: abstract sockets (unix(7)), which vanish with their monitor
//! however it ends. Their names are `offshoot/UID/NAME`.
//!
//! A request is one line of JSON: `{"op": "state"}`, `{"op": "kill", "pid": N or null, "signal": S}` or `{"op":
//! "trace"}`. The answer is one line of JSON, after `trace` followed by trace lines until either side hangs up.

use std::fs;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use anyhow::{Context, Result, bail};
use rustix::net::sockopt::socket_peercred;

const PREFIX: &str = "offshoot";

/// A running family's socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub uid: u32,
    pub name: String,
}

impl Place {
    fn address(&self) -> io::Result<SocketAddr> {
        SocketAddr::from_abstract_name(format!("{PREFIX}/{}/{}", self.uid, self.name))
    }

    /// The monitor's process number.
    pub fn monitor(&self) -> Result<i32> {
        Ok(socket_peercred(self.connect()?)?.pid.as_raw_nonzero().get())
    }

    /// Connects, and makes sure that the family really is the user's whose name it bears.
    pub fn connect(&self) -> Result<UnixStream> {
        let stream = UnixStream::connect_addr(&self.address()?)
            .with_context(|| format!("the family {} is gone", self.name))?;
        if socket_peercred(&stream)?.uid.as_raw() != self.uid {
            bail!("the family {} belongs to another user than it says", self.name);
        }
        Ok(stream)
    }
}

/// Families' names: letters, digits, `_`, `.` and `-`, beginning with a letter or digit, as docker's.
pub fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// Opens the socket of a new family.
pub fn listen(name: &str) -> Result<UnixListener> {
    let place = Place { uid: own_uid(), name: name.to_owned() };
    let listener = UnixListener::bind_addr(&place.address()?).map_err(|e| match e.kind() {
        io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("a family named {name} is running already: choose another name with --name")
        }
        _ => anyhow::Error::new(e).context("cannot open the family's control socket"),
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The families that this user may see: its own, or all for root.
pub fn running() -> Result<Vec<Place>> {
    let own = own_uid();
    let text = fs::read_to_string("/proc/net/unix").context("cannot list sockets: is /proc mounted?")?;
    let mut places: Vec<Place> = text
        .lines()
        .filter_map(|l| parse(l.split_whitespace().nth(7)?))
        .filter(|p| own == 0 || p.uid == own)
        .collect();
    places.sort();
    places.dedup();
    Ok(places)
}

fn parse(path: &str) -> Option<Place> {
    let (uid, name) = path.strip_prefix('@')?.strip_prefix(PREFIX)?.strip_prefix('/')?.split_once('/')?;
    let place = Place { uid: uid.parse().ok()?, name: name.to_owned() };
    is_name(&place.name).then_some(place)
}

fn own_uid() -> u32 {
    rustix::process::getuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_the_host_table() {
        assert_eq!(parse("@offshoot/0/bash-12"), Some(Place { uid: 0, name: "bash-12".into() }));
        assert_eq!(parse("@offshoot/0/../x"), None);
        assert_eq!(parse("/run/offshoot/0/x"), None);
        assert!(!is_name("") && !is_name("-x") && is_name("a_b.c-1"));
    }

    #[test]
    fn a_family_is_found_while_it_lives() {
        let name = format!("test-{}", std::process::id());
        let place = Place { uid: own_uid(), name: name.clone() };
        let listener = listen(&name).expect("a socket");
        assert!(listen(&name).is_err());
        assert!(running().expect("a list").contains(&place));
        assert!(place.connect().is_ok());
        drop(listener);
        assert!(!running().expect("a list").contains(&place));
    }
}
