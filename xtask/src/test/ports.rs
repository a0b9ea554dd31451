//! The ports' own tests: scripts that run a family and speak to it as real clients do.

use std::net::TcpListener;
use std::path::Path;

use anyhow::{Context, Result, bail};
use portkit::Port;

use super::bed::Bed;
use crate::shell;
use crate::tally::Tally;

/// The scripts of a port that are run, if they are there: the quick one first.
const SCRIPTS: [&str; 2] = ["smoke.sh", "suite.sh"];
/// How long one script may take, in seconds.
const LIMIT: &str = "600";

/// Builds every port with the command under test and runs its scripts.
pub fn run(bed: &Bed) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut names: Vec<_> =
        std::fs::read_dir(&bed.ports).context("cannot read the ports")?.flatten().collect();
    names.sort_by_key(|entry| entry.file_name());
    for dir in names.iter().map(|entry| entry.path()).filter(|dir| dir.join("port.toml").is_file()) {
        let port = Port::load(&dir)?;
        let built = build(bed, &port.name).map_err(|error| format!("{error:#}"));
        let root = built.as_ref().ok().cloned().unwrap_or_default();
        tally.note(&format!("{}: offshoot port build", port.name), built.map(drop));
        for script in SCRIPTS.map(|name| dir.join(name)).iter().filter(|path| path.is_file()) {
            tally.add(&port.name, run_script(bed, script, &root)?);
        }
    }
    Ok(tally)
}

/// Builds the root, whose place the command prints.
fn build(bed: &Bed, name: &str) -> Result<String> {
    let mut command = bed.command(&bed.offshoot);
    let output = command.args(["port", "build", name]).output().context("cannot run offshoot")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{}: {}", output.status, said.lines().last().unwrap_or("not a word"));
    }
    eprint!("{said}");
    let root = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !Path::new(&root).is_dir() {
        bail!("it must print the root's folder, and printed `{root}`");
    }
    Ok(root)
}

fn run_script(bed: &Bed, script: &Path, root: &str) -> Result<Tally> {
    let mut tally = Tally::default();
    let name = script.file_name().unwrap_or_default().to_string_lossy();
    let mut command = bed.command(Path::new("timeout"));
    // The script cleans up on TERM; only if that takes too long it is killed.
    command.args(["--foreground", "--kill-after=20", LIMIT]).arg(script);
    command.env("OFFSHOOT", &bed.offshoot).env("ROOT", root).env("HOST_PORT", free_ports()?.to_string());
    let status = shell::stream(&mut command, |line| {
        if line.starts_with("ok ") {
            tally.passed += 1;
        } else if let Some(failure) = line.strip_prefix("not ok ") {
            tally.fail(failure.to_owned());
        }
    })?;
    if !status.success() && tally.failed == 0 {
        tally.fail(format!("{name}: {status}"));
    }
    Ok(tally)
}

/// The first of two neighbouring TCP ports that nobody uses now.
fn free_ports() -> Result<u16> {
    let free = |port: u16| TcpListener::bind(("0.0.0.0", port)).is_ok();
    let candidates = (18080..28080).step_by(2);
    candidates.into_iter().find(|port| free(*port) && free(*port + 1)).context("all TCP ports are in use")
}
