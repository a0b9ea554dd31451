//! Processes and threads of a member: scheduler, waiting, and (in their own modules) address space, program loading,
//! signals, futexes, fork, exec, wait.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod attrs;
pub mod exec;
pub mod exit;
pub mod fork;
pub mod futex;
pub mod ids;
pub mod inbox;
pub mod kernel;
pub mod mempolicy;
pub mod mm;
pub mod proc;
pub mod report;
pub mod sched;
pub mod share;
pub mod signal;
pub mod thread;
pub mod threads;
pub mod timer;
pub mod vfork;
pub mod wait;
pub mod wait_on;

pub use kernel::{Kernel, kernel};
pub use proc::Process;
pub use thread::Thread;
