//! busybox's testsuite, from Debian's source package, against the busybox of Debian's binary package.
//!
//! One job for each applet: its `.tests` script, and the old-style tests in the folder of its name. One for each folder of
//! the tests of ash, which lie apart.

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

/// The suite wants the program and its configuration in one folder that it may write to, and the tests in another.
const RUN: &str = "cp -r /suite/testsuite /work/testsuite && mkdir /work/bin && cp /usr/bin/busybox /work/bin && \
    cp /suite/config /work/bin/.config && cd /work/testsuite && bindir=/work/bin exec ./runtest -v \"$1\"";

/// The tests of ash.
const RUN_ASH: &str = include_str!("ash.sh");
/// Programs that they call.
const ASH_HELPERS: [&str; 3] = ["printenv", "recho", "zecho"];

/// What needs the whole source tree, which is no matter of compatibility, and a script that ends before its first test.
const LEFT_OUT: [&str; 2] = ["all_sourcecode", "ash"];
/// The applets of the short part.
const SHORT: [&str; 8] = ["ash-arith", "cp", "find", "grep", "ls", "mv", "tail", "xargs"];

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
    let mut jobs: Vec<Job> =
        applets(&built.path.join("testsuite"))?.iter().map(|applet| job(applet, applet, RUN)).collect();
    let folders = ash_folders(&built.path.join("ash_test"))?;
    jobs.extend(folders.iter().map(|folder| job("ash", folder, RUN_ASH)));
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

fn job(area: &str, name: &str, run: &str) -> Job {
    Job {
        area: area.to_owned(),
        name: name.to_owned(),
        command: ["/bin/sh", "-c", run, "sh", name].map(str::to_owned).to_vec(),
        workdir: "/work".to_owned(),
        env: vec![("ECHO".to_owned(), "/suite/echo-ne".to_owned())],
        limit: LIMIT,
        reading: Reading::Lines,
        short: SHORT.contains(&name),
    }
}
