//! What the platforms share because they run on the same kind of CPU: memory functions, access to the app's memory that
//! may fault, the user's vector state.
#![cfg_attr(not(test), no_std)]

#[cfg(freestanding)]
mod memfns;
pub mod usercopy;
pub mod xstate;
