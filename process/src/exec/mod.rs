//! Starting programs: execve(2) in place, the first program of a member, and the hand-over of a vfork child to a fresh
//! member.

pub mod elf;
mod in_place;
mod load;
mod plan;
pub mod program;
pub mod script;
mod spawn;
mod stack;

pub use in_place::{exec, first_program};
pub use plan::Plan;
pub use spawn::{child, exec_elsewhere};
pub use stack::check_size as check_arguments;

#[cfg(test)]
mod elf_tests;
