//! `offshoot compat`: the suites that others wrote, natively and here.

use anyhow::{Context, Result};
use compat_tests::suites::{self, Here, Options, report};

/// Runs them with this very command; 1 if something did not go as expected.
pub fn compat(options: &Options) -> Result<u8> {
    compat_tests::inherited::close_on_exec();
    let own = std::env::current_exe().context("cannot find this command's own file")?;
    let results = suites::run(options, &Here::new(&own, options.platform.name()), &mut |_, _| Ok(()))?;
    report::table::print(&results);
    Ok(u8::from(!results.tally().1.is_empty()))
}
