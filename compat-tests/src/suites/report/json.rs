//! The records for programs, and back.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Outcome, Ran, Results, Verdict};
use crate::suites::{Record, Seen};

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

/// Puts the records of a part of a suite into those of an earlier run of it, in the place of the same commands'. The suite
/// is whole when each of its commands has run.
pub fn merge(earlier: Results, part: Results) -> Results {
    let ran = |records: &[Record], job: &str| records.iter().any(|record| record.job == job);
    let mut records = earlier.records;
    records.retain(|record| !ran(&part.records, &record.job));
    records.extend(part.records);
    let mut suites = part.suites;
    for suite in &mut suites {
        suite.whole = suite.jobs.iter().all(|job| ran(&records, job));
    }
    Results { suites, records, platform: part.platform, date: part.date, host: part.host }
}

/// The native results of an earlier run: suite, job and what was seen.
pub fn read_native(path: &Path) -> Result<Vec<(String, (String, Seen))>> {
    let context = || format!("cannot read the results in {}", path.display());
    let text = fs::read_to_string(path).with_context(context)?;
    let all: Value = serde_json::from_str(&text).with_context(context)?;
    let records = all["records"].as_array().context("there is no list of records").with_context(context)?;
    let field = |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
    Ok(records
        .iter()
        .map(|record| {
            let outcome = Outcome::of_word(&field(record, "native"), &field(record, "skipped_because"));
            let seen = Seen { name: field(record, "name"), outcome, output: String::new() };
            (field(record, "suite"), (field(record, "job"), seen))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

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
