//! Room for another member: Xen's free memory and the family's grant table. New members are refused before either comes to
//! an end, so that a fork fails as POSIX says instead of making a child that cannot live, and members that run go on.

use std::cell::Cell;

use abi::Errno;

use super::hyper::Hypervisor;
use crate::report::say;

/// Frames that no new domain takes: what one needs before it runs, and something for all the others.
const RESERVE: u64 = 0x800;
/// With more than that free at the last look, nothing is asked before the next one.
const PLENTY: u64 = 0x8000;

/// What is known of it.
#[derive(Default)]
pub struct Memory {
    /// Free frames at the last look.
    free: Cell<u64>,
    /// The want of memory was told, and has not passed since.
    told: Cell<bool>,
    /// That the grant table is full was told: it may come and go with each member, and is told once.
    full: Cell<bool>,
}

impl Memory {
    /// Asks Xen.
    pub fn look(&self, hyper: &dyn Hypervisor) {
        // Where Xen does not tell, whoever takes memory finds out.
        let free = hyper.free_frames().unwrap_or(PLENTY);
        self.free.set(free);
        if free >= 2 * RESERVE {
            self.told.set(false);
        }
    }

    /// A domain found none.
    pub fn is_short(&self) {
        self.free.set(0);
    }

    /// Whether a domain more may be made, for which the holder has `room`; ENOMEM otherwise, and a line when that begins
    /// for a family that is `alive`.
    pub fn check(&self, hyper: &dyn Hypervisor, room: bool, alive: bool) -> Result<(), Errno> {
        if self.free.get() < PLENTY {
            self.look(hyper);
        }
        let (want, told) = if self.free.get() < RESERVE {
            ("Xen has no memory left for another member: forks fail until there is some", &self.told)
        } else if !room {
            (
                "the family's grant table has no room for another member: forks fail until there is some \
                 (gnttab_max_frames)",
                &self.full,
            )
        } else {
            return Ok(());
        };
        if alive && !told.replace(true) {
            say(want);
        }
        Err(Errno::ENOMEM)
    }
}
