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

/// Runs a script in a copy of the tests, which write beside themselves; as an ordinary user and on a terminal, as they want
/// it. (Where a user runs the native side there is no other user in its namespace.)
const RUN: &str = include_str!("bash.sh");
/// The locales that they ask for, as glibc names their folders, with the names of their sources.
const LOCALES: [(&str, &str, &str); 6] = [
    ("en_US.utf8", "en_US", "UTF-8"),
    ("de_DE.utf8", "de_DE", "UTF-8"),
    ("fr_FR.iso88591", "fr_FR", "ISO-8859-1"),
    ("ja_JP.sjis", "ja_JP", "SHIFT_JIS"),
    ("zh_TW.big5", "zh_TW", "BIG5"),
    ("zh_HK.big5hkscs", "zh_HK", "BIG5-HKSCS"),
];
/// What building bash leaves beside the tests, and what stands for it: some of them want long texts.
const TEXTS: [(&str, &str); 3] =
    [("y.tab.c", "y.tab.c"), ("config.h.in", "config.h"), ("version.c", "version.h")];
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
    let built = Built::open(cache, NAME, &format!("{}.3", source.version))?;
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
        let texts = built.path.join("texts");
        fs::create_dir_all(&texts).with_context(|| format!("cannot make {}", texts.display()))?;
        for (from, to) in TEXTS {
            build::copy(&source.path.join(from), &texts.join(to))?;
        }
        let locales = built.path.join("locales");
        fs::create_dir_all(&locales).with_context(|| format!("cannot make {}", locales.display()))?;
        for (name, language, charset) in LOCALES {
            build::locale(root.path(), language, charset, &locales.join(name))?;
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
    let pairs = [
        ("THIS_SH", "/bin/bash"),
        ("BUILD_DIR", "/work"),
        ("BASH_TSTOUT", "/tmp/test-output"),
        ("HOME", "/work"),
    ];
    let path = ("PATH", "/work/tests:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
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
