//! Where a job runs: natively in namespaces of its own, or under `offshoot run`; either way in a throw-away layer over
//! the suite's root, with the suite's data as `/suite` and a folder for results as `/out`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Job, Seen, Suite};
use crate::exec::{self, Finished};
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

/// The folder of a job's results, beside its layer.
const OUT: &str = "out";
/// How long a family may take to end after its own limit.
const GRACE: Duration = Duration::from_secs(20);

/// One side.
#[derive(Clone, Debug)]
pub enum Side {
    /// The host's own Linux.
    Native,
    /// Offshoot.
    Here(Here),
}

/// Offshoot, as the suites call it.
#[derive(Clone, Debug)]
pub struct Here {
    /// The command.
    pub offshoot: PathBuf,
    /// What `run --platform` takes.
    pub platform: &'static str,
    /// A test may take this many times as long as natively: for emulated machines.
    pub patience: u32,
    /// Where folders are made that the command reads and writes.
    pub folders: PathBuf,
}

impl Here {
    /// A command of this machine.
    pub fn new(offshoot: &Path, platform: &'static str) -> Here {
        Here { offshoot: offshoot.to_owned(), platform, patience: 1, folders: env::temp_dir() }
    }
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
    let (finished, limit, scratch) = attempt(suite, job, side)?;
    let hung = finished.timed_out || (finished.took >= limit && finished.status == 124);
    let out = scratch.path().join(OUT);
    Ok(Run { seen: job.read(&finished, hung, &out), took: finished.took })
}

/// Runs a job's command: how it ended, its limit on this side, and the folder that has its results.
fn attempt(suite: &Suite, job: &Job, side: &Side) -> Result<(Finished, Duration, TempDir)> {
    let scratch = match side {
        Side::Native => TempDir::new("suite")?,
        Side::Here(here) => TempDir::within(&here.folders, "suite")?,
    };
    let (out, layer) = (scratch.path().join(OUT), scratch.path().join("layer"));
    for dir in [&out, &layer] {
        fs::create_dir(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    // A family ends itself at its limit and leaves nothing; the kill is for one that does not.
    let (command, limit, grace) = match side {
        Side::Native => (native(suite, job, &out, &layer), job.limit, Duration::ZERO),
        Side::Here(here) => {
            let limit = job.limit * here.patience;
            (command_of(here, suite, job, limit, &out), limit, GRACE * here.patience)
        }
    };
    Ok((exec::run(command, b"", limit + grace)?, limit, scratch))
}

fn native(suite: &Suite, job: &Job, out: &Path, layer: &Path) -> Command {
    let mut command = unshare();
    command.args(["/bin/sh", "-c", SCRIPT, "sh"]);
    command.arg(suite.root.path()).arg(&suite.data).arg(out).arg(layer).arg(&job.workdir);
    command.args(&job.command);
    command.env_clear().envs(ENVIRONMENT).envs(job.env.iter().map(|(key, value)| (key, value)));
    command
}

fn command_of(here: &Here, suite: &Suite, job: &Job, limit: Duration, out: &Path) -> Command {
    let mut command = heir();
    command.arg(&here.offshoot).args(["run", "--platform", here.platform, "--scratch", "--root"]);
    command.arg(suite.root.path());
    command.arg("-v").arg(format!("{}:/suite:ro", suite.data.display()));
    command.arg("-v").arg(format!("{}:/out", out.display()));
    command.args(["-w", &job.workdir, "--timeout", &limit.as_secs().to_string()]);
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
    let what = match side {
        Side::Native => "natively (it needs root, or unprivileged user namespaces)",
        Side::Here(_) => "under offshoot",
    };
    let (finished, ..) = attempt(suite, &job, side)?;
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
