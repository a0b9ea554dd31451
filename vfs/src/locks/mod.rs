//! File locks: POSIX record locks by process, open file description locks, flock(2). All are advisory; nothing here
//! waits: a conflict is told, and the caller tries again when the file's locks changed.

mod ranges;
mod table;
mod whole;

#[cfg(test)]
mod tests;

pub use ranges::{Held, Kind, Owner, Range};
pub use table::{Blocked, Locks};
