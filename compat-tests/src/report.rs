//! What is printed and written about the cases.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

/// How one case ended.
pub enum Verdict {
    Pass,
    /// Failed, as the expectation file says, for this reason.
    Expected(String),
    Fail(String),
    /// Fails natively: this machine cannot judge it.
    Unfit(String),
}

/// Cases that take so long are printed with their time.
const LONG: Duration = Duration::from_secs(5);

/// One line of the report.
pub struct Outcome {
    pub name: String,
    pub verdict: Verdict,
    pub native: Option<Duration>,
    pub hosted: Option<Duration>,
    /// How many lines of the native run say that a clause holds.
    pub checks: usize,
}

impl Outcome {
    /// Prints the line of this case, and what went wrong if it failed.
    pub fn print(&self) {
        match &self.verdict {
            Verdict::Pass => match self.hosted {
                Some(time) if time >= LONG => println!("pass  {} ({:.1} s)", self.name, time.as_secs_f64()),
                _ => println!("pass  {}", self.name),
            },
            Verdict::Expected(reason) => println!("xfail {} ({reason})", self.name),
            Verdict::Fail(why) => self.print_why("FAIL ", why),
            Verdict::Unfit(why) => self.print_why("unfit", why),
        }
    }

    fn print_why(&self, verdict: &str, why: &str) {
        println!("{verdict} {}", self.name);
        for line in why.lines() {
            println!("      {line}");
        }
    }
}

/// Prints the closing line; true if nothing failed.
pub fn summary(outcomes: &[Outcome]) -> bool {
    let failed = outcomes.iter().filter(|outcome| matches!(outcome.verdict, Verdict::Fail(_))).count();
    let expected = outcomes.iter().filter(|outcome| matches!(outcome.verdict, Verdict::Expected(_))).count();
    if expected > 0 {
        println!("\n{expected} expected failures (the list of expectations has the reasons)");
    }
    let unfit: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| matches!(outcome.verdict, Verdict::Unfit(_)))
        .map(|outcome| outcome.name.as_str())
        .collect();
    if !unfit.is_empty() {
        println!("\n{} fail natively on this machine and are not counted: {}", unfit.len(), unfit.join(", "));
    }
    println!("\n{} passed, {failed} failed", outcomes.len() - failed - unfit.len());
    failed == 0
}

/// Writes the results for a program to read.
pub fn write_json(path: &Path, outcomes: &[Outcome]) -> Result<()> {
    let cases: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            let (verdict, detail) = match &outcome.verdict {
                Verdict::Pass => ("pass", None),
                Verdict::Expected(reason) => ("expected failure", Some(reason)),
                Verdict::Fail(why) => ("fail", Some(why)),
                Verdict::Unfit(why) => ("unfit", Some(why)),
            };
            json!({
                "name": outcome.name,
                "verdict": verdict,
                "detail": detail,
                "native_seconds": outcome.native.map(|time| time.as_secs_f64()),
                "hosted_seconds": outcome.hosted.map(|time| time.as_secs_f64()),
            })
        })
        .collect();
    let text = serde_json::to_string_pretty(&json!({ "cases": cases }))?;
    fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}
