//! The virtual file system's state machines, for both sides: what a member's kernel does with its descriptors, and what
//! the monitor does with names. Nothing here blocks.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod cache;
pub mod epoll;
pub mod fdtable;
pub mod file;
pub mod host;
pub mod io;
#[cfg(test)]
mod lab;
pub mod locks;
pub mod open;
pub mod record;
pub mod region;
pub mod ring_io;
pub mod server;
pub mod stats;
pub mod tty;
