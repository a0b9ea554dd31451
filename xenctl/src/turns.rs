//! One program at a time: a lock that all programs of this dom0 see, and that goes with the one that has it.

use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::{Error, Result, Xen};

/// How long to sleep before the lock is asked for again.
const NAP: Duration = Duration::from_micros(200);

/// Releases the lock of a device's file.
struct Unlock<'a>(&'a Xen);

impl Drop for Unlock<'_> {
    fn drop(&mut self) {
        // It goes with the file too.
        let _ = flock(self.0.privcmd(), FlockOperation::Unlock);
    }
}

impl Xen {
    /// Does something while no other program of this dom0 does so: flock(2) of the device for hypercalls. The lock is not to be
    /// asked for inside `f`. An error: another had it for longer than `wait`, and nothing was done.
    pub fn locked<R>(&self, wait: Duration, f: impl FnOnce() -> R) -> Result<R> {
        const NAME: &str = "flock of /dev/xen/privcmd";
        let start = Instant::now();
        loop {
            match flock(self.privcmd(), FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if start.elapsed() < wait => std::thread::sleep(NAP),
                Err(error) => return Err(Error::call(NAME, None, error.into())),
            }
        }
        let _unlock = Unlock(self);
        Ok(f())
    }
}
