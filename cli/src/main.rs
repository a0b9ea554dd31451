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

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use args::{Cli, Command, RunArgs};
use clap::error::ErrorKind;
use clap::{Args, FromArgMatches, Parser};

/// The command itself failed.
const OWN_FAILURE: u8 = 125;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let command =
        match plain_run(&words).map_or_else(|| Cli::try_parse_from(&words).map(|cli| cli.command), Ok) {
            Ok(command) => command,
            Err(e) => return usage(&e),
        };
    match dispatch(command) {
        Ok(code) => ExitCode::from(code),
        // Who reads a list may have seen enough.
        Err(e) if is_broken_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => {
            complain(&format!("{e:#}"));
            ExitCode::from(OWN_FAILURE)
        }
    }
}

/// What `offshoot run ...` asks for, without a description of every other command, which takes a good part of the
/// time that a family needs to start. None for other commands, for help and for mistakes: they need the whole.
fn plain_run(words: &[OsString]) -> Option<Command> {
    let (_, rest) = words.split_first().filter(|(_, rest)| rest.first().is_some_and(|word| word == "run"))?;
    let command = RunArgs::augment_args(clap::Command::new("run"));
    let matches = command.try_get_matches_from(rest).ok()?;
    RunArgs::from_arg_matches(&matches).ok().map(|args| Command::Run(Box::new(args)))
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
    fn what_is_run_is_the_same_without_the_other_commands() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for line in
            ["offshoot run ls", "offshoot run -m 64m -e A=1 -p 80:80 --trace=x --net none -- -odd --rm"]
        {
            let whole = Cli::try_parse_from(words(line)).expect("fine");
            let plain = plain_run(&words(line)).expect("run");
            assert_eq!(format!("{plain:?}"), format!("{:?}", whole.command));
        }
        for line in [
            "offshoot",
            "offshoot ps",
            "offshoot run --help",
            "offshoot run --nonsense x",
            "offshoot --version",
        ] {
            assert!(plain_run(&words(line)).is_none(), "{line}");
        }
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
