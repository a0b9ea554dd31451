//! Beginnings and ends of members and processes.

mod check;
mod end;
mod first;
mod fork;
mod orphans;
mod spawn;
#[cfg(test)]
mod testing;

#[cfg(test)]
pub use testing::TestMember;
