//! The system-call layer: the one table, argument decoding, access to the app's memory, one file per family of calls.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod arch;
pub mod arg;
pub mod attr;
pub mod block;
pub mod clone;
pub mod cmsg;
pub mod creds;
pub mod cx;
pub mod dirs;
pub mod epoll;
pub mod exec;
pub mod fault;
pub mod fd;
pub mod futex;
pub mod ids;
pub mod inotify;
pub mod ioctl;
pub mod limits;
pub mod locks;
pub mod memory;
pub mod mempolicy;
pub mod mqueue;
pub mod msg;
pub mod names;
pub mod open;
pub mod own;
pub mod page;
pub mod path_call;
pub mod pidfd;
mod pipe;
pub mod poll;
pub mod prctl;
pub mod rw;
pub mod sched;
pub mod signal;
pub mod signalfd;
pub mod socket;
pub mod sockopt;
pub mod splice;
pub mod start;
pub mod stat;
pub mod system;
mod sysv;
pub mod table;
pub mod time;
pub mod timer;
pub mod timerfd;
pub mod trace;
pub mod trap;
pub mod wait;

pub use start::start;
pub use trap::trap;
