//! Compiling cases with the host's own compilers; a result newer than its sources is used again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::case::{Case, Kind};
use crate::header::Build;

/// The program and leading arguments that run a case; compiles it first where it is compiled.
pub fn program(case: &Case, out: &Path) -> Result<Vec<String>> {
    if case.kind == Kind::Bash {
        return Ok(vec!["/bin/bash".into(), case.source.to_string_lossy().into_owned()]);
    }
    let binary = out.join(&case.name);
    if !is_fresh(case, &binary) {
        if let Some(dir) = binary.parent() {
            fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        }
        compile(case, &binary)?;
    }
    Ok(vec![binary.to_string_lossy().into_owned()])
}

fn is_fresh(case: &Case, binary: &Path) -> bool {
    let Some(built) = modified(binary) else { return false };
    shared_headers(case)
        .iter()
        .chain([&case.source])
        .all(|source| modified(source).is_some_and(|at| at <= built))
}

/// `check.h` and its like, beside the areas' folders.
fn shared_headers(case: &Case) -> Vec<PathBuf> {
    let Some(root) = case.source.ancestors().nth(2) else { return Vec::new() };
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "h"))
        .collect()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

fn compile(case: &Case, binary: &Path) -> Result<()> {
    let mut command = match case.kind {
        Kind::C(build) => c_compiler(build),
        Kind::Rust => {
            let mut rustc = Command::new("rustc");
            rustc.args(["--edition", "2024", "-O"]);
            rustc
        }
        Kind::Bash => return Ok(()),
    };
    command.arg(&case.source).arg("-o").arg(binary).args(&case.header.libs);
    let tool = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {tool}: install the packages that `cargo xtask setup` names"))?;
    if !output.status.success() {
        bail!("{tool} refuses the case:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn c_compiler(build: Build) -> Command {
    let (tool, link): (&str, &[&str]) = match build {
        Build::Dynamic => ("gcc", &[]),
        Build::Static => ("gcc", &["-static"]),
        Build::StaticPie => ("gcc", &["-static-pie"]),
        Build::Musl => ("musl-gcc", &["-static"]),
    };
    let mut command = Command::new(tool);
    command.args(["-std=gnu17", "-O1", "-g", "-Wall", "-Wextra", "-Wno-unused-parameter", "-D_GNU_SOURCE"]);
    command.args(["-pthread", "-fno-strict-aliasing"]).args(link);
    command
}
