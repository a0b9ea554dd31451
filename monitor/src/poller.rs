//! The event loop's epoll instance: which host descriptors wake the monitor, and on whose behalf.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

/// Whom a ready host descriptor concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// The doorbell.
    Doorbell,
    /// The signalfd.
    Signals,
    /// The pidfd of the member in this slot (with the low bits of its generation).
    Member { slot: u32, generation: u32 },
    /// The socket where other commands of the user connect.
    Control,
    /// A connection of another command.
    Client(u32),
    /// A host socket of `net`.
    Net(u64),
    /// A host stream of `streams`.
    Stream(u64),
}

const KIND_SHIFT: u32 = 56;
const ID_MASK: u64 = (1 << KIND_SHIFT) - 1;

impl Token {
    fn encode(self) -> u64 {
        let (kind, id): (u64, u64) = match self {
            Token::Doorbell => (0, 0),
            Token::Signals => (1, 0),
            Token::Member { slot, generation } => {
                (2, u64::from(slot) | u64::from(generation & 0xff_ffff) << 32)
            }
            Token::Control => (3, 0),
            Token::Client(n) => (4, n.into()),
            Token::Net(n) => (5, n),
            Token::Stream(n) => (6, n),
        };
        kind << KIND_SHIFT | id & ID_MASK
    }

    fn decode(n: u64) -> Self {
        let id = n & ID_MASK;
        match n >> KIND_SHIFT {
            0 => Token::Doorbell,
            1 => Token::Signals,
            2 => Token::Member { slot: id as u32, generation: (id >> 32) as u32 },
            3 => Token::Control,
            4 => Token::Client(id as u32),
            5 => Token::Net(id),
            _ => Token::Stream(id),
        }
    }
}

/// Wraps epoll(7).
pub struct Poller {
    epoll: OwnedFd,
}

impl Poller {
    /// An empty set.
    pub fn new() -> Result<Self, Errno> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)? })
    }

    /// Watches `fd`.
    pub fn add(&self, fd: impl AsFd, token: Token, interest: EventFlags) -> Result<(), Errno> {
        epoll::add(&self.epoll, fd, EventData::new_u64(token.encode()), interest)
    }

    /// Changes what is watched of `fd`.
    pub fn modify(&self, fd: impl AsFd, token: Token, interest: EventFlags) -> Result<(), Errno> {
        epoll::modify(&self.epoll, fd, EventData::new_u64(token.encode()), interest)
    }

    /// Stops watching `fd` (needed before closing it only if it has duplicates).
    pub fn remove(&self, fd: impl AsFd) -> Result<(), Errno> {
        epoll::delete(&self.epoll, fd)
    }

    /// Appends what is ready to `out`, waiting at most `timeout_ns` (none: without end).
    pub fn wait(&self, timeout_ns: Option<u64>, out: &mut Vec<(Token, EventFlags)>) -> Result<(), Errno> {
        let mut buf = [epoll::Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 64];
        let timeout = timeout_ns.map(|ns| rustix::event::Timespec {
            tv_sec: (ns / 1_000_000_000) as i64,
            tv_nsec: (ns % 1_000_000_000) as i64,
        });
        let n = match epoll::wait(&self.epoll, &mut buf, timeout.as_ref()) {
            Ok(n) => n,
            Err(Errno::INTR) => 0,
            Err(e) => return Err(e),
        };
        out.extend(buf[..n].iter().map(|e| (Token::decode({ e.data }.u64()), { e.flags })));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive() {
        for t in [
            Token::Doorbell,
            Token::Signals,
            Token::Member { slot: 1023, generation: 77 },
            Token::Control,
            Token::Client(9),
            Token::Net(1 << 40),
            Token::Stream(2),
        ] {
            assert_eq!(Token::decode(t.encode()), t);
        }
    }
}
