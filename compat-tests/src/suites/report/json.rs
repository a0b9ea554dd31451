//! The records for programs, and back.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Outcome, Ran, Results, Verdict};
use crate::suites::{Job, Record, Seen};

/// One object with a list of records.
pub fn text(results: &Results) -> Result<String> {
    let suites: Vec<_> = results
        .suites
        .iter()
        .map(|suite| {
            let figures = results.figures(&suite.name);
            json!({
                "name": suite.name, "title": suite.title, "version": suite.version, "whole": suite.whole, "jobs": suite.jobs,
                "passed_natively": figures.native, "of_those_passed_here": figures.here,
                "expected_failures": figures.expected, "failed": figures.failed,
                "failed_natively": figures.not_native, "skipped": figures.skipped,
                "at_second_attempt": figures.again,
            })
        })
        .collect();
    let reason = |outcome: &Outcome| match outcome {
        Outcome::Skip(reason) => Some(reason.clone()),
        _ => None,
    };
    let records: Vec<_> = results
        .records
        .iter()
        .map(|record| {
            json!({
                "suite": record.suite, "area": record.area, "name": record.name, "job": record.job,
                "native": record.native.word(), "skipped_because": reason(&record.native),
                "here": record.here.as_ref().map(Outcome::word),
                "seconds": record.took.as_secs_f64(), "expected": record.expected,
                "attempts": record.attempts, "native_attempts": record.native_attempts, "verdict": record.verdict.word(), "output": record.output,
            })
        })
        .collect();
    let all = json!({
        "date": results.date, "host": results.host, "platform": results.platform,
        "suites": suites, "records": records,
    });
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

/// Results that [`text`] wrote.
pub fn read(text: &str) -> Result<Results> {
    let all: Value = serde_json::from_str(text)?;
    let word = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let suites = list(&all, "suites");
    let suites = suites.iter().map(|suite| Ran {
        name: word(suite, "name"),
        title: word(suite, "title"),
        version: word(suite, "version"),
        whole: suite["whole"].as_bool().unwrap_or_default(),
        counts: true,
        jobs: list(suite, "jobs").iter().filter_map(|job| job.as_str().map(str::to_owned)).collect(),
    });
    let records = list(&all, "records");
    let records = records.iter().map(|record| {
        let attempts = |name: &str| record[name].as_u64().and_then(|n| n.try_into().ok()).unwrap_or(1);
        Record {
            suite: word(record, "suite"),
            area: word(record, "area"),
            name: word(record, "name"),
            job: word(record, "job"),
            native: Outcome::of_word(&word(record, "native"), &word(record, "skipped_because")),
            here: record["here"].as_str().map(|here| Outcome::of_word(here, "")),
            took: Duration::from_secs_f64(record["seconds"].as_f64().unwrap_or_default().max(0.0)),
            expected: record["expected"].as_str().map(str::to_owned),
            output: word(record, "output"),
            attempts: attempts("attempts"),
            native_attempts: attempts("native_attempts"),
            verdict: Verdict::of_word(&word(record, "verdict")),
        }
    });
    Ok(Results {
        platform: word(&all, "platform"),
        date: word(&all, "date"),
        host: word(&all, "host"),
        suites: suites.collect(),
        records: records.collect(),
    })
}

/// Puts the records of a part of a suite into those of an earlier run of it, in the place of the same commands', and leaves
/// out those of commands that the suite no longer has. The suite is whole when each of its commands has run.
pub fn merge(earlier: Results, part: Results) -> Results {
    let ran = |records: &[Record], job: &str| records.iter().any(|record| record.job == job);
    let mut records = earlier.records;
    let has = |job: &String| part.suites.iter().any(|suite| suite.jobs.contains(job));
    // What was never to run has no command.
    records.retain(|record| !ran(&part.records, &record.job) && (record.attempts == 0 || has(&record.job)));
    records.extend(part.records);
    let mut suites = part.suites;
    for suite in &mut suites {
        suite.whole = suite.jobs.iter().all(|job| ran(&records, job));
    }
    Results { suites, records, platform: part.platform, date: part.date, host: part.host }
}

/// A native result of an earlier run.
#[derive(Clone, Debug)]
pub struct Known {
    pub suite: String,
    pub job: String,
    area: String,
    seen: Seen,
}

impl Known {
    /// As its job would show it.
    pub fn seen_by(&self, job: &Job) -> Seen {
        let mut seen = self.seen.clone();
        if job.place(&seen.name) != (&self.area, &self.seen.name) {
            seen.name = format!("{}/{}", self.area, seen.name);
        }
        seen
    }
}

/// The native results of an earlier run.
pub fn read_native(path: &Path) -> Result<Vec<Known>> {
    let context = || format!("cannot read the results in {}", path.display());
    let text = fs::read_to_string(path).with_context(context)?;
    let all: Value = serde_json::from_str(&text).with_context(context)?;
    let records = all["records"].as_array().context("there is no list of records").with_context(context)?;
    let field = |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
    Ok(records
        .iter()
        .map(|record| {
            let outcome = Outcome::of_word(&field(record, "native"), &field(record, "skipped_because"));
            Known {
                suite: field(record, "suite"),
                job: field(record, "job"),
                area: field(record, "area"),
                seen: Seen { name: field(record, "name"), outcome, output: String::new() },
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suites::Reading;

    fn record(job: &str, verdict: Verdict) -> Record {
        Record {
            suite: "s".to_owned(),
            area: "a".to_owned(),
            name: job.to_owned(),
            job: job.to_owned(),
            native: Outcome::Pass,
            here: Some(if verdict == Verdict::Pass { Outcome::Pass } else { Outcome::Hang }),
            took: Duration::from_secs(2),
            expected: None,
            output: "text".to_owned(),
            attempts: 2,
            native_attempts: 1,
            verdict,
        }
    }

    fn results(records: Vec<Record>) -> Results {
        let jobs = ["a", "b"].map(str::to_owned).to_vec();
        let (title, version) = ("the suite".to_owned(), "1".to_owned());
        let ran = Ran { name: "s".to_owned(), title, version, whole: false, counts: true, jobs };
        Results { suites: vec![ran], records, ..Results::default() }
    }

    #[test]
    fn results_come_back() {
        let text_of = results(vec![record("a", Verdict::Fail)]);
        let back = read(&text(&text_of).unwrap()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{text_of:?}"));
    }

    #[test]
    fn commands_that_are_no_more_are_left_out() {
        let mut never = record("never", Verdict::Skipped);
        never.attempts = 0;
        let earlier = vec![record("old", Verdict::Pass), record("b", Verdict::Pass), never];
        let merged = merge(results(earlier), results(vec![record("a", Verdict::Pass)]));
        let jobs: Vec<_> = merged.records.iter().map(|record| record.job.as_str()).collect();
        assert_eq!(jobs, ["b", "never", "a"]);
    }

    #[test]
    fn known_results_are_named_as_their_job_names_them() {
        let known = Known {
            suite: "s".to_owned(),
            job: "ls mv".to_owned(),
            area: "mv".to_owned(),
            seen: Seen { name: "x".to_owned(), outcome: Outcome::Pass, output: String::new() },
        };
        let mut job = Job {
            area: String::new(),
            name: "ls mv".to_owned(),
            command: Vec::new(),
            workdir: "/".to_owned(),
            env: Vec::new(),
            limit: Duration::ZERO,
            reading: Reading::Lines,
            short: false,
        };
        assert_eq!(known.seen_by(&job).name, "mv/x");
        job.area = "mv".to_owned();
        assert_eq!(known.seen_by(&job).name, "x");
    }

    #[test]
    fn a_part_takes_the_place_of_the_same_commands() {
        let merged =
            merge(results(vec![record("a", Verdict::Fail)]), results(vec![record("a", Verdict::Pass)]));
        assert_eq!(merged.records.len(), 1);
        assert_eq!(merged.records[0].verdict, Verdict::Pass);
        assert!(!merged.suites[0].whole);
        let whole = merge(merged, results(vec![record("b", Verdict::Pass)]));
        assert!(whole.suites[0].whole);
        assert_eq!(whole.figures("s").again, 2);
    }
}
