//! A run of suites: prepare, run every job natively and here, compare, report.

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use portkit::{Cache, Progress};

use super::attempts::{Attempts, Setting};
use super::expected::{self, Expected};
use super::judge::{Record, Verdict};
use super::place::{self, Here, Side};
use super::report::json::Known;
use super::report::{self, Results};
use crate::tempdir::TempDir;

use super::{ALL, Job, Options, Outcome, PlatformArg, Suite};

/// Runs what the options ask for. `each` is told of the results so far after every suite: what ran is not lost when a
/// later one is stopped.
pub fn run(
    options: &Options,
    here: &Here,
    each: &mut dyn FnMut(&Results, &str) -> Result<()>,
) -> Result<Results> {
    options.check(&super::names())?;
    let reused =
        options.reuse_native.as_deref().map(report::json::read_native).transpose()?.unwrap_or_default();
    TempDir::sweep(&env::temp_dir());
    TempDir::sweep(&here.folders);
    let (cache, progress) = (Cache::open_default()?, Progress::stderr());
    let mut results = Results::new(options.platform.name());
    for (name, prepare) in ALL {
        if !options.suite.is_empty() && !options.suite.iter().any(|wanted| wanted == name) {
            continue;
        }
        let suite = prepare(&cache, &progress).with_context(|| format!("cannot prepare the suite {name}"))?;
        let here = (options.platform != PlatformArg::Native).then(|| Side::Here(here.clone()));
        let session = Session {
            expected: expected::of(name, options.platform.name())?,
            reused: reused.iter().filter(|known| known.suite == name).cloned().collect(),
            here,
            suite,
        };
        if session.run(options, &progress, &mut results)? {
            results.write(options)?;
            each(&results, name)?;
        }
    }
    if results.records.is_empty() {
        return Err(options.nothing_chosen().into());
    }
    Ok(results)
}

struct Session {
    suite: Suite,
    here: Option<Side>,
    expected: Expected,
    reused: Vec<Known>,
}

impl Session {
    /// Runs what is chosen of the suite; false if that is nothing.
    fn run(&self, options: &Options, progress: &Progress, results: &mut Results) -> Result<bool> {
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
            .step_by(options.every.into())
            .collect();
        if jobs.is_empty() {
            return Ok(false);
        }
        if self.reused.is_empty() {
            place::probe(&self.suite, &Side::Native)?;
        }
        if let Some(here) = &self.here {
            place::probe(&self.suite, here)?;
        }
        let mut found = self.first(&jobs, usize::from(options.jobs), progress)?;
        self.second(&mut found, progress)?;
        let setting = self.setting();
        let records = found.into_iter().flat_map(|attempts| attempts.records(&setting));
        for record in records {
            if !ok(&record) {
                report::table::tell(&record);
            }
            results.records.push(record);
        }
        if !options.short && options.every == 1 {
            let skipped = self.suite.skipped.iter().filter(|(area, name, _)| chosen(area, name));
            results.records.extend(skipped.map(|(area, name, reason)| self.skipped(area, name, reason)));
        }
        let counts = !options.short && options.reuse_native.is_none();
        results.add_suite(&self.suite, counts && filter.is_none() && options.every == 1, counts);
        Ok(true)
    }

    fn setting(&self) -> Setting<'_> {
        Setting {
            suite: &self.suite,
            here: self.here.as_ref(),
            expected: &self.expected,
            reused: !self.reused.is_empty(),
        }
    }

    /// The first attempt of every job, `width` at once, in their order.
    fn first<'a>(&self, jobs: &[&'a Job], width: usize, progress: &Progress) -> Result<Vec<Attempts<'a>>> {
        let step = progress.step("Running", self.suite.title);
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let found = Mutex::new(Vec::new());
        let worker = || -> Result<()> {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(at) else { return Ok(()) };
                let known = self.reused.iter().filter(|known| known.job == job.name);
                let attempts =
                    Attempts::first(&self.setting(), job, known.map(|known| known.seen_by(job)).collect())?;
                let count = done.fetch_add(1, Ordering::Relaxed) + 1;
                step.at(count as u64, jobs.len() as u64, &job.name);
                if attempts.unsettled(&self.setting()) {
                    println!("to be tried again: {} {}", self.suite.name, job.name);
                }
                found.lock().unwrap_or_else(PoisonError::into_inner).push((at, attempts));
            }
        };
        thread::scope(|scope| -> Result<()> {
            let workers: Vec<_> = (0..width.min(jobs.len())).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(outcome) => outcome,
                Err(_) => bail!("a worker panicked"),
            })
        })?;
        step.done("Ran", &format!("{} of {}", jobs.len(), self.suite.title));
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|(at, _)| *at);
        Ok(found.into_iter().map(|(_, attempts)| attempts).collect())
    }

    /// The second attempt of what failed, one after the other: a busy machine makes some tests fail that watch the time.
    fn second(&self, found: &mut [Attempts<'_>], progress: &Progress) -> Result<()> {
        let setting = self.setting();
        let mut unsettled: Vec<_> = found.iter_mut().filter(|one| one.unsettled(&setting)).collect();
        if unsettled.is_empty() {
            return Ok(());
        }
        let step = progress.step("Trying again", self.suite.title);
        let count = unsettled.len();
        for (at, attempts) in unsettled.iter_mut().enumerate() {
            step.at(at as u64, count as u64, attempts.name());
            attempts.second(&setting)?;
        }
        step.done("Tried", &format!("{count} of {} again", self.suite.title));
        Ok(())
    }

    /// A test that cannot be run on either side.
    fn skipped(&self, area: &str, name: &str, reason: &str) -> Record {
        Record {
            suite: self.suite.name.to_owned(),
            area: area.to_owned(),
            name: name.to_owned(),
            job: name.to_owned(),
            native: Outcome::Skip(reason.to_owned()),
            here: None,
            took: Duration::ZERO,
            expected: None,
            output: String::new(),
            attempts: 0,
            native_attempts: 0,
            verdict: Verdict::Skipped,
        }
    }
}

/// Whether nothing is to be told at once.
fn ok(record: &Record) -> bool {
    !matches!(record.verdict, Verdict::Fail | Verdict::Unexpected)
}
