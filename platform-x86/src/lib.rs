//! What the platforms share because they run on the same kind of CPU: parts of the entry code, contexts, memory functions,
//! access to the app's memory that may fault, the user's vector state; and the heap and the end of a kernel, which are the
//! same everywhere.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod asm;
pub mod context;
pub mod heap;
pub mod machine;
#[cfg(freestanding)]
mod memfns;
mod panic;
pub mod percpu;
pub mod usercopy;
pub mod words;
pub mod xstate;
