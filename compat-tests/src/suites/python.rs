//! CPython's own tests, from Debian's package `libpython3.11-testsuite`, run by Debian's python3.11: one job for each
//! module, one record for each test method.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use portkit::{Cache, Progress};

use super::build::{self, Built};
use super::{Job, Reading, Suite};

/// Its name on the command line.
pub const NAME: &str = "python";
const PORT: &str = include_str!("../../suites/compat-python/port.toml");
const RECORDS: &str = include_str!("records.py");

/// The modules that are about what an operating system gives.
const MODULES: [&str; 37] = [
    "test_os",
    "test_posix",
    "test_subprocess",
    "test_fork1",
    "test_wait3",
    "test_wait4",
    "test_signal",
    "test_threadsignals",
    "test_threading",
    "test_thread",
    "test_multiprocessing_fork",
    "test_multiprocessing_spawn",
    "test_multiprocessing_forkserver",
    "test_concurrent_futures",
    "test_socket",
    "test_socketserver",
    "test_selectors",
    "test_select",
    "test_poll",
    "test_epoll",
    "test_eintr",
    "test_pty",
    "test_openpty",
    "test_tty",
    "test_mmap",
    "test_shutil",
    "test_pathlib",
    "test_tempfile",
    "test_fcntl",
    "test_resource",
    "test_faulthandler",
    "test_largefile",
    "test_io",
    "test_file",
    "test_time",
    "test_fileio",
    "test_posixpath",
];
/// The modules of the short part.
const SHORT: [&str; 9] = [
    "test_fork1",
    "test_wait3",
    "test_wait4",
    "test_select",
    "test_poll",
    "test_openpty",
    "test_mmap",
    "test_resource",
    "test_posix",
];
/// Modules that take longer than the others, with their limit in seconds.
const LONG: [(&str, u64); 5] = [
    ("test_multiprocessing_fork", 1500),
    ("test_multiprocessing_spawn", 2400),
    ("test_multiprocessing_forkserver", 2400),
    ("test_concurrent_futures", 1500),
    ("test_subprocess", 900),
];
const LIMIT: u64 = 600;

/// Assembles its file system.
pub fn prepare(cache: &Cache, progress: &Progress) -> Result<Suite> {
    let root = build::root(cache, "compat-python", PORT, progress)?;
    let built = Built::open(cache, NAME, "records")?;
    let script = built.path.join("records.py");
    fs::write(&script, RECORDS).with_context(|| format!("cannot write {}", script.display()))?;
    let version = version(root.path()).unwrap_or_else(|| "3.11".to_owned());
    // A module that this Python does not have is no test.
    let tests = root.path().join("usr/lib/python3.11/test");
    let there = |name: &&str| tests.join(format!("{name}.py")).is_file() || tests.join(name).is_dir();
    let jobs = MODULES.into_iter().filter(there).map(job).collect();
    Ok(Suite {
        name: NAME,
        title: "CPython's tests",
        version,
        root,
        data: built.path,
        jobs,
        skipped: Vec::new(),
    })
}

/// The version of Debian's package, from the first line of its changelog: `python3.11 (VERSION) …`.
fn version(root: &Path) -> Option<String> {
    let changelog = root.join("usr/share/doc/python3.11/changelog.Debian.gz");
    let output = Command::new("zcat").arg(changelog).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.split_once('(')?.1.split_once(')')?.0.to_owned())
}

fn job(module: &str) -> Job {
    let limit = LONG.iter().find(|(name, _)| *name == module).map_or(LIMIT, |(_, limit)| *limit);
    Job {
        area: module.to_owned(),
        name: module.to_owned(),
        command: ["/usr/bin/python3.11", "/suite/records.py", module, &(limit - 30).to_string()]
            .map(str::to_owned)
            .to_vec(),
        workdir: "/work".to_owned(),
        env: vec![("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned())],
        limit: Duration::from_secs(limit),
        reading: Reading::Records,
        short: SHORT.contains(&module),
    }
}
