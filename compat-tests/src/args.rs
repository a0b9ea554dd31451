//! The command line of the runner.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

/// Runs Offshoot's compatibility tests.
#[derive(Parser)]
#[command(name = "offshoot-compat-tests")]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// What to run.
#[derive(Subcommand)]
pub enum Command {
    /// Run the differential cases: the same binary natively and under Offshoot.
    Run(RunArgs),
}

/// Options of `run`.
#[derive(ClapArgs)]
pub struct RunArgs {
    /// The offshoot command under test.
    #[arg(long, value_name = "PATH", required_unless_present = "native_only")]
    pub offshoot: Option<PathBuf>,
    /// Only cases whose name (AREA/NAME) contains this text (repeat the option for several).
    #[arg(long, value_name = "TEXT")]
    pub filter: Vec<String>,
    /// Only cases of these areas (repeat the option for several).
    #[arg(long, value_name = "AREA")]
    pub area: Vec<String>,
    /// Only one share of the chosen cases, such as 2/3, for runs side by side.
    #[arg(long, value_name = "I/N", value_parser = share)]
    pub share: Option<(usize, usize)>,
    /// How many cases run at once.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub jobs: usize,
    /// A case may take this many times as long as it says: for emulated machines.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub patience: u32,
    /// A case that fails natively is listed and counts neither way: the machine lacks what it needs.
    #[arg(long)]
    pub lenient: bool,
    /// Only run the cases natively: checks the cases themselves.
    #[arg(long)]
    pub native_only: bool,
    /// Write the results to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// List the chosen cases and run nothing.
    #[arg(long)]
    pub list: bool,
    /// The folder of the cases (default: the one this runner was built beside).
    #[arg(long, value_name = "DIR")]
    pub cases: Option<PathBuf>,
    /// The list of expected failures (default: the one this runner was built beside).
    #[arg(long, value_name = "FILE")]
    pub expectations: Option<PathBuf>,
    /// Where compiled cases are kept.
    #[arg(long, value_name = "DIR", default_value = "target/compat")]
    pub out: PathBuf,
}

/// The share `I` of `N`, counted from 1.
fn share(text: &str) -> Result<(usize, usize), String> {
    let pair = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match pair {
        Some((i, n)) if (1..=n).contains(&i) => Ok((i, n)),
        _ => Err("a share is I/N with I from 1 to N, such as 2/3".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_count_from_one() {
        assert_eq!(share("2/3"), Ok((2, 3)));
        for wrong in ["0/3", "4/3", "2", "a/b", "1/0"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
