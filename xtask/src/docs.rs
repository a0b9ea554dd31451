//! `docs`: the pages that are made from the code, and whether they are what the code would make now.

use std::fs;

use anyhow::{Context, Result};

use crate::repo::Repo;

/// The page of system calls, made from the kernel's table.
const SYSCALLS: &str = "docs/syscalls.md";

/// Writes the pages anew.
pub fn write(repo: &Repo) -> Result<()> {
    fs::write(repo.root.join(SYSCALLS), syscalls()?).with_context(|| format!("cannot write {SYSCALLS}"))
}

/// Compares the pages with what would be written.
pub fn check(repo: &Repo) -> Result<(), String> {
    let fresh = syscalls().map_err(|error| format!("{error:#}"))?;
    let page = fs::read_to_string(repo.root.join(SYSCALLS));
    match page.map_err(|error| format!("{SYSCALLS}: {error}"))? == fresh {
        true => Ok(()),
        false => Err(format!("{SYSCALLS} is not what the table makes: run `cargo xtask docs`")),
    }
}

fn syscalls() -> Result<String> {
    let mut page = String::new();
    posix::page::write(&mut page).context("cannot make the page of system calls")?;
    Ok(page)
}
