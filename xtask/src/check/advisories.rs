//! Known vulnerabilities of dependencies, where that can be asked without a network: the tool and its database
//! must be on the machine.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::repo::Repo;

/// None where no tool with a local database is installed.
pub fn check(repo: &Repo) -> Option<Result<(), String>> {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home =
        cargo_home.or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))?;
    if cargo_home.join("advisory-dbs").is_dir() && installed("cargo-deny") {
        return Some(run(repo, &["deny", "--offline", "check", "advisories"]));
    }
    if cargo_home.join("advisory-db").is_dir() && installed("cargo-audit") {
        return Some(run(repo, &["audit", "--no-fetch", "--quiet"]));
    }
    None
}

fn installed(tool: &str) -> bool {
    let mut command = Command::new(tool);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn run(repo: &Repo, args: &[&str]) -> Result<(), String> {
    crate::shell::run(&mut repo.cargo(args)).map_err(|error| format!("{error:#}"))
}
