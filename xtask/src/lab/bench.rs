//! `lab bench`: small figures of a program whose processes are domains, beside the same static program as processes of
//! dom0's Linux. With `--icount` they are instructions, and hardly depend on the machine.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Lab;
use super::job::Job;
use crate::repo::Repo;
use crate::shell;

const PROGRAM: &str = "offshoot-lab-bench";

/// Measures and shows a line for each figure.
pub fn run(repo: &Repo, lab: &Lab) -> Result<()> {
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-static", "-o"]).arg(lab.place.binaries().join(PROGRAM));
    shell::run(compiler.arg(repo.root.join("xtask/lab/bench.c")))?;
    let linux = measure(lab, PROGRAM)?;
    let xen = measure(lab, &format!("cd / && $OFFSHOOT run -m 256m /lab/bin/{PROGRAM}"))?;
    println!("{:<24} {:>14} {:>14} {:>8}", "nanoseconds", "dom0's Linux", "on Xen", "ratio");
    for (name, there) in &linux {
        let here = xen.get(name).with_context(|| format!("no figure for {name} on Xen"))?;
        println!("{name:<24} {there:>14.0} {here:>14.0} {:>8.2}", here / there.max(1.0));
    }
    Ok(())
}

/// Runs the program, and reads its lines `NAME NANOSECONDS`.
fn measure(lab: &Lab, line: &str) -> Result<BTreeMap<String, f64>> {
    let job = Job { script: line.to_owned(), timeout: Some(Duration::from_secs(600)), shown: false };
    let outcome = lab.run(&job)?;
    if outcome.status != 0 {
        bail!("`{line}` ended with status {} in the lab", outcome.status);
    }
    let lines = outcome.output.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(name, figure)| Ok((name.to_owned(), figure.parse().context("not a figure")?))).collect()
}
