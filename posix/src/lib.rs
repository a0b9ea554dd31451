//! The system-call layer: the one table, argument decoding, access to the app's memory, one file per family of calls.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod arg;
pub mod clone;
pub mod cx;
pub mod exec;
pub mod fault;
pub mod ids;
pub mod limits;
pub mod memory;
pub mod signal;
pub mod start;
pub mod table;
pub mod time;
pub mod timer;
pub mod trace;
pub mod trap;
pub mod wait;

pub use start::start;
pub use trap::trap;
