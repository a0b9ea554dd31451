//! A short, fixed part of the suites that others wrote: the whole of them is `cargo xtask compat`.

use anyhow::Result;
use compat_tests::suites::{self, Here, Options, PlatformArg, report};

use crate::repo::Repo;
use crate::tally::Tally;

/// Runs it natively and hosted. Where a user may not make namespaces there is no native side to compare with.
pub fn run(repo: &Repo) -> Result<Tally> {
    if let Err(why) = suites::namespaces() {
        println!("the suites are left out: {why:#}");
        return Ok(Tally::default());
    }
    let options = Options {
        suite: Vec::new(),
        platform: PlatformArg::Hosted,
        filter: None,
        jobs: 2,
        every: 1,
        short: true,
        json: None,
        html: None,
        reuse_native: None,
    };
    let results =
        suites::run(&options, &Here::new(&repo.offshoot(), options.platform.name()), &mut |_, _| Ok(()))?;
    report::table::print(&results);
    let (passed, failures) = results.tally();
    Ok(Tally { passed, failed: failures.len(), failures })
}
