//! The file offset of a description, while this process alone holds it, and the lock that makes reads and writes that
//! use it exclude each other (POSIX, 2.9.7 "Thread interactions with file operations").

use abi::errno::SysResult;
use platform::sync::{Mutex, Rank};
use protocol::Op;

use crate::host::Host;

struct State {
    held: bool,
    waiting: u32,
    /// The offset if it is ours; `None`: the monitor has it.
    at: Option<u64>,
    /// For wake-ups; 0 until somebody waits.
    key: u32,
}

/// An offset with a lock that may be held while its holder waits for a reply.
pub struct Position(Mutex<State>);

/// Holds the lock.
pub struct Held<'a> {
    position: &'a Position,
    host: &'a Host,
}

impl Position {
    /// `at`: the offset if the description is delegated to us.
    pub fn new(at: Option<u64>) -> Self {
        Self(Mutex::new(Rank::File, State { held: false, waiting: 0, at, key: 0 }))
    }

    fn try_lock(&self) -> bool {
        let mut s = self.0.lock();
        !core::mem::replace(&mut s.held, true)
    }

    /// Waits for the lock.
    pub fn lock<'a>(&'a self, host: &'a Host) -> Held<'a> {
        if !self.try_lock() {
            let key = {
                let mut s = self.0.lock();
                s.waiting += 1;
                if s.key == 0 {
                    s.key = host.local_key();
                }
                s.key
            };
            host.block(key, &mut || self.try_lock());
            self.0.lock().waiting -= 1;
        }
        Held { position: self, host }
    }

    /// The offset under the lock if this process alone holds the description, so that it is ours; otherwise the monitor
    /// keeps it.
    pub fn own<'a>(&'a self, host: &'a Host, desc: u32) -> SysResult<Option<Held<'a>>> {
        let held = self.lock(host);
        if held.at().is_some() {
            return Ok(Some(held));
        }
        if host.desc_state(desc).holders != 1 || host.forking() {
            return Ok(None);
        }
        let at = host.call(Op::TakeOffset, &[u64::from(desc)])?.ret();
        held.set(Some(at));
        Ok(Some(held))
    }

    /// Gives the offset back to the monitor, before the description gets another holder.
    pub fn recall(&self, host: &Host, desc: u32) {
        let held = self.lock(host);
        if let Some(at) = held.at() {
            // NOREPLY without data cannot fail.
            let _ = host.post(Op::Recall, &[u64::from(desc), at], &[]);
            held.set(None);
        }
    }
}

impl Held<'_> {
    /// The offset, if it is ours.
    pub fn at(&self) -> Option<u64> {
        self.position.0.lock().at
    }

    /// Sets it.
    pub fn set(&self, at: Option<u64>) {
        self.position.0.lock().at = at;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let (wake, key) = {
            let mut s = self.position.0.lock();
            s.held = false;
            (s.waiting > 0, s.key)
        };
        if wake {
            self.host.changed(key);
        }
    }
}
