#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod fdtable;
pub mod host;
