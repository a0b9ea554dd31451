//! bash's own tests, from Debian's source package, against the bash of Debian's binary package: one record for each of
//! its `run-*` scripts, which compare all that a script prints with what it should.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use portkit::{Cache, Progress, open_source};

use super::build::{self, Built};
use super::{Job, Reading, Suite};

/// Its name on the command line.
pub const NAME: &str = "bash";
const PORT: &str = include_str!("../../suites/compat-bash/port.toml");
const LIMIT: Duration = Duration::from_secs(300);

/// The tests write beside themselves.
const RUN: &str = "cp -r /suite/tests /work/tests && cd /work/tests && exec sh \"./$1\"";
/// Programs that the tests call, from the sources' support folder.
const HELPERS: [&str; 4] = ["printenv", "recho", "xcase", "zecho"];
/// Scripts that run others.
const LEFT_OUT: [&str; 2] = ["run-all", "run-minimal"];
/// The scripts of the short part.
const SHORT: [&str; 8] = [
    "run-arith",
    "run-comsub",
    "run-execscript",
    "run-glob-test",
    "run-heredoc",
    "run-lastpipe",
    "run-procsub",
    "run-trap",
];

/// Fetches it, and compiles its helpers.
pub fn prepare(cache: &Cache, progress: &Progress) -> Result<Suite> {
    let source = open_source("bash", cache, progress)?;
    let root = build::root(cache, "compat-bash", PORT, progress)?;
    let built = Built::open(cache, NAME, &source.version)?;
    let tests = built.path.join("tests");
    if !built.done {
        build::copy(&source.path.join("tests"), &built.path)?;
        let includes = ["", "include"].map(|dir| format!("-I{}", source.path.join(dir).display()));
        let defined = ["-DHAVE_STRING_H", "-DHAVE_STDLIB_H", "-DHAVE_UNISTD_H"];
        let options: Vec<&str> = includes.iter().map(String::as_str).chain(defined).collect();
        for helper in HELPERS {
            let file = source.path.join("support").join(format!("{helper}.c"));
            build::compile(&[&file], &tests.join(helper), &options)?;
        }
        built.finish()?;
    }
    let mut names: Vec<String> = fs::read_dir(&tests)
        .with_context(|| format!("cannot read {}", tests.display()))?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("run-") && !LEFT_OUT.contains(&name.as_str()))
        .collect();
    names.sort();
    Ok(Suite {
        name: NAME,
        title: "bash's own tests",
        version: source.version,
        root,
        data: built.path,
        jobs: names.iter().map(|name| job(name)).collect(),
        skipped: Vec::new(),
    })
}

fn job(script: &str) -> Job {
    let pairs = [("THIS_SH", "/bin/bash"), ("BUILD_DIR", "/work"), ("BASH_TSTOUT", "/tmp/test-output")];
    let path = ("PATH", ".:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    Job {
        area: "tests".to_owned(),
        name: script.to_owned(),
        command: ["/bin/bash", "-c", RUN, "bash", script].map(str::to_owned).to_vec(),
        workdir: "/work".to_owned(),
        env: pairs.into_iter().chain([path]).map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        limit: LIMIT,
        reading: Reading::Status,
        short: SHORT.contains(&script),
    }
}
