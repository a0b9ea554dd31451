//! `compat`: the suites that others wrote, natively and under Offshoot, and the page of their figures.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use compat_tests::suites::report::{self, About, Results};
use compat_tests::suites::{self, Here, Misuse, Options, PlatformArg, own};

use crate::repo::Repo;
use crate::{build, lab, run, setup, shell};

/// The page of figures.
const PAGE: &str = "docs/compatibility.md";

/// The same for a browser, with every failure's output, and the records that both are made from.
const KEPT: &str = "compat-results";

/// Builds, runs and tells; true if all went as expected.
pub fn run(repo: &Repo, options: &Options, page: bool) -> Result<bool> {
    compat_tests::inherited::close_on_exec();
    let mut names = suites::names();
    names.push(own::NAME);
    options.check(&names)?;
    setup::run(setup::Need::Everything)?;
    let mut each = |results: &Results, suite: &str| {
        keep(repo, results, suite)?;
        if page { write_page(repo) } else { Ok(()) }
    };
    let others = Options {
        suite: options.suite.iter().filter(|name| *name != own::NAME).cloned().collect(),
        ..options.clone()
    };
    let only_own = !options.suite.is_empty() && others.suite.is_empty();
    let mut results = match only_own {
        true => None,
        false => match run_others(repo, &others, &mut each) {
            // Our own cases may match.
            Err(error) if error.is::<Misuse>() => None,
            outcome => Some(outcome?),
        },
    };
    if let Some(own) = run_own(repo, options)? {
        each(&own, own::NAME)?;
        match &mut results {
            Some(results) => results.add(own),
            None => results = Some(own),
        }
    }
    let Some(results) = results else { return Err(options.nothing_chosen().into()) };
    results.write(options)?;
    report::table::print(&results);
    if page {
        println!("written: {PAGE} and {}", repo.target.join(KEPT).join("index.html").display());
    }
    Ok(results.tally().1.is_empty())
}

/// The suites that others wrote.
fn run_others(
    repo: &Repo,
    options: &Options,
    each: &mut dyn FnMut(&Results, &str) -> Result<()>,
) -> Result<Results> {
    if options.platform == PlatformArg::Xen && !run::is_dom0() {
        return lab::suites::run(repo, options, each);
    }
    shell::heading("building Offshoot");
    build::product(repo)?;
    if options.platform == PlatformArg::Xen {
        build::kernel(repo, build::KERNEL_XEN)?;
    }
    shell::heading("running the suites");
    suites::run(options, &Here::new(&repo.offshoot(), options.platform.name()), each)
}

/// Our own cases, unless other suites or a part are asked for. On Xen they are a row of the lab's tests.
fn run_own(repo: &Repo, options: &Options) -> Result<Option<Results>> {
    let named = options.suite.iter().any(|name| name == own::NAME);
    let whole = options.suite.is_empty() && !options.short && options.every == 1;
    if !named && (!whole || options.platform == PlatformArg::Xen) {
        return Ok(None);
    }
    build::product(repo)?;
    shell::heading("running our own cases");
    own::run(options, &repo.offshoot(), &repo.target.join("compat"))
}

/// Keeps the records of a suite for the page; those of a part take the place of the same tests' of an earlier run.
fn keep(repo: &Repo, results: &Results, suite: &str) -> Result<()> {
    let counts = results.suites.iter().any(|ran| ran.name == suite && ran.counts);
    if !counts || results.platform == "native" {
        return Ok(());
    }
    let dir = repo.target.join(KEPT);
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let path = dir.join(format!("{suite}.{}.json", results.platform));
    let mut kept = results.only(suite);
    if kept.suites.iter().any(|ran| !ran.whole) && path.is_file() {
        kept = report::json::merge(read(&path)?, kept);
    }
    fs::write(&path, report::json::text(&kept)?).with_context(|| format!("cannot write {}", path.display()))
}

fn read(path: &Path) -> Result<Results> {
    fs::read_to_string(path)
        .map_err(Into::into)
        .and_then(|text| report::json::read(&text))
        .with_context(|| format!("cannot use {}", path.display()))
}

fn write_page(repo: &Repo) -> Result<()> {
    let dir = repo.target.join(KEPT);
    let entries = fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "json"));
    files.sort();
    let runs = files.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?;
    let about = About { version: env!("CARGO_PKG_VERSION").to_owned() };
    let page = repo.root.join(PAGE);
    let before = fs::read_to_string(&page).unwrap_or_default();
    fs::write(&page, report::page(&about, &runs, &before)).with_context(|| format!("cannot write {PAGE}"))?;
    let path = dir.join("index.html");
    fs::write(&path, report::html(&runs)).with_context(|| format!("cannot write {}", path.display()))
}
