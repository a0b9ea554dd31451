//! What a run of suites showed, and the ways to tell it.

mod date;
mod html;
pub mod json;
mod page;
pub mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Options, Outcome, Record, Suite, Verdict};

pub use html::text as html;
pub use page::{About, page};

/// All that one run showed.
#[derive(Debug, Default)]
pub struct Results {
    /// The platform's name.
    pub platform: String,
    /// The day, as `2026-01-31`.
    pub date: String,
    /// The machine's kernel, as `Linux 6.1.0`.
    pub host: String,
    /// The suites that ran.
    pub suites: Vec<Ran>,
    /// The tests.
    pub records: Vec<Record>,
}

/// A suite that ran.
#[derive(Clone, Debug)]
pub struct Ran {
    pub name: String,
    pub title: String,
    pub version: String,
    /// Whether all of it ran, with native results of the same run.
    pub whole: bool,
    /// Whether what ran of it counts for the page: native results of the same run, and not the short part.
    pub counts: bool,
    /// The commands of the whole suite.
    pub jobs: Vec<String>,
}

/// The figures of an area or a suite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many pass natively.
    pub native: usize,
    /// How many of those pass here.
    pub here: usize,
    /// How many of those are expected not to.
    pub expected: usize,
    /// How many fail here and are not expected to, or pass and are expected not to.
    pub failed: usize,
    /// How many fail natively.
    pub not_native: usize,
    /// How many are skipped.
    pub skipped: usize,
    /// How many of those that pass here did so at the second attempt only.
    pub again: usize,
}

impl Figures {
    /// Counts one test.
    pub fn count(&mut self, record: &Record) {
        self.native += usize::from(record.counts());
        self.here += usize::from(record.passes());
        self.again += usize::from(record.attempts > 1 && record.passes());
        match record.verdict {
            Verdict::Pass => {}
            Verdict::Expected => self.expected += 1,
            Verdict::Fail | Verdict::Unexpected => self.failed += 1,
            Verdict::Native => self.not_native += 1,
            Verdict::Skipped => self.skipped += 1,
        }
    }

    /// What of the native passes passes here, in percent, rounded down to a tenth.
    pub fn rate(&self) -> f64 {
        (self.here * 1000).checked_div(self.native).map_or(100.0, |permille| permille as f64 / 10.0)
    }
}

impl Results {
    /// An empty one, of today and this machine.
    pub fn new(platform: &str) -> Results {
        let host = rustix::system::uname();
        Results {
            platform: platform.to_owned(),
            date: date::today(),
            host: format!("{} {}", host.sysname().to_string_lossy(), host.release().to_string_lossy()),
            ..Results::default()
        }
    }

    /// Notes that a suite ran.
    pub fn add_suite(&mut self, suite: &Suite, whole: bool, counts: bool) {
        let (name, title) = (suite.name.to_owned(), suite.title.to_owned());
        let jobs = suite.jobs.iter().map(|job| job.name.clone()).collect();
        self.suites.push(Ran { name, title, version: suite.version.clone(), whole, counts, jobs });
    }

    /// Takes what another run on the same platform showed.
    pub fn add(&mut self, other: Results) {
        self.suites.extend(other.suites);
        self.records.extend(other.records);
    }

    /// The same of one suite only.
    pub fn only(&self, suite: &str) -> Results {
        Results {
            platform: self.platform.clone(),
            date: self.date.clone(),
            host: self.host.clone(),
            suites: self.suites.iter().filter(|ran| ran.name == suite).cloned().collect(),
            records: self.records.iter().filter(|record| record.suite == suite).cloned().collect(),
        }
    }

    /// The figures of a suite's areas.
    pub fn areas(&self, suite: &str) -> BTreeMap<&str, Figures> {
        let mut areas: BTreeMap<&str, Figures> = BTreeMap::new();
        for record in self.records.iter().filter(|record| record.suite == suite) {
            areas.entry(&record.area).or_default().count(record);
        }
        areas
    }

    /// The figures of a suite.
    pub fn figures(&self, suite: &str) -> Figures {
        let mut figures = Figures::default();
        self.records.iter().filter(|record| record.suite == suite).for_each(|record| figures.count(record));
        figures
    }

    /// How many tests went as expected, and which did not.
    pub fn tally(&self) -> (usize, Vec<String>) {
        let wrong = |record: &&Record| matches!(record.verdict, Verdict::Fail | Verdict::Unexpected);
        let failures: Vec<String> = self
            .records
            .iter()
            .filter(wrong)
            .map(|record| format!("{} {}: {}", record.suite, record.id(), record.verdict.word()))
            .collect();
        let counted = self.records.iter().filter(|record| record.counts()).count();
        (counted - failures.len(), failures)
    }

    /// Skips by reason, of one suite.
    pub fn skips(&self, suite: &str) -> Vec<(String, usize)> {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for record in self.records.iter().filter(|record| record.suite == suite) {
            if let Outcome::Skip(reason) = &record.native {
                *reasons.entry(reason).or_default() += 1;
            }
        }
        let mut reasons: Vec<(String, usize)> =
            reasons.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons
    }

    /// Writes the files that the options ask for.
    pub fn write(&self, options: &Options) -> Result<()> {
        if let Some(path) = &options.json {
            save(path, &json::text(self)?)?;
        }
        if let Some(path) = &options.html {
            save(path, &html::text(std::slice::from_ref(self)))?;
        }
        Ok(())
    }
}

fn save(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
