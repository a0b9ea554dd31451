//! `check`: what the tree promises about itself and a compiler alone does not hold.

mod advisories;
mod arrows;
mod files;
mod licences;
mod links;
mod unsafety;

use anyhow::Result;

use crate::repo::Repo;
use crate::tally::Tally;
use crate::{docs, shell};

/// Runs all checks.
pub fn run(repo: &Repo) -> Result<Tally> {
    let mut tally = Tally::default();
    let metadata = repo.metadata()?;
    let files = files::tracked(repo)?;
    tally.note("dependency arrows", arrows::check(&metadata));
    tally.note("licences", licences::check(&metadata));
    tally.note("unsafe only where allowed", unsafety::check(&repo.root, &files));
    tally.note("file sizes", files::check(&repo.root, &files));
    tally.note("links in the docs", links::check(&repo.root, &files));
    tally.note("generated pages", docs::check(repo));
    match advisories::check(repo) {
        Some(outcome) => tally.note("advisories", outcome),
        None => println!("skipped advisories: needs cargo-deny or cargo-audit and a local advisory database"),
    }
    tally.note("formatting", cargo(repo, &["fmt", "--all", "--check"]));
    let clippy = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    tally.note("clippy", cargo(repo, &clippy));
    Ok(tally)
}

fn cargo(repo: &Repo, args: &[&str]) -> Result<(), String> {
    shell::run(&mut repo.cargo(args)).map_err(|error| format!("{error:#}"))
}

/// One line of all faults, or success when there is none.
fn verdict(faults: Vec<String>) -> Result<(), String> {
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
}
