//! The benchmark programs, compiled with the host's compiler; the same file then runs on every side.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// How a program is linked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Dynamic,
    Static,
}

/// Compiles programs/NAME.c into `out`.
pub fn program(out: &Path, name: &str, link: Link) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs").join(name).with_extension("c");
    let suffix = if link == Link::Static { "-static" } else { "" };
    let binary = out.join(format!("{name}{suffix}"));
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=gnu17", "-O2", "-Wall", "-o"]).arg(&binary).arg(&source);
    if link == Link::Static {
        gcc.arg("-static");
    }
    let output = gcc.output().context("cannot run gcc: `cargo xtask setup` installs it")?;
    if !output.status.success() {
        bail!("gcc refuses {}:\n{}", source.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(binary)
}
