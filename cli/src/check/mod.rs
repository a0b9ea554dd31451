//! `offshoot check`: which system calls a program and its libraries can make, and which of these are partial or missing
//! here, by the table that `offshoot syscalls` prints.
//!
//! The code is read, not run: what a program loads only while it runs (plug-ins, name services) is not seen, and of what
//! is seen not every call need ever be made.

mod code;
mod object;
mod reach;

use std::collections::BTreeMap;
use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use posix::table::{Level, row};
use serde_json::json;

use crate::args::CheckArgs;
use object::Objects;
use reach::Found;

/// Prints what was found.
pub fn check(args: &CheckArgs) -> Result<u8> {
    let program = find(&args.binary, args.root.as_deref())?;
    let objects = Objects::load(&program, args.root.as_deref())?;
    let found = reach::reach(&objects);
    let mut out = std::io::stdout().lock();
    if args.json {
        let calls: Vec<_> = found.calls.iter().map(|(nr, by)| entry(&objects, *nr, by)).collect();
        let report = json!({
            "program": program, "libraries": objects.paths(), "not_found": objects.lost,
            "calls": calls, "computed": found.computed.iter().map(|(at, n)| json!({ "file": objects.name(*at), "places": n })).collect::<Vec<_>>(),
        });
        writeln!(out, "{report:#}")?;
        return Ok(0);
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (nr, by) in &found.calls {
        let (level, note) = standing(*nr);
        *counts.entry(level).or_default() += 1;
        if level != Level::Full.name() || args.all {
            let makers: Vec<String> = by.iter().map(|at| objects.name(*at)).collect();
            let line = format!("{level:<8} {:<24} {:<28} {note}", name(*nr), makers.join(", "));
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    let count = |level: &str| counts.get(level).copied().unwrap_or(0);
    writeln!(
        out,
        "{} system calls can be made: {} full, {} partial, {} missing here",
        found.calls.len(),
        count("full"),
        count("partial"),
        count("missing")
    )?;
    tell_doubts(&mut out, &objects, &found)?;
    Ok(0)
}

/// What the count does not cover.
fn tell_doubts(out: &mut impl Write, objects: &Objects, found: &Found) -> Result<()> {
    for (at, places) in &found.computed {
        writeln!(out, "{}: {places} more places make calls whose number is computed", objects.name(*at))?;
    }
    for lost in &objects.lost {
        writeln!(out, "{lost}: not found, so not looked at")?;
    }
    Ok(())
}

/// What the table says of a number: level and note.
fn standing(nr: u32) -> (&'static str, &'static str) {
    row(nr as usize).map_or(("missing", "answers ENOSYS"), |row| (row.level.name(), row.note))
}

fn name(nr: u32) -> String {
    abi::nr::name(nr as usize).map_or_else(|| format!("number {nr}"), str::to_owned)
}

fn entry(objects: &Objects, nr: u32, by: &[usize]) -> serde_json::Value {
    let (level, note) = standing(nr);
    let by: Vec<String> = by.iter().map(|at| objects.name(*at)).collect();
    json!({ "nr": nr, "name": name(nr), "level": level, "note": note, "by": by })
}

/// A program by its path, or by its name in PATH.
fn find(binary: &Path, root: Option<&Path>) -> Result<PathBuf> {
    let within = |path: &Path| match root {
        Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
        None => path.to_owned(),
    };
    if binary.components().count() > 1 || within(binary).is_file() {
        return Ok(binary.to_owned());
    }
    let path = match root {
        Some(_) => "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
        None => env::var_os("PATH").unwrap_or_default(),
    };
    match env::split_paths(&path).map(|dir| dir.join(binary)).find(|path| within(path).is_file()) {
        Some(path) => Ok(path),
        None => bail!("{}: no such program; give its path", binary.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_and_its_libraries() {
        let own = env::current_exe().unwrap();
        let objects = Objects::load(&own, None).unwrap();
        assert!(objects.paths().iter().any(|path| path.to_string_lossy().contains("libc.so")));
        assert_eq!(objects.lost, Vec::<String>::new());
        let found = reach::reach(&objects);
        let made = |nr: usize| found.calls.contains_key(&(nr as u32));
        use abi::nr::{
            SYS_clone3, SYS_exit_group, SYS_futex, SYS_init_module, SYS_mmap, SYS_openat, SYS_write,
        };
        for nr in [SYS_write, SYS_exit_group, SYS_mmap, SYS_clone3, SYS_openat, SYS_futex] {
            assert!(made(nr), "{}", super::name(nr as u32));
        }
        // Nothing that a test program is linked with can load kernel modules.
        assert!(!made(SYS_init_module));
    }

    #[test]
    fn the_table_decides() {
        for row in posix::table::rows() {
            assert_eq!(standing(row.nr as u32), (row.level.name(), row.note));
        }
        assert_eq!(standing(abi::nr::SYS_uselib as u32).0, "missing");
    }

    #[test]
    fn what_is_no_program() {
        let text = |path: &str| format!("{:#}", Objects::load(Path::new(path), None).err().unwrap());
        assert!(text("/nonexistent/x").contains("/nonexistent/x"));
        assert!(text("/etc/passwd").contains("not an ELF"));
    }
}
