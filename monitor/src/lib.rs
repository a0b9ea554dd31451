//! The monitor of one family: process table, names, open file descriptions, sockets, regions, clone, exit, wait
//! and signals. One thread, one event loop; it never waits for a member, and it trusts nothing that a member says.

mod backend;
pub mod call;
mod clients;
pub mod clock;
pub mod config;
pub mod control;
pub mod descs;
pub mod epoll;
pub mod event_loop;
pub mod events;
pub mod family;
pub mod fs;
pub mod futex;
mod host_signals;
pub mod hosted;
pub mod ipc;
mod life;
pub mod mapping;
pub mod members;
pub mod net;
pub mod object_table;
pub mod objects;
pub mod ops;
pub mod pidfd;
pub mod poller;
pub mod procs;
pub mod published;
pub mod regions;
mod report;
mod reserve;
pub mod retry;
mod routing;
mod serve;
pub mod setup;
pub mod slab;
mod spin;
pub mod streams;
pub mod sysinfo;
pub mod xen;

pub use call::{Answer, Call, OpResult};
pub use config::Config;
pub use event_loop::run;
pub use family::Family;
