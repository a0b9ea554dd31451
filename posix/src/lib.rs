//! The system-call layer: the one table, argument decoding, access to the app's memory, one file per family of calls.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod arg;
pub mod cx;
pub mod ids;
pub mod table;
pub mod trap;

pub use trap::{start, trap};
