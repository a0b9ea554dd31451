//! Small files: no tracked source is longer than 600 lines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::verdict;
use crate::repo::Repo;

const LONGEST: usize = 600;
const KINDS: [&str; 8] = ["rs", "c", "h", "S", "s", "sh", "toml", "md"];

/// The files that git knows or would add, relative to the top.
pub fn tracked(repo: &Repo) -> Result<Vec<PathBuf>> {
    let mut command = Command::new("git");
    command.current_dir(&repo.root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = command.output().context("cannot run git")?;
    if !output.status.success() {
        bail!("git does not list the files: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let names = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut files: Vec<PathBuf> =
        names.map(|name| String::from_utf8_lossy(name).into_owned().into()).collect();
    files.retain(|file| repo.root.join(file).is_file());
    files.sort();
    Ok(files)
}

/// Checks the length of every source.
pub fn check(root: &Path, files: &[PathBuf]) -> Result<(), String> {
    let mut faults = Vec::new();
    for file in files {
        let kind = file.extension().unwrap_or_default().to_string_lossy();
        if !KINDS.contains(&kind.as_ref()) {
            continue;
        }
        let lines = fs::read_to_string(root.join(file)).map_or(0, |text| text.lines().count());
        if lines > LONGEST {
            faults.push(format!("{} has {lines} lines, more than {LONGEST}", file.display()));
        }
    }
    verdict(faults)
}
