//! Bad input to the command: one clear line that names the culprit, the status that a shell would give, and
//! nothing left behind.

mod fixtures;
mod leftovers;

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::bed::Bed;
use crate::tally::Tally;
use fixtures::Fixtures;

/// The command itself cannot do what it was told: docker's and podman's status.
const OURS: i32 = 125;
/// The program was found but cannot be executed.
const CANNOT_EXECUTE: i32 = 126;
/// The program was not found.
const NOT_FOUND: i32 = 127;
/// How long saying no may take.
const LIMIT: Duration = Duration::from_secs(20);

/// One wrong call.
struct Case {
    name: &'static str,
    args: Vec<String>,
    /// The status that it must end with.
    status: i32,
    /// What the line must name.
    names: String,
    /// A folder of ports instead of the usual one.
    ports: Option<String>,
}

/// Runs all wrong calls.
pub fn run(bed: &Bed) -> Result<Tally> {
    let fixtures = Fixtures::make(bed)?;
    let busy = TcpListener::bind(("0.0.0.0", 0)).context("cannot listen")?;
    let mut tally = Tally::default();
    leftovers::adopt_orphans()?;
    for case in cases(bed, &fixtures, busy.local_addr()?.port()) {
        tally.note(case.name, judge(bed, &fixtures, &case));
    }
    tally.note("no space for a port's root", no_space(bed, &fixtures));
    Ok(tally)
}

fn cases(bed: &Bed, fixtures: &Fixtures, busy: u16) -> Vec<Case> {
    let case = |name, status, names: &str, args: &[&str]| {
        let args = args.iter().map(|arg| arg.to_string()).collect();
        Case { name, args, status, names: names.to_owned(), ports: None }
    };
    let root = fixtures.root.to_string_lossy();
    let run =
        |name, status, program: &str| case(name, status, program, &["run", "--root", &root, "--", program]);
    let publish = format!("{busy}:80");
    let absent = fixtures.dir.join("absent").to_string_lossy().into_owned();
    let file = fixtures.root.join("text").to_string_lossy().into_owned();
    let mount = format!("{absent}:/mnt");
    let mut all = vec![
        run("not an ELF", CANNOT_EXECUTE, "/text"),
        run("an empty file", CANNOT_EXECUTE, "/empty"),
        run("another machine's ELF", CANNOT_EXECUTE, "/aarch64"),
        run("a 32-bit ELF", CANNOT_EXECUTE, "/i386"),
        run("a truncated ELF", CANNOT_EXECUTE, "/truncated"),
        run("an ELF header alone", CANNOT_EXECUTE, "/header"),
        run("a file that is not executable", CANNOT_EXECUTE, "/plain"),
        run("a directory", CANNOT_EXECUTE, "/dir"),
        run("a missing interpreter", NOT_FOUND, "/lost"),
        run("a missing script interpreter", NOT_FOUND, "/lost-script"),
        run("a missing program", NOT_FOUND, "/absent"),
        run("a missing program, without a path", NOT_FOUND, "absent"),
        case("a missing root", OURS, &absent, &["run", "--root", &absent, "/bin/true"]),
        case("a root that is a file", OURS, &file, &["run", "--root", &file, "/bin/true"]),
        case("a port in use", OURS, &busy.to_string(), &["run", "-p", &publish, "/bin/true"]),
        case("a wrong port", OURS, "99999", &["run", "-p", "99999:80", "/bin/true"]),
        case("a wrong size of memory", OURS, "lots", &["run", "-m", "lots", "/bin/true"]),
        case("too little memory", OURS, "4k", &["run", "-m", "4k", "/bin/true"]),
        case("a missing volume", OURS, &absent, &["run", "-v", &mount, "/bin/true"]),
        case("a wrong volume", OURS, "relative", &["run", "-v", "relative", "/bin/true"]),
        case("an unknown network", OURS, "moon", &["run", "--net", "moon", "/bin/true"]),
        case("no program", OURS, "run", &["run"]),
        case("an unknown option", OURS, "--colour", &["run", "--colour", "/bin/true"]),
        case("an unknown command", OURS, "fly", &["fly"]),
        case("an unknown port", OURS, "apache", &["run", "--port", "apache"]),
        case("an unknown port to build", OURS, "apache", &["port", "build", "apache"]),
        Case {
            ports: Some(fixtures.ports.to_string_lossy().into_owned()),
            ..case("a port.toml with a wrong key", OURS, "`memroy`", &["run", "--port", "wrong"])
        },
        Case {
            ports: Some(fixtures.ports.to_string_lossy().into_owned()),
            ..case("a port.toml that is not TOML", OURS, "port.toml:1", &["port", "build", "broken"])
        },
    ];
    if bed.is_ordinary() {
        let closed = fixtures.closed.to_string_lossy().into_owned();
        all.push(case("an unreadable root", OURS, &closed, &["run", "--root", &closed, "/bin/true"]));
        all.push(run("an unreadable program", CANNOT_EXECUTE, "/unreadable"));
    }
    all
}

fn judge(bed: &Bed, fixtures: &Fixtures, case: &Case) -> Result<(), String> {
    let mut command = bed.command(&bed.offshoot);
    command.args(&case.args).env("XDG_RUNTIME_DIR", &fixtures.runtime);
    if let Some(ports) = &case.ports {
        command.env("OFFSHOOT_PORTS", ports);
    }
    let output = finish(command)?;
    one_line(&output, &case.names)?;
    if output.status.code() != Some(case.status) {
        return Err(format!("{}, wanted {}; it says: {}", output.status, case.status, said(&output)));
    }
    leftovers::check(&fixtures.runtime)
}

/// A full disk: a small file system of its own, where the machine lets us mount one.
fn no_space(bed: &Bed, fixtures: &Fixtures) -> Result<(), String> {
    let in_namespace = |script: &str| {
        let mut command = bed.command("unshare".as_ref());
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
        command.arg(&fixtures.full).arg(&bed.offshoot);
        command
    };
    if !finish(in_namespace("mount -t tmpfs -o size=256k none \"$1\""))?.status.success() {
        println!("skipped: this user may not mount a small file system here");
        return Ok(());
    }
    let script =
        "mount -t tmpfs -o size=256k none \"$1\" && OFFSHOOT_CACHE=\"$1\" exec \"$2\" port build bash";
    let output = finish(in_namespace(script))?;
    if output.status.code() != Some(OURS) {
        return Err(format!("{}, wanted {OURS}; it says: {}", output.status, said(&output)));
    }
    match said(&output).contains("o space left") {
        true => Ok(()),
        false => Err(format!("it does not say that no space is left: {}", said(&output))),
    }
}

/// Runs the command to its end, or kills it at the time limit.
fn finish(mut command: Command) -> Result<Output, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot run it: {error}"))?;
    let deadline = Instant::now() + LIMIT;
    loop {
        match child.try_wait() {
            Ok(Some(_)) => break,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            _ => {
                // It may have ended meanwhile; the verdict stays.
                let _ = child.kill();
                let _ = child.wait();
                leftovers::kill();
                return Err(format!("still running after {} s", LIMIT.as_secs()));
            }
        }
    }
    child.wait_with_output().map_err(|error| format!("cannot read what it says: {error}"))
}

fn one_line(output: &Output, names: &str) -> Result<(), String> {
    if !output.stdout.is_empty() {
        return Err(format!(
            "it writes to standard output: {}",
            String::from_utf8_lossy(&output.stdout).trim()
        ));
    }
    let text = String::from_utf8_lossy(&output.stderr);
    if text.trim().is_empty() {
        return Err(format!("not a word ({})", output.status));
    }
    if text.trim_end().lines().count() != 1 {
        return Err(format!("more than one line: {}", said(output)));
    }
    match text.contains(names) {
        true => Ok(()),
        false => Err(format!("the line does not name {names}: {}", said(output))),
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().replace('\n', " | ")
}
