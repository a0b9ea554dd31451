//! The options of `compat`, the same for `offshoot` and `cargo xtask`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What the suites run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlatformArg {
    /// Members are sandboxed Linux processes.
    Hosted,
    /// Members are Xen domains.
    Xen,
    /// The host's own Linux only: checks the suites themselves.
    Native,
}

impl PlatformArg {
    /// The name as it is given.
    pub fn name(self) -> &'static str {
        match self {
            PlatformArg::Hosted => "hosted",
            PlatformArg::Xen => "xen",
            PlatformArg::Native => "native",
        }
    }
}

/// Which suites run, where, and what is written.
#[derive(Debug, Args)]
pub struct Options {
    /// Only this suite: posix, busybox, bash or python (several: a,b or the option again)
    #[arg(long, value_name = "SUITE", value_delimiter = ',')]
    pub suite: Vec<String>,
    /// What the suites run on
    #[arg(long, value_name = "PLATFORM", default_value = "hosted")]
    pub platform: PlatformArg,
    /// Only tests whose area and command (such as THR/pthread_join/1-1) contain this text, or one of several: a,b
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// How many tests run at once
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
    /// Only every Nth test of each suite
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    pub every: u16,
    /// Only the short part that runs with every test of the project
    #[arg(long)]
    pub short: bool,
    /// Write the records to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the results to this file as a page for a browser
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Take native results from the JSON of an earlier run where it has them (for work on failures)
    #[arg(long, value_name = "FILE")]
    pub reuse_native: Option<PathBuf>,
}
