//! `cargo xtask`: the developers' one door. One file per subcommand.

#![forbid(unsafe_code)]

mod bench;
mod build;
mod check;
mod compat;
mod docs;
mod lab;
mod repo;
mod run;
mod setup;
mod shell;
mod tally;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, runs, tests and measures Offshoot")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install the Debian packages that building and testing need (as root), or name the missing ones.
    Setup,
    /// Build the kernels and the offshoot command into target/release.
    Build,
    /// Build everything a port needs, and run it as a family of members.
    Run {
        /// A folder of ports/, such as nginx or bash.
        port: String,
        /// What members are; xen takes this dom0, or boots one in a lab.
        #[arg(long, value_enum, value_name = "PLATFORM", default_value = "hosted")]
        platform: run::Platform,
        /// More arguments for the port's program.
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Run the tests; the last line is `N passed, N failed`.
    Test {
        /// Only these areas (several: a,b or the option again).
        #[arg(long, value_name = "AREA", value_delimiter = ',')]
        only: Vec<test::Area>,
    },
    /// Formatting, lints, dependency arrows, unsafe code, licences, file sizes, links, generated pages.
    Check,
    /// Write the pages of docs/ that are made from the code.
    Docs,
    /// Run the test suites of others natively and under Offshoot, and compare.
    Compat {
        #[command(flatten)]
        options: compat_tests::suites::Options,
        /// Write docs/compatibility.md from the newest records of each suite; of others it stays as it is.
        #[arg(long)]
        page: bool,
    },
    /// A real Xen in an emulated machine, and commands in its dom0.
    Lab {
        #[command(flatten)]
        options: lab::Options,
        #[command(subcommand)]
        action: lab::Action,
    },
    /// Measure against native Linux; fails when a promised figure is missed.
    Bench {
        /// Only the measurement of this name.
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
        /// Write the figures to this file as JSON.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            eprintln!("xtask: {line} (cargo xtask --help shows what there is)");
            return ExitCode::from(2);
        }
    };
    let outcome = repo::Repo::find().and_then(|repo| match args.command {
        Command::Lab { options, action } => match lab::run(&repo, &options, &action)? {
            0 => Ok(true),
            // The exit status of what was run there.
            status => std::process::exit(status),
        },
        Command::Setup => setup::run(setup::Need::Everything).map(|()| true),
        Command::Build => {
            build::product(&repo).and_then(|()| build::kernel(&repo, build::KERNEL_XEN)).map(|()| true)
        }
        Command::Run { port, platform, args } => run::run(&repo, &port, platform, &args),
        Command::Test { only } => test::run(&repo, &only),
        Command::Check => check::run(&repo).map(|tally| tally.report()),
        Command::Docs => docs::write(&repo).map(|()| true),
        Command::Compat { options, page } => compat::run(&repo, &options, page),
        Command::Bench { only, json } => bench::run(&repo, only.as_deref(), json.as_deref()),
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            if error.is::<compat_tests::suites::Misuse>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
