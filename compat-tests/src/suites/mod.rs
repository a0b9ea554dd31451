//! Test suites that others wrote, unmodified, run natively and under Offshoot: the same binaries in the same file
//! system, one after the other, and only what passes natively judges Offshoot.
//!
//! A [`Suite`] prepares itself (fetches and builds) and lists its [`Job`]s: commands of which each yields one record or
//! many. [`place`] says where a command runs on either side, [`judge`] compares, [`expected`] has what is known to
//! fail, and [`report`] tells.

mod attempts;
mod bash;
mod build;
mod busybox;
mod expected;
#[cfg(test)]
mod hang_tests;
mod job;
mod judge;
mod options;
pub mod own;
mod place;
mod posix;
mod python;
pub mod report;
mod session;

pub use job::{Job, Outcome, Reading, Seen};
pub use judge::{Record, Verdict};
pub use options::{Misuse, Options, PlatformArg};
pub use place::{Here, namespaces};
pub use session::run;

use std::path::PathBuf;

use anyhow::Result;
use portkit::{Cache, Progress};

/// A suite that is ready to run.
pub struct Suite {
    /// Its short name, as `--suite` takes it.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// The version of its sources and binaries.
    pub version: String,
    /// The file system of both sides.
    pub root: portkit::Root,
    /// What is seen as `/suite`, read-only.
    pub data: PathBuf,
    /// Its commands.
    pub jobs: Vec<Job>,
    /// What cannot be run, by area and name, with the reason.
    pub skipped: Vec<(String, String, String)>,
}

/// The names of all suites.
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|(name, _)| *name).collect()
}

/// How a suite gets ready.
type Prepare = fn(&Cache, &Progress) -> Result<Suite>;

/// All suites in the order in which they run.
pub const ALL: [(&str, Prepare); 4] = [
    (posix::NAME, posix::prepare),
    (busybox::NAME, busybox::prepare),
    (bash::NAME, bash::prepare),
    (python::NAME, python::prepare),
];
