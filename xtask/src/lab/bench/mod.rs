//! `lab bench`: figures of a program whose processes are domains, beside the same static program in a Linux guest on the
//! same Xen. With `--icount` a nanosecond is an instruction, and the figures hardly depend on the machine.
//!
//! Each figure is the median of several runs, each of which gives a median itself. What cannot be measured here is said to
//! be not measured.

mod guest;
mod others;
mod rows;
mod trace;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Lab;
use super::base::Base;
use super::job::Job;
use super::programs::MEASURER as PROGRAM;
use crate::repo::Repo;
use rows::Table;

/// How often each program is run.
const RUNS: usize = 3;

/// Figures by name.
type Figures = BTreeMap<String, f64>;

/// Measures, and prints each row of the table as soon as it is known; false when a figure is not what it must be. With `only`,
/// the rows whose names contain one of these words. With `tell`, it tells the story of one fork instead.
pub fn run(repo: &Repo, lab: &Lab, base: &Base, tell: bool, only: &[String]) -> Result<bool> {
    if tell {
        trace::tell(&trace::forks(lab)?);
        return Ok(true);
    }
    let mut table = Table::new(only)?;
    guest::prepare(&lab.place, base)?;
    let mut forks = None;
    for part in &rows::PARTS {
        if !table.wants_of(part) {
            continue;
        }
        let linux = median(|| guest::measure(lab, part.words))?;
        let ours = match forks.take() {
            Some(known) if part.is_small() => known,
            _ => median(|| on_xen(lab, "256m", part.words))?,
        };
        table.part(part, &ours, &linux);
        if part.words.ends_with(rows::BIG) {
            forks = Some(ours);
        }
    }
    if table.wants(rows::HYPERCALLS) {
        table.hypercalls(trace::middle(&trace::forks(lab)?).total());
    }
    if table.wants(rows::FULL_COPY) {
        let ours = match forks {
            Some(known) => known,
            None => median(|| on_xen(lab, "256m", rows::BIG))?,
        };
        table.full_copy(&ours, &others::full_copy(lab)?);
    }
    if table.wants(rows::START) {
        let (start, empty) = others::starts(lab)?;
        table.starts(&start, &empty);
    }
    if table.wants(rows::WORKER) {
        table.worker(others::worker(repo, lab)?);
    }
    if table.wants(rows::MEMBERS) {
        table.members(others::members(repo, lab)?);
    }
    if table.wants(rows::TESTS) {
        table.tests(others::tests(&lab.place));
    }
    Ok(table.is_reached())
}

/// Runs the program with domains for processes.
fn on_xen(lab: &Lab, memory: &str, words: &str) -> Result<String> {
    run_in_dom0(lab, &format!("cd / && $OFFSHOOT run -m {memory} /lab/bin/{PROGRAM} {words}"))
}

/// Several runs of a program, and the median of each figure.
fn median(run: impl Fn() -> Result<String>) -> Result<Figures> {
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for _ in 0..RUNS {
        for (name, figure) in figures(&run()?) {
            all.entry(name).or_default().push(figure);
        }
    }
    let middle = |mut list: Vec<f64>| {
        list.sort_by(f64::total_cmp);
        list[list.len() / 2]
    };
    Ok(all.into_iter().map(|(name, list)| (name, middle(list))).collect())
}

/// Lines `NAME FIGURE`; a guest's console has others as well.
fn figures(printed: &str) -> Figures {
    let pair = |line: &str| {
        let (name, figure) = line.split_once(' ')?;
        Some((name.to_owned(), figure.parse().ok()?))
    };
    printed.lines().filter_map(pair).collect()
}

/// What a shell line prints in dom0.
fn run_in_dom0(lab: &Lab, line: &str) -> Result<String> {
    let job =
        Job { script: line.to_owned(), timeout: Some(Duration::from_secs(900)), shown: false, signals: None };
    let outcome = lab.run(&job).with_context(|| format!("`{line}` in the lab"))?;
    if outcome.status != 0 {
        bail!("`{line}` ended with status {} in the lab: {}", outcome.status, outcome.output);
    }
    Ok(outcome.output)
}
