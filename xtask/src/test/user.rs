//! The same tests as an ordinary user without any capability.

use anyhow::Result;

use super::bed::Bed;
use super::{cases, errors, ports};
use crate::repo::Repo;
use crate::tally::Tally;

/// Runs errors, cases and ports as an ordinary user. Whoever is one already has run them so.
pub fn run(repo: &Repo) -> Result<Tally> {
    let mut tally = Tally::default();
    if !rustix::process::geteuid().is_root() {
        println!("you are an ordinary user: the other areas are this test");
        return Ok(tally);
    }
    cases::compile(&Bed::here(repo)?)?;
    let bed = Bed::ordinary(repo)?;
    tally.add("errors", errors::run(&bed)?);
    tally.add("cases", cases::run(&bed)?);
    tally.add("ports", ports::run(&bed)?);
    Ok(tally)
}
