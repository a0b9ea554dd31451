//! `lab test`: what is run in the lab, one after the other, each with an eye on what Xen has left afterwards. The tests
//! themselves are in `rows`.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use compat_tests::args::RunArgs;
use portkit::{Cache, Port, Progress, build_root};

use super::Lab;
use super::job::Job;
use super::leaks::Holdings;
use super::rows::{Place, ROWS, Row};
use crate::repo::Repo;
use crate::shell;
use crate::tally::{Tally, parse_closing};

/// The ports whose programs the tests run.
const PORTS: [&str; 2] = ["bash", "nginx"];

/// Runs the tests whose names contain one of these words, or all.
pub fn run(repo: &Repo, lab: &Lab, only: &[String]) -> Result<Tally> {
    let chosen: Vec<&Row> = ROWS
        .iter()
        .filter(|row| only.is_empty() || only.iter().any(|word| row.name.contains(word.as_str())))
        .collect();
    if chosen.is_empty() {
        bail!("no test of the lab is called so; there are: {}", ROWS.map(|row| row.name).join(", "));
    }
    if chosen.iter().any(|row| row.name == "cases") {
        compile_cases(repo)?;
    }
    // dom0 cannot write to the cache.
    for name in PORTS {
        let port = Port::load(&repo.root.join("ports").join(name))?;
        drop(build_root(&port, &Cache::open_default()?, &Progress::stderr())?);
    }
    let mut tally = Tally::default();
    let begun = Instant::now();
    Holdings::settled(lab)?;
    for row in chosen {
        let started = Instant::now();
        let fresh = match row.place {
            Place::Fresh(options) => Some(lab.another(repo, options)?),
            Place::Dom0 | Place::Here => None,
        };
        let lab = fresh.as_ref().unwrap_or(lab);
        let before = Holdings::of(lab)?;
        let outcome = match row.place {
            Place::Here => here(repo, lab, row),
            Place::Dom0 | Place::Fresh(_) => in_dom0(lab, row),
        };
        let outcome =
            outcome.map_err(|error| format!("{error:#}")).and_then(|passed| match before.check(lab) {
                Ok(None) => Ok(passed),
                Ok(Some(left)) => Err(left),
                Err(error) => Err(format!("{error:#}")),
            });
        if let Some(fresh) = fresh {
            fresh.close();
        }
        let seconds = started.elapsed().as_secs_f64();
        let name = format!("{} ({seconds:.1} s)", row.name);
        tally.passed += outcome.as_ref().map_or(0, |passed| passed - 1);
        tally.note(&name, outcome.map(drop));
    }
    if only.is_empty() {
        // `lab bench` shows it.
        let path = lab.place.tested();
        std::fs::write(&path, begun.elapsed().as_secs().to_string())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(tally)
}

/// How many checks passed.
fn in_dom0(lab: &Lab, row: &Row) -> Result<usize> {
    let timeout = Some(Duration::from_secs(row.seconds));
    let job = Job { script: row.line.to_owned(), timeout, shown: true, signals: None };
    let outcome = lab.run(&job)?;
    // A program that counts its own checks says how many they were.
    let counted = outcome.output.lines().next_back().and_then(parse_closing);
    match (outcome.status, counted) {
        (0, Some((passed, 0))) => Ok(passed),
        (0, None) => Ok(1),
        (status, _) => bail!("status {status}"),
    }
}

/// A test that runs beside the lab, as its users outside do.
fn here(repo: &Repo, lab: &Lab, row: &Row) -> Result<usize> {
    let port = lab.publish()?;
    let mut command = Command::new("timeout");
    command.args(["--foreground", "--kill-after=20", &row.seconds.to_string(), "bash", "-c", row.line]);
    command.current_dir(&repo.root).env("OFFSHOOT", lab.command()?).env("HOST_PORT", port.to_string());
    let mut passed = 0;
    let status = shell::stream(&mut command, |line| passed += usize::from(line.starts_with("ok ")))?;
    if !status.success() {
        bail!("{status}");
    }
    Ok(passed.max(1))
}

/// Compiles the cases with the host's compilers, by running them natively; dom0 has none.
fn compile_cases(repo: &Repo) -> Result<()> {
    let everything = RunArgs {
        offshoot: None,
        filter: Vec::new(),
        patience: 1,
        lenient: false,
        area: Vec::new(),
        jobs: 2,
        native_only: true,
        json: None,
        list: false,
        cases: Some(repo.root.join("compat-tests/cases")),
        expectations: None,
        out: repo.target.join("compat"),
    };
    // A case that fails natively here is judged there.
    compat_tests::run::run(&everything).map(drop)
}
