//! `bench`: figures beside native Linux, measured by the `offshoot-bench` program.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::repo::Repo;
use crate::{build, setup, shell};

/// Builds and measures; false when a figure that must be reached is missed.
pub fn run(repo: &Repo, only: Option<&str>, json: Option<&Path>) -> Result<bool> {
    setup::run(setup::Need::Everything)?;
    shell::heading("building Offshoot and the benchmarks");
    build::product(repo)?;
    build::release(repo, "offshoot-bench")?;
    let mut command = Command::new(repo.release("offshoot-bench"));
    command.current_dir(&repo.root).env("OFFSHOOT", repo.offshoot());
    command.env("OFFSHOOT_PORTS", repo.root.join("ports"));
    if let Some(name) = only {
        command.args(["--only", name]);
    }
    if let Some(file) = json {
        // The figures go where the user asked, not below the folder in which the measuring runs.
        let file = std::path::absolute(file).with_context(|| format!("cannot find {}", file.display()))?;
        command.arg("--json").arg(file);
    }
    Ok(command.status().context("cannot run offshoot-bench")?.success())
}
