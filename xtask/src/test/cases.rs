//! The differential cases, run by `offshoot-compat-tests`.

use std::process::Stdio;

use anyhow::{Context, Result};

use super::bed::Bed;
use crate::shell;
use crate::tally::{Tally, parse_closing};

/// Runs all cases natively and hosted.
pub fn run(bed: &Bed) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut closing = None;
    let mut command = bed.command(&bed.runner);
    command.arg("run").arg("--offshoot").arg(&bed.offshoot);
    command.arg("--cases").arg(bed.compat.join("cases"));
    command.arg("--expectations").arg(bed.compat.join("expectations/hosted.toml"));
    command.arg("--out").arg(&bed.compiled);
    let status = shell::stream(&mut command, |line| {
        closing = parse_closing(line).or(closing);
        if let Some(name) = line.strip_prefix("FAIL ") {
            tally.failures.push(name.trim().to_owned());
        }
    })?;
    match closing {
        Some((passed, failed)) => (tally.passed, tally.failed) = (passed, failed),
        None => tally.fail(format!("the runner of the cases: {status}")),
    }
    if !status.success() && tally.failed == 0 {
        tally.fail(format!("the runner of the cases: {status}"));
    }
    Ok(tally)
}

/// Compiles the cases by running them natively only, for a user who has no compiler for all of them. A case that
/// fails natively is not judged here: it fails when it is run as that user too.
pub fn compile(bed: &Bed) -> Result<()> {
    let mut command = bed.command(&bed.runner);
    command.args(["run", "--native-only", "--out"]).arg(&bed.compiled).stdout(Stdio::null());
    command.status().map(drop).context("cannot run the runner of the cases")
}
