//! The differential test runner: every case is one program that runs natively first and then hosted, and the two runs
//! must agree on output, exit status and the file tree they leave.
//!
//! A case that does not pass on the host's own Linux may not judge Offshoot, so it counts as failed too.

use std::process::ExitCode;

use clap::Parser;
use offshoot_compat_tests::{args, inherited, run};

fn main() -> ExitCode {
    inherited::close_on_exec();
    let outcome = match args::Args::parse().command {
        args::Command::Run(run) => run::run(&run),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("offshoot-compat-tests: {error:#}");
            ExitCode::from(2)
        }
    }
}
