//! The suites that others wrote, with Xen's side in a lab: the native side runs on this machine, the command in dom0.

use std::fs;

use anyhow::{Context, Result};
use compat_tests::suites::report::Results;
use compat_tests::suites::{self, Here, Options};
use portkit::Cache;

use super::place::Place;
use super::test::PATIENCE;
use super::{Lab, Options as LabOptions};
use crate::repo::Repo;

/// Folders for results, below what dom0 sees as /lab.
const FOLDERS: &str = "suites";

/// Memory of the machine, in MiB: a test of CPython's has a hundred processes at once, each with 24 MiB of its own here.
const MEMORY: u32 = 4096;

/// Told of the results after every suite.
type Each<'a> = dyn FnMut(&Results, &str) -> Result<()> + 'a;

/// Runs what the options ask for in the lab that `$OFFSHOOT_LAB` names, or in one that is booted for it and ended.
pub fn run(repo: &Repo, options: &Options, each: &mut Each<'_>) -> Result<Results> {
    let name = std::env::var("OFFSHOOT_LAB").ok().filter(|name| !name.is_empty());
    let place = Place::open(&Cache::open_default()?, &name.unwrap_or_else(|| "compat".to_owned()))?;
    let settings = LabOptions { memory: MEMORY, ..LabOptions::plain() };
    let lab = Lab::open(repo, &Cache::open_default()?, place, &settings, false)?;
    let outcome = in_lab(&lab, options, each);
    lab.close();
    outcome
}

fn in_lab(lab: &Lab, options: &Options, each: &mut Each<'_>) -> Result<Results> {
    let folders = lab.place.share().join(FOLDERS);
    fs::create_dir_all(&folders).with_context(|| format!("cannot make {}", folders.display()))?;
    lab.share_at_the_same_place()?;
    let here = Here {
        offshoot: lab.program("/lab/bin/offshoot")?,
        platform: options.platform.name(),
        patience: PATIENCE,
        folders,
    };
    suites::run(options, &here, each)
}
