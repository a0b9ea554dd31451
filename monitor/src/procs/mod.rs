//! The process table: pure state, no host calls. Pid 1 is the monitor's own init role; the first program is pid 2.

pub mod creds;
pub mod process;
pub mod table;

pub use creds::Creds;
pub use process::{Process, State, Times};
pub use table::ProcTable;

/// The monitor in its role as init: adopts and reaps orphans.
pub const INIT_PID: u32 = 1;
/// The family's first program.
pub const FIRST_PID: u32 = 2;
