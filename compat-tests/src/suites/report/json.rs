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
                "name": suite.name, "title": suite.title, "version": suite.version, "whole": suite.whole, "jobs": suite.jobs,
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

/// Puts the records of a part of a suite into those of an earlier run of it, in the place of the same commands'. The suite
/// is whole when each of its commands has run.
pub fn merge(earlier: &str, part: &str) -> Result<String> {
    let mut all: Value = serde_json::from_str(earlier)?;
    let part: Value = serde_json::from_str(part)?;
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let new = list(&part, "records");
    let of_job = |records: &[Value], job: &Value| records.iter().any(|record| record["job"] == *job);
    let mut records = list(&all, "records");
    records.retain(|record| !of_job(&new, &record["job"]));
    records.extend(new);
    let mut suites = list(&part, "suites");
    for suite in &mut suites {
        let ran = list(suite, "jobs").iter().all(|job| of_job(&records, job));
        suite["whole"] = ran.into();
        // Figures of the part alone.
        for field in ["passed_natively", "of_those_passed_here", "expected_failures", "failed"] {
            suite.as_object_mut().and_then(|fields| fields.remove(field));
        }
    }
    for field in ["date", "host"] {
        all[field] = part[field].clone();
    }
    all["suites"] = suites.into();
    all["records"] = records.into();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_takes_the_place_of_the_same_commands() {
        let record = |job: &str, name: &str| json!({ "job": job, "name": name });
        let suite = json!({ "name": "s", "jobs": ["a", "b"], "failed": 1 });
        let run = |records: Vec<Value>| json!({ "suites": [suite], "records": records }).to_string();
        let first = run(vec![record("a", "old")]);
        let merged = merge(&first, &run(vec![record("a", "new")])).unwrap();
        let merged: Value = serde_json::from_str(&merged).unwrap();
        assert_eq!(merged["records"], json!([record("a", "new")]));
        assert_eq!(merged["suites"][0]["whole"], json!(false));
        let whole = merge(&merged.to_string(), &run(vec![record("b", "x")])).unwrap();
        let whole: Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(whole["suites"][0]["whole"], json!(true));
        assert_eq!(whole["suites"][0]["failed"], Value::Null);
    }
}
