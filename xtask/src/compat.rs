//! `compat`: the suites that others wrote, natively and under Offshoot, and the page of their figures.

use std::fs;

use anyhow::{Context, Result};
use compat_tests::suites::report::{self, About, Results};
use compat_tests::suites::{self, Options};

use crate::repo::Repo;
use crate::{build, setup, shell};

/// The page of figures.
const PAGE: &str = "docs/compatibility.md";

/// Builds, runs and tells; true if all went as expected.
pub fn run(repo: &Repo, options: &Options, page: bool) -> Result<bool> {
    let results = results(repo, options)?;
    report::table::print(&results);
    keep(repo, &results)?;
    if page {
        write_page(repo)?;
    }
    Ok(results.tally().1.is_empty())
}

/// Builds and runs.
pub fn results(repo: &Repo, options: &Options) -> Result<Results> {
    setup::run(setup::Need::Everything)?;
    shell::heading("building Offshoot");
    build::product(repo)?;
    shell::heading("running the suites");
    suites::run(options, &repo.offshoot())
}

/// Keeps the records of suites for the page; those of a part take the place of the same tests' of an earlier run.
fn keep(repo: &Repo, results: &Results) -> Result<()> {
    let dir = repo.target.join("compat-results");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    for suite in results.suites.iter().filter(|suite| suite.counts && results.platform != "native") {
        let path = dir.join(format!("{}.{}.json", suite.name, results.platform));
        let mut text = report::json::text(&results.only(&suite.name))?;
        if !suite.whole && path.is_file() {
            text = fs::read_to_string(&path)
                .map_err(Into::into)
                .and_then(|earlier| report::json::merge(&earlier, &text))
                .with_context(|| format!("cannot use {}", path.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn write_page(repo: &Repo) -> Result<()> {
    let dir = repo.target.join("compat-results");
    let mut files: Vec<_> = fs::read_dir(&dir)?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let runs = files
        .iter()
        .map(|file| {
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            serde_json::from_str(&text).with_context(|| file.display().to_string())
        })
        .collect::<Result<Vec<_>>>()?;
    let about = About { version: env!("CARGO_PKG_VERSION").to_owned() };
    fs::write(repo.root.join(PAGE), report::page(&about, &runs))
        .with_context(|| format!("cannot write {PAGE}"))
}
