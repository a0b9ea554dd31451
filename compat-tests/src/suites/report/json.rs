//! The records for programs, and back.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Outcome, Results};
use crate::suites::Seen;

/// One object with a list of records.
pub fn text(results: &Results) -> Result<String> {
    let suites: Vec<_> = results
        .suites
        .iter()
        .map(|suite| {
            let figures = results.figures(&suite.name);
            json!({
                "name": suite.name, "title": suite.title, "version": suite.version, "whole": suite.whole,
                "passed_natively": figures.native, "of_those_passed_here": figures.here,
                "expected_failures": figures.expected, "failed": figures.failed,
                "failed_natively": figures.not_native, "skipped": figures.skipped,
                "at_second_try": figures.again,
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
                "second_try": record.again, "verdict": record.verdict.word(), "output": record.output,
            })
        })
        .collect();
    let all = json!({
        "date": results.date, "host": results.host, "platform": results.platform,
        "suites": suites, "records": records,
    });
    Ok(serde_json::to_string_pretty(&all)? + "\n")
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
