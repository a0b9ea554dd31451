//! Compatibility, proved against native Linux: the project's own differential cases ([`run`]), and test suites that
//! others wrote ([`suites`]).

pub mod args;
mod case;
mod compile;
mod diff;
mod exec;
mod expect;
mod header;
pub mod inherited;
mod report;
pub mod run;
pub mod suites;
mod tempdir;
mod tree;
