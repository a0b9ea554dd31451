//! The `offshoot` command: runs families of members, and looks at those that run.
//!
//! Exit codes are docker's: 125 for failures of the command itself, 126 and 127 for programs that cannot be started,
//! 128 + n for a program ended by signal n, otherwise the program's own.

#![forbid(unsafe_code)]

mod args;
mod check;
mod compat;
mod kill;
mod list;
mod parse;
mod policy;
mod port;
mod proc_state;
mod run;
mod syscalls;
mod trace;
mod tree;

use std::process::ExitCode;

use anyhow::Result;
use args::{Cli, Command};
use clap::Parser;
use clap::error::ErrorKind;

/// The command itself failed.
const OWN_FAILURE: u8 = 125;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return usage(&e),
    };
    match dispatch(cli.command) {
        Ok(code) => ExitCode::from(code),
        // Who reads a list may have seen enough.
        Err(e) if is_broken_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => {
            complain(&format!("{e:#}"));
            ExitCode::from(OWN_FAILURE)
        }
    }
}

fn is_broken_pipe(e: &anyhow::Error) -> bool {
    e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}

fn dispatch(command: Command) -> Result<u8> {
    // In a dom0: what a killed monitor left. A family of domains begins with that by itself.
    if !matches!(&command, Command::Run(args) if args.platform == args::Platform::Xen) {
        monitor::xen::sweep();
    }
    match command {
        Command::Run(args) => run::run(*args),
        Command::Ps(args) => list::ps(&args),
        Command::Tree(args) => tree::tree(&args),
        Command::Kill(args) => kill::kill(&args),
        Command::Trace(args) => trace::trace(args),
        Command::Syscalls(args) => syscalls::syscalls(&args),
        Command::Check(args) => check::check(&args),
        Command::Policy(args) => policy::policy(&args),
        Command::Port(command) => port::port(command),
        Command::Compat(options) => compat::compat(&options),
    }
}

/// Help goes out as it is; a mistake becomes one line.
fn usage(e: &clap::Error) -> ExitCode {
    match e.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Nothing is left to do when the output is closed.
            let _ = e.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = e.print();
            ExitCode::from(OWN_FAILURE)
        }
        _ => {
            complain(&one_line(&e.render().to_string()));
            ExitCode::from(OWN_FAILURE)
        }
    }
}

/// The message and its tips without usage and blank lines.
fn one_line(text: &str) -> String {
    let parts: Vec<&str> = text
        .lines()
        .take_while(|l| !l.starts_with("Usage:") && !l.starts_with("For more information"))
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with("tip: to pass"))
        .collect();
    let joined = parts.join("; ");
    format!("{} (see --help)", joined.strip_prefix("error: ").unwrap_or(&joined))
}

fn complain(text: &str) {
    use std::io::Write;
    // Without standard error only the exit code tells.
    let _ = writeln!(std::io::stderr(), "offshoot: {}", text.replace('\n', "; "));
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn mistakes_are_one_line() {
        let e = Cli::try_parse_from(["offshoot", "run", "--nonsense", "x"]).expect_err("a mistake");
        let line = one_line(&e.render().to_string());
        assert!(line.contains("--nonsense") && !line.contains('\n'), "{line}");
    }

    #[test]
    fn options_end_where_the_program_begins() {
        let cli = Cli::try_parse_from(["offshoot", "run", "-w", "/x", "ls", "-l", "--", "-e"]).expect("fine");
        let Command::Run(args) = cli.command else { panic!("run") };
        assert_eq!(args.command, ["ls", "-l", "--", "-e"]);
        let cli = Cli::try_parse_from(["offshoot", "run", "--trace", "--", "-odd"]).expect("fine");
        let Command::Run(args) = cli.command else { panic!("run") };
        assert_eq!(args.command, ["-odd"]);
        assert!(args.trace.is_some());
    }
}
