//! Where a job runs: natively in namespaces of its own, or under `offshoot run`; either way in a throw-away layer over
//! the suite's root, with the suite's data as `/suite` and a folder for results as `/out`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Job, Seen, Suite};
use crate::exec;
use crate::tempdir::TempDir;

/// Sets the native side's file system up.
const SCRIPT: &str = include_str!("native.sh");

/// What both sides see.
const ENVIRONMENT: [(&str, &str); 5] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/root"),
    ("LANG", "C.UTF-8"),
    ("TERM", "dumb"),
    ("TMPDIR", "/tmp"),
];

/// How long a family may take to end after its own limit.
const GRACE: Duration = Duration::from_secs(20);

/// One side.
#[derive(Clone, Debug)]
pub enum Side {
    /// The host's own Linux.
    Native,
    /// Offshoot: the command and the platform.
    Here(PathBuf, &'static str),
}

/// What one run of a job showed.
pub struct Run {
    /// Its records.
    pub seen: Vec<Seen>,
    /// How long it took.
    pub took: Duration,
}

/// Runs a job on one side.
pub fn run(suite: &Suite, job: &Job, side: &Side) -> Result<Run> {
    let scratch = TempDir::new("suite")?;
    let (out, layer) = (scratch.path().join("out"), scratch.path().join("layer"));
    for dir in [&out, &layer] {
        fs::create_dir(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    let command = match side {
        Side::Native => native(suite, job, &out, &layer),
        Side::Here(offshoot, platform) => here(offshoot, platform, suite, job, &out),
    };
    // A family ends itself at its limit and leaves nothing; the kill is for one that does not.
    let limit = match side {
        Side::Native => job.limit,
        Side::Here(..) => job.limit + GRACE,
    };
    let finished = exec::run(command, b"", limit)?;
    let hung = finished.timed_out || (finished.took >= job.limit && finished.status == 124);
    Ok(Run { seen: job.read(&finished, hung, &out), took: finished.took })
}

fn native(suite: &Suite, job: &Job, out: &Path, layer: &Path) -> Command {
    let mut command = unshare();
    command.args(["/bin/sh", "-c", SCRIPT, "sh"]);
    command.arg(suite.root.path()).arg(&suite.data).arg(out).arg(layer).arg(&job.workdir);
    command.args(&job.command);
    command.env_clear().envs(ENVIRONMENT).envs(job.env.iter().map(|(key, value)| (key, value)));
    command
}

fn here(offshoot: &Path, platform: &str, suite: &Suite, job: &Job, out: &Path) -> Command {
    let mut command = heir();
    command.arg(offshoot).args(["run", "--platform", platform, "--scratch", "--root"]).arg(suite.root.path());
    command.arg("-v").arg(format!("{}:/suite:ro", suite.data.display()));
    command.arg("-v").arg(format!("{}:/out", out.display()));
    command.args(["-w", &job.workdir, "--timeout", &job.limit.as_secs().to_string()]);
    let own = job.env.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    for (key, value) in ENVIRONMENT.into_iter().chain(own) {
        command.arg("-e").arg(format!("{key}={value}"));
    }
    command.arg("--").args(&job.command);
    command.env_clear().envs(ENVIRONMENT);
    // Where the command itself keeps its run-time files.
    for key in ["XDG_RUNTIME_DIR", "TMPDIR", "RUST_BACKTRACE", "HOME", "PATH"] {
        if let Some(value) = env::var_os(key) {
            command.env(key, value);
        }
    }
    command
}

/// Whether this user may make the namespaces of the native side; otherwise why not.
pub fn namespaces() -> Result<()> {
    let mut command = unshare();
    command.args(["/bin/sh", "-c", "mount -t tmpfs tmpfs /mnt"]);
    let finished = exec::run(command, b"", GRACE)?;
    if finished.status != 0 {
        let text = String::from_utf8_lossy(&finished.stderr).trim().to_owned();
        bail!("no namespaces for the native side: {}", text.lines().next().unwrap_or("no reason given"));
    }
    Ok(())
}

fn unshare() -> Command {
    let mut command = heir();
    command.arg("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child=KILL"]);
    command
}

/// What a command begins with that is killed when this program ends, however that comes (a namespace's or family's first
/// program takes all others with it), and that ignores no signals: a shell lets what it runs in the background ignore
/// SIGINT, which some tests would notice.
fn heir() -> Command {
    let mut command = Command::new("env");
    command.args(["--default-signal", "setpriv", "--pdeathsig", "KILL"]);
    command
}

/// Whether a side can run anything at all; otherwise why not.
pub fn probe(suite: &Suite, side: &Side) -> Result<()> {
    let scratch = TempDir::new("suite")?;
    let (out, layer) = (scratch.path().join("out"), scratch.path().join("layer"));
    fs::create_dir(&out)?;
    fs::create_dir(&layer)?;
    let job = Job {
        area: String::new(),
        name: "true".to_owned(),
        command: vec!["/bin/true".to_owned()],
        workdir: "/work".to_owned(),
        env: Vec::new(),
        limit: Duration::from_secs(60),
        reading: super::Reading::Status,
        short: false,
    };
    let (what, command) = match side {
        Side::Native => {
            ("natively (it needs root, or unprivileged user namespaces)", native(suite, &job, &out, &layer))
        }
        Side::Here(offshoot, platform) => ("under offshoot", here(offshoot, platform, suite, &job, &out)),
    };
    let finished = exec::run(command, b"", job.limit + GRACE)?;
    if finished.status != 0 {
        let text = String::from_utf8_lossy(&finished.stderr).trim().to_owned();
        bail!(
            "cannot run the suite {} {what}: {}",
            suite.name,
            text.lines().next().unwrap_or("no reason given")
        );
    }
    Ok(())
}
