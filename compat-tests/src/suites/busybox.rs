//! busybox's testsuite, from Debian's source package, against the busybox of Debian's binary package.
//!
//! One job for some applets: of each its `.tests` script, and the old-style tests in the folder of its name. What comes
//! before the first test, a link for each applet that busybox has, takes longer than most tests. One job for each folder
//! of the tests of ash, which lie apart.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use portkit::{Cache, Progress, open_source};

use super::build::{self, Built};
use super::{Job, Reading, Suite};

/// Its name on the command line.
pub const NAME: &str = "busybox";
const PORT: &str = include_str!("../../suites/compat-busybox/port.toml");
const LIMIT: Duration = Duration::from_secs(300);
/// Of a batch of applets.
const LIMIT_OF_BATCH: Duration = Duration::from_secs(900);
/// A folder of ash's tests with thousands of forks, and its limit.
const SLOW_ASH: (&str, Duration) = ("ash-z_slow", Duration::from_secs(1200));
/// How many applets one job tests. On Xen, in a lab, the links alone take three minutes.
const BATCH: usize = 21;
/// Applets whose tests start thousands of programs: a job each.
const ALONE: [&str; 5] = ["md5sum", "sha1sum", "sha256sum", "sha3sum", "sha512sum"];

/// The tests of applets.
const RUN: &str = include_str!("busybox.sh");

/// The tests of ash.
const RUN_ASH: &str = include_str!("ash.sh");
/// Programs that they call.
const ASH_HELPERS: [&str; 3] = ["printenv", "recho", "zecho"];

/// What needs the whole source tree, which is no matter of compatibility, and a script that ends before its first test.
const LEFT_OUT: [&str; 2] = ["all_sourcecode", "ash"];
/// The applets of the short part, and its folder of ash's tests.
const SHORT: [&str; 7] = ["cp", "find", "grep", "ls", "mv", "tail", "xargs"];
const SHORT_ASH: &str = "ash-arith";

/// Fetches it, and compiles its helper.
pub fn prepare(cache: &Cache, progress: &Progress) -> Result<Suite> {
    let source = open_source("busybox", cache, progress)?;
    let root = build::root(cache, "compat-busybox", PORT, progress)?;
    let built = Built::open(cache, NAME, &format!("{}.2", source.version))?;
    if !built.done {
        build::copy(&source.path.join("testsuite"), &built.path)?;
        build::copy(&source.path.join("debian/config/pkg/deb"), &built.path.join("config"))?;
        build::compile(&[&source.path.join("scripts/echo.c")], &built.path.join("echo-ne"), &[])?;
        build::copy(&source.path.join("shell/ash_test"), &built.path)?;
        let tests = built.path.join("ash_test");
        for helper in ASH_HELPERS {
            build::compile(&[&tests.join(format!("{helper}.c"))], &tests.join(helper), &[])?;
        }
        built.finish()?;
    }
    let (short, rest): (Vec<String>, Vec<String>) = applets(&built.path.join("testsuite"))?
        .into_iter()
        .partition(|applet| SHORT.contains(&applet.as_str()));
    let (alone, rest): (Vec<String>, Vec<String>) =
        rest.into_iter().partition(|applet| ALONE.contains(&applet.as_str()));
    let mut jobs = vec![batch(&short, true)];
    jobs.extend(alone.chunks(1).map(|applet| batch(applet, false)));
    jobs.extend(rest.chunks(BATCH).map(|applets| batch(applets, false)));
    jobs.extend(ash_folders(&built.path.join("ash_test"))?.iter().map(|folder| ash(folder)));
    Ok(Suite {
        name: NAME,
        title: "busybox's testsuite",
        version: source.version,
        root,
        data: built.path,
        jobs,
        skipped: Vec::new(),
    })
}

fn ash_folders(tests: &Path) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(tests).with_context(|| format!("cannot read {}", tests.display()))?.flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| name.starts_with("ash-")).collect())
}

fn applets(tests: &Path) -> Result<BTreeSet<String>> {
    let mut applets = BTreeSet::new();
    for entry in fs::read_dir(tests).with_context(|| format!("cannot read {}", tests.display()))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        match name.strip_suffix(".tests") {
            Some(applet) => applets.insert(applet.to_owned()),
            None if entry.file_type()?.is_dir() => applets.insert(name),
            None => false,
        };
    }
    applets.retain(|applet| !LEFT_OUT.contains(&applet.as_str()));
    Ok(applets)
}

/// The tests of some applets, whose names are told in between: areas of their own.
fn batch(applets: &[String], short: bool) -> Job {
    let mut job = job(String::new(), applets.join(" "), RUN, applets);
    (job.limit, job.short) = (LIMIT_OF_BATCH, short);
    job
}

fn ash(folder: &str) -> Job {
    let mut job = job("ash".to_owned(), folder.to_owned(), RUN_ASH, &[folder.to_owned()]);
    job.short = folder == SHORT_ASH;
    if folder == SLOW_ASH.0 {
        job.limit = SLOW_ASH.1;
    }
    job
}

fn job(area: String, name: String, run: &str, args: &[String]) -> Job {
    Job {
        area,
        name,
        command: ["/bin/sh", "-c", run, "sh"]
            .map(str::to_owned)
            .into_iter()
            .chain(args.iter().cloned())
            .collect(),
        workdir: "/work".to_owned(),
        env: vec![("ECHO".to_owned(), "/suite/echo-ne".to_owned())],
        limit: LIMIT,
        reading: Reading::Lines,
        short: false,
    }
}
