//! The x86-64 Linux user ABI: numbers, structures as they lie in memory, and nothing that acts on them.
//! Names are Linux's. Sizes are held by compile-time assertions.
#![no_std]
#![forbid(unsafe_code)]

pub mod auxv;
pub mod errno;
pub mod fs;
pub mod ioctl;
pub mod ipc;
pub mod mm;
pub mod nr;
pub mod poll;
pub mod process;
pub mod regs;
pub mod signal;
pub mod socket;
pub mod time;
pub mod uio;
pub mod user;

pub use errno::{Errno, SysResult, from_ret, to_ret};
pub use regs::TrapFrame;
pub use user::{UserRef, UserSlice};
