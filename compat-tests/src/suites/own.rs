//! The project's own cases as a suite, for the page of figures.

use std::path::Path;

use anyhow::{Result, bail};

use super::report::{Ran, Results};
use super::{Options, Outcome, PlatformArg, Record, Verdict};
use crate::args::RunArgs;
use crate::report as cases;
use crate::run;

/// Its name on the command line.
pub const NAME: &str = "cases";

/// Runs the cases that the options choose natively and under `offshoot`; none if nothing is chosen.
pub fn run(options: &Options, offshoot: &Path, out: &Path) -> Result<Option<Results>> {
    let args = RunArgs {
        offshoot: Some(offshoot.to_owned()),
        filter: options.filter.iter().flat_map(|texts| texts.split(',')).map(str::to_owned).collect(),
        area: Vec::new(),
        share: None,
        jobs: options.jobs.into(),
        patience: 1,
        lenient: true,
        native_only: options.platform == PlatformArg::Native,
        json: None,
        list: false,
        cases: None,
        expectations: None,
        out: out.to_owned(),
    };
    if options.platform == PlatformArg::Xen {
        bail!("on xen the cases run as a row of `cargo xtask lab test`");
    }
    if !run::any(&args)? {
        return Ok(None);
    }
    let outcomes = run::outcomes(&args)?.unwrap_or_default();
    let mut results = Results::new(options.platform.name());
    let checks: usize = outcomes.iter().map(|outcome| outcome.checks).sum();
    let whole = options.filter.is_none();
    results.suites.push(Ran {
        name: NAME.to_owned(),
        title: "our own cases".to_owned(),
        version: format!("{}, {checks} assertions", env!("CARGO_PKG_VERSION")),
        whole,
        counts: true,
        jobs: outcomes.iter().map(|outcome| outcome.name.clone()).collect(),
    });
    results.records = outcomes.iter().map(record).collect();
    Ok(Some(results))
}

fn record(outcome: &cases::Outcome) -> Record {
    use cases::Verdict as Case;
    let (area, name) = outcome.name.split_once('/').unwrap_or(("", &outcome.name));
    let (native, verdict, output) = match &outcome.verdict {
        Case::Pass => (Outcome::Pass, Verdict::Pass, ""),
        Case::Expected(_) => (Outcome::Pass, Verdict::Expected, ""),
        Case::Fail(why) => (Outcome::Pass, Verdict::Fail, why.as_str()),
        Case::Unfit(why) => (Outcome::Fail, Verdict::Native, why.as_str()),
    };
    let passed = if matches!(verdict, Verdict::Pass) { Outcome::Pass } else { Outcome::Fail };
    Record {
        suite: NAME.to_owned(),
        area: area.to_owned(),
        name: name.to_owned(),
        job: outcome.name.clone(),
        native,
        here: outcome.hosted.map(|_| passed),
        took: outcome.hosted.or(outcome.native).unwrap_or_default(),
        expected: match &outcome.verdict {
            Case::Expected(reason) => Some(reason.clone()),
            _ => None,
        },
        output: output.to_owned(),
        attempts: 1,
        native_attempts: 1,
        verdict,
    }
}
