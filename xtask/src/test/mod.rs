//! `test`: all areas, or the chosen ones, and one closing line that sums everything up.

mod bed;
mod cases;
mod compat;
mod errors;
mod ports;
mod unit;
mod user;

use std::time::Instant;

use anyhow::Result;
use clap::ValueEnum;

use crate::repo::Repo;
use crate::tally::Tally;
use crate::{build, check, lab, setup, shell};
use bed::Bed;

/// What can be tested by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Area {
    /// The crates' own tests, without a member.
    Unit,
    /// The differential cases: the same program natively and hosted.
    Cases,
    /// The ports' smoke tests and suites with real clients.
    Ports,
    /// Bad input to the command: one clear line, the right status, nothing left behind.
    Errors,
    /// Cases, ports and errors again, as an ordinary user without any capability.
    User,
    /// The same as `cargo xtask check`.
    Check,
    /// A short, fixed part of the suites that others wrote, natively and hosted.
    Compat,
    /// Members as domains of a real Xen in an emulated machine: the short part of `cargo xtask lab test`.
    Lab,
}

/// The areas in the order in which they run.
const ALL: [Area; 8] =
    [Area::Check, Area::Unit, Area::Errors, Area::Cases, Area::Ports, Area::User, Area::Compat, Area::Lab];

/// Runs the areas; true if nothing failed.
pub fn run(repo: &Repo, only: &[Area]) -> Result<bool> {
    setup::run(setup::Need::Everything)?;
    let areas: Vec<Area> = ALL.into_iter().filter(|area| only.is_empty() || only.contains(area)).collect();
    if areas.iter().any(|area| !matches!(area, Area::Unit | Area::Check)) {
        shell::heading("building Offshoot and its test runner");
        build::product(repo)?;
        build::release(repo, "offshoot-compat-tests")?;
    }
    let mut all = Tally::default();
    let mut lines = Vec::new();
    for area in areas {
        let name = format!("{area:?}").to_lowercase();
        shell::heading(&format!("testing: {name}"));
        let started = Instant::now();
        let tally = test(repo, area).unwrap_or_else(|error| {
            let mut tally = Tally::default();
            tally.note("this area", Err(format!("{error:#}")));
            tally
        });
        let seconds = started.elapsed().as_secs_f64();
        lines.push(format!(
            "{name:<7} {:>5} passed {:>4} failed {seconds:>7.1} s",
            tally.passed, tally.failed
        ));
        all.add(&name, tally);
    }
    println!();
    lines.iter().for_each(|line| println!("{line}"));
    Ok(all.report())
}

fn test(repo: &Repo, area: Area) -> Result<Tally> {
    match area {
        Area::Unit => unit::run(repo),
        Area::Cases => cases::run(&Bed::here(repo)?),
        Area::Ports => ports::run(&Bed::here(repo)?),
        Area::Errors => errors::run(&Bed::here(repo)?),
        Area::User => user::run(repo),
        Area::Check => check::run(repo),
        Area::Compat => compat::run(repo),
        Area::Lab => lab::smoke(repo),
    }
}
