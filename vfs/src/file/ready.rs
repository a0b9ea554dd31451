//! Readiness of open files: what poll(2) and epoll(7) ask of them, and what wakes those who wait.

use abi::poll::PollEvents;
use alloc::sync::Weak;
use protocol::desc::Kind;

use super::{Body, OpenFile, stream};
use crate::host::Watch;

/// Up to three keys that a waiter registers for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    keys: [u32; 3],
    len: usize,
}

impl Keys {
    /// No key or one; 0 is none.
    pub fn one(key: u32) -> Self {
        let mut k = Self::default();
        k.add(key);
        k
    }

    /// Adds a key unless it is 0 or there already.
    pub fn add(&mut self, key: u32) {
        if key != 0 && self.len < self.keys.len() && !self.as_slice().contains(&key) {
            self.keys[self.len] = key;
            self.len += 1;
        }
    }

    /// The keys.
    pub fn as_slice(&self) -> &[u32] {
        &self.keys[..self.len]
    }
}

impl OpenFile {
    /// Readiness now. What of `want` is not there is armed: its coming wakes [`OpenFile::keys`].
    pub fn poll(&self, want: PollEvents, exclusive: bool) -> PollEvents {
        const ALWAYS: PollEvents = PollEvents::POLLIN
            .union(PollEvents::POLLOUT)
            .union(PollEvents::POLLRDNORM)
            .union(PollEvents::POLLWRNORM);
        match &self.body {
            Body::File(_) | Body::Dir | Body::Device | Body::Own(_) | Body::Shadow(_) => ALWAYS,
            Body::Pipe(p) => p.poll(self, want),
            Body::EventFd(e) => e.poll(self, want),
            Body::TimerFd(t) => t.poll(self),
            Body::Socket(s) => s.poll(self, want, exclusive),
            Body::Stream => stream::poll(self, exclusive),
            Body::Path => PollEvents::POLLNVAL,
            Body::Local(l) => l.poll(self.host),
        }
    }

    /// True while a read of a pipe or a connection would wait for others. Arms nothing: for a look on the way to the read.
    pub fn is_quiet(&self) -> bool {
        match &self.body {
            Body::Pipe(p) => p.known().is_some_and(|ring| ring.is_quiet()),
            Body::Socket(s) => s.input().is_some_and(|ring| ring.is_quiet()),
            _ => false,
        }
    }

    /// False for files that epoll refuses (EPERM): always ready and without a queue of waiters.
    pub fn pollable(&self) -> bool {
        !matches!(self.kind, Kind::File | Kind::Dir | Kind::Null | Kind::Zero | Kind::Full | Kind::Path)
    }

    /// What wakes when the file becomes ready.
    pub fn keys(&self) -> Keys {
        match &self.body {
            Body::Local(l) => Keys::one(l.key()),
            Body::Socket(s) => s.keys(self),
            Body::Pipe(p) => {
                let mut keys = Keys::one(self.info.object);
                if let Ok(ring) = p.ring(self) {
                    keys.add(ring.ring().object());
                }
                keys
            }
            _ => Keys::one(self.info.object),
        }
    }

    /// Arms `want` though it may be there already: what comes next wakes [`OpenFile::keys`] (edge-triggered interest).
    pub fn arm(&self, want: PollEvents) {
        match &self.body {
            Body::Pipe(p) => p.arm(self, want),
            Body::EventFd(e) => e.arm(self, want),
            Body::TimerFd(t) => t.arm(self),
            Body::Socket(s) => s.arm(self, want),
            _ => {}
        }
    }

    /// Changes when there is something new to tell an edge-triggered watcher of; `None`: every event is new.
    pub fn edge(&self, want: PollEvents) -> Option<u64> {
        match &self.body {
            Body::Pipe(p) => p.edge(self),
            Body::Socket(s) => s.edge(want),
            Body::Local(l) => l.edge(),
            Body::TimerFd(t) => t.edge(self),
            _ => None,
        }
    }

    /// `watch` is told when the file is closed.
    pub(crate) fn watched_by(&self, watch: Weak<dyn Watch>) {
        self.watches.lock().push(watch);
    }

    /// Ends [`OpenFile::watched_by`].
    pub(crate) fn not_watched_by(&self, watch: &Weak<dyn Watch>) {
        self.watches.lock().retain(|w| !Weak::ptr_eq(w, watch));
    }

    /// When the file becomes ready by time alone (monotonic ns).
    pub fn deadline(&self) -> Option<u64> {
        match &self.body {
            Body::Local(l) => l.deadline(self.host),
            Body::TimerFd(t) => t.deadline(self),
            _ => None,
        }
    }

    /// True if time alone can make it ready.
    pub fn timed(&self) -> bool {
        match &self.body {
            Body::Local(l) => l.timed(),
            Body::TimerFd(_) => true,
            _ => false,
        }
    }
}
