//! The process table: pure state, no host calls. Pid 1 is the monitor's own init role; the first program is pid 2.
//!
//! What a change means for others comes out as [`Effect`]s, which the family carries out.

pub mod creds;
mod exit;
mod groups;
pub mod process;
mod schedule;
pub mod table;
mod wait;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wait_tests;

pub use creds::Creds;
pub use process::{Image, Process, State, Times};
pub use schedule::Schedule;
pub use table::ProcTable;
pub use wait::{Found, Waited};

/// The monitor in its role as init: adopts and reaps orphans.
pub const INIT_PID: u32 = 1;
/// The family's first program.
pub const FIRST_PID: u32 = 2;

/// A signal on its way to a process, as siginfo_t describes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signal {
    pub target: u32,
    /// One thread, or 0 for any.
    pub tid: u32,
    pub signo: u32,
    pub code: i32,
    pub pid: u32,
    pub uid: u32,
    pub value: u64,
    pub status: i32,
}

/// What a change of the table asks of the family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send this signal.
    Signal(Signal),
    /// A wait of this process may succeed (or fail) now.
    ChildChanged(u32),
    /// This process has another parent, group or session.
    Identity(u32),
    /// The leader of this session ended.
    SessionEnded(u32),
    /// The entry is gone: nobody can name this pid any more.
    Reaped(u32),
}
