//! `lab test`: what is run in the lab and a second one beside it, each with an eye on what Xen has left afterwards. The
//! tests themselves are in `rows`.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use compat_tests::args::RunArgs;
use portkit::{Cache, Port, Progress, Root, build_root};

use super::Lab;
use super::job::{Job, quote};
use super::leaks::Holdings;
use super::rows::{NAMED, Place, ROWS, Row};
use crate::repo::Repo;
use crate::shell;
use crate::tally::{Tally, parse_closing};

/// The ports whose programs the tests run.
const PORTS: [&str; 5] = ["bash", "nginx", "postgres", "python", "redis"];

/// An emulated machine is so much slower, at worst.
pub const PATIENCE: u32 = 6;

/// Runs the tests whose names contain one of these words, or all but those that must be named.
pub fn run(repo: &Repo, lab: &Lab, only: &[String]) -> Result<Tally> {
    let chosen: Vec<&'static Row> = ROWS
        .iter()
        .filter(|row| match only {
            [] => !NAMED.contains(&row.name),
            words => words.iter().any(|word| row.name.contains(word.as_str())),
        })
        .collect();
    if chosen.is_empty() {
        bail!("no test of the lab is called so; there are: {}", ROWS.map(|row| row.name).join(", "));
    }
    if chosen.iter().any(|row| row.name.starts_with("cases")) {
        compile_cases(repo)?;
    }
    // dom0 cannot write to the cache.
    for name in PORTS {
        drop(root_of(repo, name)?);
    }
    let begun = Instant::now();
    let queue = Queue::new(chosen);
    let alone = queue.len() < 2 || available_parallelism().is_ok_and(|n| n.get() < 2);
    let tally = if alone {
        in_turn(repo, lab, &queue)?
    } else {
        // An emulated machine has one processor: a second one halves the time.
        let second = lab.another(repo, "second", "")?;
        let outcome = thread::scope(|scope| {
            let beside = scope.spawn(|| in_turn(repo, &second, &queue));
            let here = in_turn(repo, lab, &queue);
            (here, beside.join())
        });
        second.close();
        let (mut tally, Ok(beside)) = (outcome.0?, outcome.1) else {
            bail!("the second lab's tests panicked")
        };
        let beside = beside?;
        tally.passed += beside.passed;
        tally.failed += beside.failed;
        tally.failures.extend(beside.failures);
        tally
    };
    if only.is_empty() {
        // `lab bench` shows it.
        let path = lab.place.tested();
        std::fs::write(&path, begun.elapsed().as_secs().to_string())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(tally)
}

/// Tests that wait for a lab that is free.
struct Queue(Mutex<VecDeque<&'static Row>>);

impl Queue {
    /// Those that take longest come first, so that the labs end at about the same time.
    fn new(mut rows: Vec<&'static Row>) -> Self {
        rows.sort_by_key(|row| Reverse(row.seconds));
        Self(Mutex::new(rows.into()))
    }

    fn rows(&self) -> MutexGuard<'_, VecDeque<&'static Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn len(&self) -> usize {
        self.rows().len()
    }

    fn next(&self) -> Option<&'static Row> {
        self.rows().pop_front()
    }
}

/// One after the other, until none waits.
fn in_turn(repo: &Repo, lab: &Lab, queue: &Queue) -> Result<Tally> {
    Holdings::settled(lab)?;
    let mut tally = Tally::default();
    while let Some(row) = queue.next() {
        let started = Instant::now();
        let outcome = judged(repo, lab, row)?;
        let seconds = started.elapsed().as_secs_f64();
        let name = format!("{} ({seconds:.1} s)", row.name);
        tally.passed += outcome.as_ref().map_or(0, |passed| passed - 1);
        tally.note(&name, outcome.map(drop));
    }
    Ok(tally)
}

/// How many checks of a test passed, or why it failed: by its own word, or by what it has left.
fn judged(repo: &Repo, lab: &Lab, row: &Row) -> Result<Result<usize, String>> {
    let fresh = match row.place {
        Place::Fresh(options) => Some(lab.another(repo, "2", options)?),
        Place::Dom0 | Place::Here => None,
    };
    let lab = fresh.as_ref().unwrap_or(lab);
    let before = Holdings::of(lab)?;
    let outcome = match row.place {
        Place::Here => here(repo, lab, row),
        Place::Dom0 | Place::Fresh(_) => in_dom0(repo, lab, row),
    };
    let outcome = outcome.map_err(|error| format!("{error:#}")).and_then(|passed| match before.check(lab) {
        Ok(None) => Ok(passed),
        Ok(Some(left)) => Err(left),
        Err(error) => Err(format!("{error:#}")),
    });
    if let Some(fresh) = fresh {
        fresh.close();
    }
    Ok(outcome)
}

/// How many checks passed.
fn in_dom0(repo: &Repo, lab: &Lab, row: &Row) -> Result<usize> {
    let timeout = Some(Duration::from_secs(row.seconds));
    let mut script = row.line.to_owned();
    if PORTS.contains(&row.name) {
        let root = root_of(repo, row.name)?;
        script =
            format!("export PATIENCE={PATIENCE} ROOT={}\n{script}", quote(&root.path().to_string_lossy()));
    }
    let job = Job { script, timeout, shown: true, signals: None };
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
    lab.share_at_the_same_place()?;
    let mut command = Command::new("timeout");
    command.args(["--foreground", "--kill-after=20", &row.seconds.to_string(), "bash", "-c", row.line]);
    command.current_dir(&repo.root).env("OFFSHOOT", lab.command()?).env("HOST_PORT", port.to_string());
    // What a test gives to a family lies where dom0 sees it.
    command.env("TMPDIR", lab.place.share()).env("PATIENCE", PATIENCE.to_string());
    let mut passed = 0;
    let status = shell::stream(&mut command, |line| passed += usize::from(line.starts_with("ok ")))?;
    if !status.success() {
        bail!("{status}");
    }
    Ok(passed.max(1))
}

fn root_of(repo: &Repo, port: &str) -> Result<Root> {
    let port = Port::load(&repo.root.join("ports").join(port))?;
    build_root(&port, &Cache::open_default()?, &Progress::stderr())
}

/// Compiles the cases with the host's compilers, by running them natively; dom0 has none.
fn compile_cases(repo: &Repo) -> Result<()> {
    let everything = RunArgs {
        offshoot: None,
        filter: Vec::new(),
        patience: 1,
        lenient: false,
        area: Vec::new(),
        share: None,
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
