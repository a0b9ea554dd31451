//! A small xenstore client: the wire protocol of xen/include/public/io/xs_wire.h and docs/misc/xenstore.txt, over the
//! daemon's socket or, where the daemon runs in another domain, over `/dev/xen/xenbus`.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use zerocopy::{FromBytes, IntoBytes};

use crate::{DomId, Error, Result, sys};

const SOCKETS: [&str; 2] = ["/run/xenstored/socket", "/var/run/xenstored/socket"];
const DEVICE: &str = "/dev/xen/xenbus";

/// XENSTORE_PAYLOAD_MAX.
const PAYLOAD_MAX: usize = 4096;

/// XS_*: kinds of messages.
mod kind {
    pub const DIRECTORY: u32 = 1;
    pub const READ: u32 = 2;
    pub const WATCH: u32 = 4;
    pub const UNWATCH: u32 = 5;
    pub const INTRODUCE: u32 = 8;
    pub const RELEASE: u32 = 9;
    pub const WRITE: u32 = 11;
    pub const MKDIR: u32 = 12;
    pub const RM: u32 = 13;
    pub const SET_PERMS: u32 = 14;
    pub const WATCH_EVENT: u32 = 15;
    pub const ERROR: u32 = 16;
}

/// `struct xsd_sockmsg`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, zerocopy::Immutable)]
struct Message {
    kind: u32,
    request: u32,
    transaction: u32,
    len: u32,
}

/// Something happened at or below a watched path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The path that changed, or a special one such as `@releaseDomain`.
    pub path: String,
    /// The word given with the watch.
    pub token: String,
}

/// A connection to xenstore. Its descriptor becomes readable when a watch has an event.
#[derive(Debug)]
pub struct Store {
    file: File,
    events: VecDeque<Event>,
}

impl Store {
    /// Connects.
    pub fn open() -> Result<Store> {
        let socket = SOCKETS.iter().find_map(|path| UnixStream::connect(path).ok());
        let file = match socket {
            Some(socket) => File::from(OwnedFd::from(socket)),
            None => sys::open(DEVICE, 0)?,
        };
        Ok(Store { file, events: VecDeque::new() })
    }

    /// A node's value.
    pub fn read(&mut self, path: &str) -> Result<Vec<u8>> {
        self.ask(kind::READ, "read", path, &[path.as_bytes(), &[0]])
    }

    /// A node's value as text; None if there is no such node.
    pub fn get(&mut self, path: &str) -> Result<Option<String>> {
        match self.read(path) {
            Ok(value) => Ok(Some(String::from_utf8_lossy(&value).into_owned())),
            Err(error) if error.errno() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets a node's value; the node and those above it come to be if need be.
    pub fn write(&mut self, path: &str, value: &str) -> Result<()> {
        self.ask(kind::WRITE, "write", path, &[path.as_bytes(), &[0], value.as_bytes()]).map(drop)
    }

    /// Makes an empty node, if it is not there.
    pub fn mkdir(&mut self, path: &str) -> Result<()> {
        self.ask(kind::MKDIR, "mkdir", path, &[path.as_bytes(), &[0]]).map(drop)
    }

    /// Removes a node and all below it; one that is not there is well removed.
    pub fn rm(&mut self, path: &str) -> Result<()> {
        match self.ask(kind::RM, "rm", path, &[path.as_bytes(), &[0]]) {
            Err(error) if error.errno() != Some(libc::ENOENT) => Err(error),
            _ => Ok(()),
        }
    }

    /// The names of the nodes below one.
    pub fn directory(&mut self, path: &str) -> Result<Vec<String>> {
        let list = self.ask(kind::DIRECTORY, "directory", path, &[path.as_bytes(), &[0]])?;
        let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
    }

    /// Sets who may do what with a node, such as `["n0", "r5"]`: owned by domain 0, readable for domain 5.
    pub fn set_permissions(&mut self, path: &str, permissions: &[&str]) -> Result<()> {
        let mut parts = vec![path.as_bytes(), &[0]];
        for permission in permissions {
            parts.extend([permission.as_bytes(), &[0]]);
        }
        self.ask(kind::SET_PERMS, "set permissions", path, &parts).map(drop)
    }

    /// Watches a path. One event comes at once; each names the token.
    pub fn watch(&mut self, path: &str, token: &str) -> Result<()> {
        let parts = [path.as_bytes(), &[0], token.as_bytes(), &[0]];
        self.ask(kind::WATCH, "watch", path, &parts).map(drop)
    }

    /// Ends a watch.
    pub fn unwatch(&mut self, path: &str, token: &str) -> Result<()> {
        let parts = [path.as_bytes(), &[0], token.as_bytes(), &[0]];
        self.ask(kind::UNWATCH, "unwatch", path, &parts).map(drop)
    }

    /// Tells the daemon of a domain, its frame for xenstore's ring and the port of its end. The daemon maps the ring by
    /// the grant [`crate::grant::XENSTORE`]. From then on `@releaseDomain` tells of the domain's end.
    pub fn introduce(&mut self, domain: DomId, ring: u64, port: u32) -> Result<()> {
        let words = format!("{domain}\0{ring}\0{port}\0");
        self.ask(kind::INTRODUCE, "introduce domain", &domain.to_string(), &[words.as_bytes()]).map(drop)
    }

    /// Takes the introduction back.
    pub fn release(&mut self, domain: DomId) -> Result<()> {
        let word = format!("{domain}\0");
        self.ask(kind::RELEASE, "release domain", &domain.to_string(), &[word.as_bytes()]).map(drop)
    }

    /// The next event that is there; does not wait for one.
    pub fn next_event(&mut self) -> Result<Option<Event>> {
        while self.events.is_empty() && self.is_readable() {
            let (message, payload) = self.receive("next event")?;
            self.note_event(message, &payload);
        }
        Ok(self.events.pop_front())
    }

    fn is_readable(&self) -> bool {
        let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
        matches!(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1..))
    }

    /// One request, and its answer: events that come before it are kept.
    fn ask(&mut self, kind: u32, verb: &str, path: &str, parts: &[&[u8]]) -> Result<Vec<u8>> {
        let payload = parts.concat();
        let request = || format!("{verb} {path}");
        if payload.len() > PAYLOAD_MAX {
            return Err(Error::Store { request: request(), error: "E2BIG".to_owned() });
        }
        let head = Message { kind, request: 0, transaction: 0, len: payload.len() as u32 };
        // In one piece: the device would otherwise see half a message.
        let mut message = head.as_bytes().to_vec();
        message.extend(payload);
        let broken = |error: std::io::Error| Error::Store {
            request: format!("{verb} {path}"),
            error: error.to_string(),
        };
        self.file.write_all(&message).map_err(broken)?;
        loop {
            let (answer, payload) = self.receive(verb)?;
            if answer.kind == kind::WATCH_EVENT {
                self.note_event(answer, &payload);
            } else if answer.kind == kind::ERROR {
                let name = payload.split(|byte| *byte == 0).next().unwrap_or_default();
                let error = String::from_utf8_lossy(name).into_owned();
                return Err(Error::Store { request: request(), error });
            } else {
                return Ok(payload);
            }
        }
    }

    fn receive(&mut self, verb: &str) -> Result<(Message, Vec<u8>)> {
        let broken =
            |error: std::io::Error| Error::Store { request: verb.to_owned(), error: error.to_string() };
        let mut head = [0; size_of::<Message>()];
        self.file.read_exact(&mut head).map_err(broken)?;
        let message = Message::read_from_bytes(&head)
            .map_err(|_| broken(std::io::Error::from(std::io::ErrorKind::InvalidData)))?;
        // An event carries a path and a token: somewhat more than a request's payload.
        let mut payload = vec![0; (message.len as usize).min(2 * PAYLOAD_MAX)];
        self.file.read_exact(&mut payload).map_err(broken)?;
        Ok((message, payload))
    }

    fn note_event(&mut self, message: Message, payload: &[u8]) {
        if message.kind != kind::WATCH_EVENT {
            return;
        }
        let mut words =
            payload.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let (path, token) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        self.events.push_back(Event { path, token });
    }
}

impl AsFd for Store {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
