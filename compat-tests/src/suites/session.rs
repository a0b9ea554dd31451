//! A run of suites: prepare, run every job natively and here, compare, report.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use portkit::{Cache, Progress};

use super::expected::{self, Expected};
use super::judge::{self, Record, Sides, Verdict};
use super::place::{self, Side};
use super::report::{self, Results};
use crate::tempdir::TempDir;

use super::{ALL, Job, Options, Outcome, PlatformArg, Seen, Suite};

/// Runs what the options ask for; true if all went as expected.
pub fn run(options: &Options, offshoot: &Path) -> Result<Results> {
    let names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = options.suite.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("there is no suite `{unknown}`; there are: {}", names.join(", "));
    }
    let reused =
        options.reuse_native.as_deref().map(report::json::read_native).transpose()?.unwrap_or_default();
    TempDir::sweep();
    let (cache, progress) = (Cache::open_default()?, Progress::stderr());
    let mut results = Results::new(options.platform.name());
    for (name, prepare) in ALL {
        if !options.suite.is_empty() && !options.suite.iter().any(|wanted| wanted == name) {
            continue;
        }
        let suite = prepare(&cache, &progress).with_context(|| format!("cannot prepare the suite {name}"))?;
        let here = (options.platform != PlatformArg::Native)
            .then(|| Side::Here(offshoot.to_owned(), options.platform.name()));
        let session = Session {
            expected: expected::of(name, options.platform.name())?,
            reused: reused.iter().filter(|seen| seen.0 == name).map(|seen| seen.1.clone()).collect(),
            here,
            suite,
        };
        session.run(options, &progress, &mut results)?;
    }
    if results.records.is_empty() {
        bail!(
            "no test matches; `--filter` looks for a part of a command's name, such as pthread_join or test_os"
        );
    }
    results.write(options)?;
    Ok(results)
}

struct Session {
    suite: Suite,
    here: Option<Side>,
    expected: Expected,
    reused: Vec<(String, Seen)>,
}

impl Session {
    fn run(&self, options: &Options, progress: &Progress, results: &mut Results) -> Result<()> {
        let filter = options.filter.as_deref();
        let chosen = |area: &str, name: &str| {
            let whole = format!("{area}/{name}");
            filter.is_none_or(|texts| texts.split(',').any(|text| whole.contains(text)))
        };
        let jobs: Vec<&Job> = self
            .suite
            .jobs
            .iter()
            .filter(|job| chosen(&job.area, &job.name) && (job.short || !options.short))
            .collect();
        if jobs.is_empty() {
            return Ok(());
        }
        if self.reused.is_empty() {
            place::probe(&self.suite, &Side::Native)?;
        }
        if let Some(here) = &self.here {
            place::probe(&self.suite, here)?;
        }
        let step = progress.step("Running", self.suite.title);
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let found: Mutex<Vec<(usize, Vec<Record>)>> = Mutex::new(Vec::new());
        let worker = || -> Result<()> {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(at) else { return Ok(()) };
                let records = self.judge(job)?;
                let count = done.fetch_add(1, Ordering::Relaxed) + 1;
                step.at(count as u64, jobs.len() as u64, &job.name);
                records.iter().filter(|record| !ok(record)).for_each(report::table::tell);
                found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((at, records));
            }
        };
        let width = usize::from(options.jobs).min(jobs.len());
        thread::scope(|scope| -> Result<()> {
            let workers: Vec<_> = (0..width).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(outcome) => outcome,
                Err(_) => bail!("a worker panicked"),
            })
        })?;
        step.done("Ran", &format!("{} of {}", jobs.len(), self.suite.title));
        let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        found.sort_by_key(|(at, _)| *at);
        results.records.extend(found.into_iter().flat_map(|(_, records)| records));
        if !options.short {
            let skipped = self.suite.skipped.iter().filter(|(area, name, _)| chosen(area, name));
            results.records.extend(skipped.map(|(area, name, reason)| self.skipped(area, name, reason)));
        }
        let counts = !options.short && options.reuse_native.is_none();
        results.add_suite(&self.suite, counts && filter.is_none(), counts);
        Ok(())
    }

    /// A test that cannot be run on either side.
    fn skipped(&self, area: &str, name: &str, reason: &str) -> Record {
        Record {
            suite: self.suite.name,
            area: area.to_owned(),
            name: name.to_owned(),
            job: name.to_owned(),
            native: Outcome::Skip(reason.to_owned()),
            here: None,
            took: Duration::ZERO,
            expected: None,
            output: String::new(),
            again: false,
            verdict: Verdict::Skipped,
        }
    }

    fn judge(&self, job: &Job) -> Result<Vec<Record>> {
        let known: Vec<Seen> =
            self.reused.iter().filter(|(of, _)| *of == job.name).map(|(_, seen)| seen.clone()).collect();
        let mut again = Vec::new();
        let (native, mut took) = match known.is_empty() {
            // What hangs natively hangs again.
            true => self.tries(job, &Side::Native, |seen| seen.outcome == Outcome::Fail, &mut again)?,
            false => (known, Duration::ZERO),
        };
        let here = match &self.here {
            // What never passes natively says nothing here.
            Some(side) if native.iter().any(|seen| seen.outcome == Outcome::Pass) => {
                let passes: Vec<&str> =
                    native.iter().filter(|s| s.outcome == Outcome::Pass).map(|s| s.name.as_str()).collect();
                let matters = |seen: &Seen| {
                    seen.outcome != Outcome::Pass
                        && passes.contains(&seen.name.as_str())
                        && !self.expected.contains_key(&format!("{}/{}", job.area, seen.name))
                };
                let (seen, time) = self.tries(job, side, matters, &mut again)?;
                took = time;
                Some(seen)
            }
            Some(_) => Some(Vec::new()),
            None => None,
        };
        let sides =
            Sides { suite: self.suite.name, area: &job.area, job: &job.name, native, here, again, took };
        Ok(judge::judge(sides, &self.expected))
    }

    /// Runs a job, and once more if something failed: the machine may be busy. A test that took the second try is
    /// reported as such.
    fn tries(
        &self,
        job: &Job,
        side: &Side,
        matters: impl Fn(&Seen) -> bool,
        again: &mut Vec<String>,
    ) -> Result<(Vec<Seen>, Duration)> {
        let first = place::run(&self.suite, job, side)?;
        let mut seen = first.seen;
        if seen.iter().any(matters) {
            let second = place::run(&self.suite, job, side)?;
            again.extend(judge::better(&mut seen, second.seen));
        }
        Ok((seen, first.took))
    }
}

/// Whether nothing is to be told at once.
fn ok(record: &Record) -> bool {
    !matches!(record.verdict, Verdict::Fail | Verdict::Unexpected)
}
