//! What the backend needs of Xen: a small set of calls, so that everything above them is tested without Xen.

use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use abi::Errno;
pub use xenctl::Blocks;

use super::window::Window;

/// A domain's grant table, written from outside.
pub trait Grants {
    /// Lets `to` use these frames by consecutive references; gives the first. All or nothing; ENOSPC when the table is
    /// full.
    fn grant(&mut self, to: u32, gfns: &[u64], writable: bool) -> Result<u32, Errno>;
    /// Ends one that was given; false when the frame is still mapped by it, and then it stays.
    fn end(&mut self, gref: u32) -> bool;
    /// Whether so many more can be given.
    fn has_room(&mut self, count: usize) -> bool;
    /// How many are given.
    fn in_use(&self) -> usize;
    /// Whether the user has the frame mapped now.
    fn is_mapped(&self, gref: u32) -> bool;
}

/// A domain as the builder left it: paused, its vCPU at the kernel's entry.
pub struct Built {
    pub domain: u32,
    /// The domain's end of the event channel to us, not bound yet.
    pub port: u32,
    /// The door's pages.
    pub door: Rc<dyn Window>,
    pub grants: Box<dyn Grants>,
    /// First frame that the domain may populate itself.
    pub first_free_gfn: u64,
}

/// What Xen says of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    pub domain: u32,
    /// The domain shut itself down, for this reason (SHUTDOWN_*).
    pub shutdown: Option<u8>,
    pub dying: bool,
    pub pages: u64,
    /// Nanoseconds that its vCPU has run.
    pub cpu_ns: u64,
}

/// Xen, from its dom0.
pub trait Hypervisor {
    /// A domain that never runs; it may own this many frames. One that is `common` is found by others.
    fn create_holder(&self, max_frames: u64, common: bool) -> Result<u32, Errno>;
    /// The table of a holder of ours.
    fn holder_table(&self, domain: u32) -> Result<Box<dyn Grants>, Errno>;
    /// The common holder of this host, if there is one, and the monitor that made it.
    fn common_holder(&self) -> Option<(u32, u64)>;
    /// The table of the common holder, which other monitors write too.
    fn common_table(&self, domain: u32, blocks: Box<dyn Blocks>) -> Box<dyn Grants>;
    /// How many blocks that table has.
    fn common_blocks(&self, domain: u32) -> usize;
    /// Ends what a monitor that is no more gave by a block of that table; false when some of it is still in use.
    fn clear_block(&self, domain: u32, block: usize) -> bool;
    /// Does something while no other monitor of the host does: what all of them change. False when that cannot be had within
    /// a short while, and then nothing was done. Not to be asked for inside itself.
    fn locked(&self, f: &mut dyn FnMut()) -> bool;
    /// What this monitor is called by others; never 0.
    fn monitor(&self) -> u64;
    /// Whether the monitor lives that is called so.
    fn is_monitor(&self, name: u64) -> bool;
    /// A domain with the member's kernel in it.
    fn build(&self, max_frames: u64) -> Result<Built, Errno>;
    /// Does one thing that building left for an idle moment; false when there is none.
    fn tidy(&self) -> bool;
    /// Lets it run.
    fn unpause(&self, domain: u32) -> Result<(), Errno>;
    /// Stops it where it is.
    fn pause(&self, domain: u32) -> Result<(), Errno>;
    /// Ends it, with all that others know of it.
    fn destroy(&self, domain: u32);
    /// Names it for `xl`.
    fn rename(&self, domain: u32, name: &str);
    /// True for a domain that is there and not about to go.
    fn lives(&self, domain: u32) -> bool;
    /// All domains.
    fn list(&self) -> Result<Vec<Status>, Errno>;
    /// Frames that nobody has.
    fn free_frames(&self) -> Result<u64, Errno>;
    /// What the vCPU of a domain that crashed was about.
    fn crash_report(&self, domain: u32) -> String;
    /// Gives a domain memory at these frames. Fresh memory is no promise of zeros.
    fn populate(&self, domain: u32, gfns: &[u64]) -> Result<(), Errno>;
    /// Gives a domain frames of its kernel's image again, which it may not write to; EINVAL for others.
    fn restore(&self, domain: u32, frames: Range<u64>) -> Result<(), Errno>;
    /// Sets how many pages Xen keeps for the tables of a domain's frames.
    fn set_pool(&self, domain: u32, pages: u32) -> Result<(), Errno>;
    /// Takes memory from a domain.
    fn depopulate(&self, domain: u32, gfns: &[u64]);
    /// Reserves a window.
    fn window(&self, pages: usize) -> Result<Rc<dyn Window>, Errno>;

    /// Binds to the port that a domain has for us; gives our end.
    fn bind(&self, domain: u32, port: u32) -> Result<u32, Errno>;
    /// A port of `domain` to which `to` may bind.
    fn unbound(&self, domain: u32, to: u32) -> Result<u32, Errno>;
    /// Rings our end of a channel.
    fn ring(&self, port: u32);
    /// Closes our end.
    fn close(&self, port: u32);
    /// Appends the ports of ours that rang since the last call; they may ring again from here on.
    fn rang(&self, ports: &mut Vec<u32>);
    /// Lets other domains have the CPU, if any wants it.
    fn give_way(&self);
    /// Readable when a port rang.
    fn fd(&self) -> BorrowedFd<'_>;
}
