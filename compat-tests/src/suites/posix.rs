//! The Open POSIX Test Suite, from Debian's source package `posixtestsuite`: conformance, functional and stress tests,
//! each a program of one file or a script that calls one.
//!
//! The suite's Makefile turns warnings of newer compilers into failures and so leaves many tests out; here they are
//! compiled one by one without warnings, otherwise as the suite does it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use portkit::{Cache, Progress, open_source};

use super::build::{self, Built};
use super::{Job, Reading, Suite};

/// Its name on the command line.
pub const NAME: &str = "posix";
const PORT: &str = include_str!("../../suites/compat-posix/port.toml");

/// The suite's own is 240 s; what passes needs a fraction of this.
const LIMIT: Duration = Duration::from_secs(120);
/// How long a test runs that goes on until it is told to stop by SIGUSR1, in seconds.
const STRESS: &str = "10";
/// Runs such a test: the program and its time.
const UNTIL_TOLD: &str = "\"$1\" & pid=$!; sleep \"$2\"; kill -USR1 $pid; wait $pid";

/// The arguments that the suite's scripts give to some programs.
const ARGUMENTS: [(&str, &str); 3] = [
    ("stress/mqueues/multi_send_rev_1", "10"),
    ("stress/mqueues/multi_send_rev_2", "100"),
    ("stress/semaphores/multi_con_pro", "100"),
];

/// Every how many tests of the interfaces one belongs to the short part.
const SHORT: usize = 20;

/// Fetches and compiles it.
pub fn prepare(cache: &Cache, progress: &Progress) -> Result<Suite> {
    let source = open_source("posixtestsuite", cache, progress)?;
    let root = build::root(cache, "compat-posix", PORT, progress)?;
    let built = Built::open(cache, NAME, &source.version)?;
    let mut files = Vec::new();
    walk(&source.path, Path::new(""), &mut files)?;
    files.sort();
    if !built.done {
        compile(&source.path, &built, &files, progress)?;
    }
    let (mut jobs, mut skipped) = (Vec::new(), failures(&built)?);
    for file in &files {
        let name = file.with_extension("").to_string_lossy().into_owned();
        let text = fs::read_to_string(built.path.join(file)).unwrap_or_default();
        match file.extension().and_then(|end| end.to_str()) {
            Some("c") if is_test(file) && built.path.join(format!("{name}.test")).is_file() => {
                jobs.push(program(&name, &text));
            }
            Some("sh") if is_test(file) => jobs.push(script(&name)),
            Some("c") if name.contains("-buildonly") && !skipped.contains_key(&name) => {
                skipped.insert(name, "it is only to be compiled, and compiles".to_owned());
            }
            _ => {}
        }
    }
    let runnable = |job: &&mut Job| job.area.len() == 3;
    jobs.iter_mut().filter(runnable).step_by(SHORT).for_each(|job| job.short = true);
    let skipped = skipped.into_iter().map(|(name, why)| (area(&name), shown(&name), why)).collect();
    Ok(Suite {
        name: NAME,
        title: "the Open POSIX Test Suite",
        version: source.version,
        root,
        data: built.path,
        jobs,
        skipped,
    })
}

fn walk(top: &Path, below: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let dir = top.join(below);
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?.flatten() {
        let path = below.join(entry.file_name());
        let first = path.components().next().map(|part| part.as_os_str().to_owned());
        if entry.file_type()?.is_dir() {
            if ["conformance", "functional", "stress"].iter().any(|part| first == Some((*part).into())) {
                walk(top, &path, files)?;
            }
        } else if below != Path::new("") {
            files.push(path);
        }
    }
    Ok(())
}

/// The suite's own rule for the conformance tests; elsewhere every program is one but a test's framework.
fn is_test(file: &Path) -> bool {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let numbered = name.split_once('-').is_some_and(|(one, other)| {
        let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        digits(one) && digits(other)
    });
    match file.starts_with("conformance") {
        true => numbered && !name.contains("buildonly"),
        false => file.extension().is_some_and(|end| end == "c"),
    }
}

/// Compiles every program beside a copy of its source, and keeps the compiler's complaints.
fn compile(source: &Path, built: &Built, files: &[PathBuf], progress: &Progress) -> Result<()> {
    for part in ["conformance", "functional", "stress", "include"] {
        build::copy(&source.join(part), &built.path)?;
    }
    let programs: Vec<&PathBuf> = files
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "c"))
        .filter(|file| fs::read_to_string(source.join(file)).is_ok_and(|text| has_main(&text)))
        .collect();
    let includes: Vec<String> = ["include", "functional/threads/include"]
        .iter()
        .map(|dir| format!("-I{}", source.join(dir).display()))
        .collect();
    let failed = build::each(&programs, progress, "the Open POSIX Test Suite", |file| {
        let options =
            ["-std=gnu99", "-D_POSIX_C_SOURCE=200112L", "-D_GNU_SOURCE", &includes[0], &includes[1]];
        let options: Vec<&str> = options.into_iter().chain(["-lpthread", "-lrt", "-lm"]).collect();
        build::compile(&[&source.join(file)], &built.path.join(file.with_extension("test")), &options)
    });
    let text: String = failed
        .iter()
        .map(|(at, why)| {
            format!("{}\t{}\n", programs[*at].with_extension("").display(), why.replace('\n', " "))
        })
        .collect();
    fs::write(built.path.join("failures"), text)?;
    built.finish()
}

fn has_main(text: &str) -> bool {
    text.match_indices("main").any(|(at, _)| {
        let before = text[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_');
        before && text[at + 4..].trim_start().starts_with('(')
    })
}

/// What could not be compiled, by name.
fn failures(built: &Built) -> Result<BTreeMap<String, String>> {
    let text =
        fs::read_to_string(built.path.join("failures")).context("cannot read the compiler's complaints")?;
    let source = |why: &str| why.split(": error: ").last().unwrap_or(why).to_owned();
    Ok(text
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, why)| (name.to_owned(), format!("it does not compile: {}", source(why))))
        .collect())
}

fn program(name: &str, text: &str) -> Job {
    let path = format!("/suite/{name}.test");
    let mut command = vec![path.clone()];
    if let Some((_, argument)) = ARGUMENTS.iter().find(|(of, _)| *of == name) {
        command.push((*argument).to_owned());
    }
    if name.starts_with("stress/threads") && text.contains("SIGUSR1") {
        command = ["/bin/sh", "-c", UNTIL_TOLD, "sh", &path, STRESS].map(str::to_owned).to_vec();
    }
    job(name, command)
}

fn script(name: &str) -> Job {
    let mut job = job(name, vec!["/bin/sh".to_owned(), format!("{name}.sh")]);
    // They name their programs from the suite's top folder.
    job.workdir = "/suite".to_owned();
    job
}

fn job(name: &str, command: Vec<String>) -> Job {
    Job {
        area: area(name),
        name: shown(name),
        command,
        workdir: "/work".to_owned(),
        env: Vec::new(),
        limit: LIMIT,
        reading: Reading::Posix,
        short: false,
    }
}

/// The name without the folder that is its area.
fn shown(name: &str) -> String {
    let parts = ["conformance/interfaces/", "conformance/", "functional/", "stress/"];
    parts.iter().find_map(|part| name.strip_prefix(part)).unwrap_or(name).to_owned()
}

/// The suite's own areas: those of its run_tests script, and its folders.
fn area(name: &str) -> String {
    let Some(interface) = name.strip_prefix("conformance/interfaces/") else {
        let mut parts = name.split('/');
        let first = parts.next().unwrap_or_default();
        return if first == "conformance" { parts.next().unwrap_or(first) } else { first }.to_owned();
    };
    let interface = interface.split('/').next().unwrap_or_default();
    let area = match interface {
        "raise" | "kill" | "killpg" | "pthread_kill" | "pthread_sigmask" | "signal" => "SIG",
        "lio_listio" => "AIO",
        _ if interface.contains("sched") && !interface.starts_with("pthread") => "TPS",
        _ if interface.starts_with("aio_") => "AIO",
        _ if interface.starts_with("sig") => "SIG",
        _ if interface.starts_with("sem") => "SEM",
        _ if interface.starts_with("pthread_") => "THR",
        _ if interface.starts_with("mq_") => "MSG",
        _ if interface.starts_with("shm_")
            || interface.ends_with("lock")
            || interface.ends_with("lockall") =>
        {
            "MEM"
        }
        "mmap" | "munmap" => "MEM",
        _ if interface.contains("time") || interface.starts_with("clock") || interface == "nanosleep" => {
            "TMR"
        }
        _ => "BAS",
    };
    area.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_areas() {
        assert_eq!(area("conformance/interfaces/sched_yield/1-1"), "TPS");
        assert_eq!(area("conformance/interfaces/pthread_setschedparam/1-1"), "THR");
        assert_eq!(area("conformance/definitions/errno_h/1-1"), "definitions");
        assert_eq!(area("stress/threads/fork/s-c1"), "stress");
        assert_eq!(shown("conformance/interfaces/fork/1-1"), "fork/1-1");
        assert!(is_test(Path::new("conformance/interfaces/fork/1-1.c")));
        assert!(!is_test(Path::new("conformance/interfaces/fork/1-core-buildonly.c")));
        assert!(!is_test(Path::new("conformance/interfaces/sem_post/cln.sh")));
        assert!(has_main("int\nmain (void)") && !has_main("remain(x) main_loop(y)"));
    }
}
