//! What the command line says. Options are docker's where docker has them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use monitor::config::{Net, Publish, Volume};

use crate::parse;

/// Runs unmodified Linux programs as families of small virtual machines: each process is a member of its own.
#[derive(Debug, Parser)]
#[command(name = "offshoot", version, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a program as a new family, and wait for it
    Run(Box<RunArgs>),
    /// List running families
    Ps(ListArgs),
    /// Show families as process trees with memory and CPU use
    Tree(ListArgs),
    /// Send a signal to a family's first program, or to one of its processes
    Kill(KillArgs),
    /// Follow the system calls of a family, or of a program that is run for it
    Trace(TraceArgs),
    /// List the system calls that members know, and how far
    Syscalls(SyscallsArgs),
    /// Show which system calls a program and its libraries can make, and which of these are partial or missing here
    Check(CheckArgs),
    /// List the host calls that a member may make, and why
    Policy(FormatArgs),
    /// Build or list ports: Debian programs described by data
    #[command(subcommand)]
    Port(PortCommand),
    /// Run the test suites of others natively and here, and compare
    Compat(Box<compat_tests::suites::Options>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Platform {
    /// Members are sandboxed Linux processes.
    Hosted,
    /// Members are Xen domains.
    Xen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NetArg {
    /// Own loopback and published ports; connections go out through the host
    Bridge,
    /// As bridge, and ports that the program binds are bound on the host
    Host,
    /// Own loopback only
    None,
}

impl From<NetArg> for Net {
    fn from(net: NetArg) -> Self {
        match net {
            NetArg::Bridge => Net::Bridge,
            NetArg::Host => Net::Host,
            NetArg::None => Net::None,
        }
    }
}

/// Without --root and --port the program sees the host's own root, read-only under a scratch overlay: its changes are
/// gone when the family ends. It then inherits the environment and, where it is visible, the working directory. With
/// --root or --port it starts in / with PATH, HOME and TERM only, as in docker.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Root directory of the program; changes are made there
    #[arg(long, value_name = "DIR", conflicts_with = "port")]
    pub root: Option<PathBuf>,
    /// Keep changes of --root in a scratch overlay that is gone when the family ends
    #[arg(long, requires = "root")]
    pub scratch: bool,
    /// Run a port; it is built first if needed. ARGS follow the port's own command
    #[arg(long, value_name = "NAME")]
    pub port: Option<String>,
    /// Make a directory or file of the host visible: HOST:GUEST[:ro]
    #[arg(short, long = "volume", value_name = "HOST:GUEST[:ro]", value_parser = parse::volume)]
    pub volumes: Vec<Volume>,
    /// Set a variable, or pass the caller's on: NAME=VALUE or NAME
    #[arg(short, long = "env", value_name = "NAME[=VALUE]")]
    pub env: Vec<OsString>,
    /// Working directory in the guest
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<OsString>,
    /// User (and group) of the program, by number
    #[arg(short, long, value_name = "UID[:GID]", value_parser = parse::user, default_value = "0")]
    pub user: (u32, u32),
    /// Memory limit of each member, such as 512m
    #[arg(short, long, value_name = "SIZE", value_parser = parse::size)]
    pub memory: Option<u64>,
    /// Publish a port: [ADDRESS:]HOST:GUEST[/udp], or one number for both
    #[arg(short, long = "publish", value_name = "HOST:GUEST", value_parser = parse::publish)]
    pub publish: Vec<Publish>,
    /// How the family reaches the network
    #[arg(long, value_name = "MODE", default_value = "bridge")]
    pub net: NetArg,
    /// Most processes at one time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub pids: Option<u32>,
    /// End the family after this time (exit code 124): seconds, or with a unit, such as 500ms or 2m
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    pub timeout: Option<Duration>,
    /// What members are
    #[arg(long, value_name = "PLATFORM", default_value = "hosted")]
    pub platform: Platform,
    /// Name of the family in ps, tree and kill
    #[arg(long, value_name = "NAME", value_parser = parse::family_name)]
    pub name: Option<String>,
    /// Host name that the program sees
    #[arg(short = 'H', long, value_name = "NAME", value_parser = parse::host_name)]
    pub hostname: Option<String>,
    /// Accepted for docker's sake: standard input is always passed on
    #[arg(short, long)]
    pub interactive: bool,
    /// Accepted for docker's sake: a terminal on standard input is the program's terminal
    #[arg(short, long)]
    pub tty: bool,
    /// Accepted for docker's sake: a family never leaves anything
    #[arg(long)]
    pub rm: bool,
    /// Write the system calls of all members to a file, or to standard error
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    pub trace: Option<PathBuf>,
    /// The program, found by the guest's PATH unless it has a slash, and its arguments
    #[arg(trailing_var_arg = true, value_name = "PROGRAM ARGS")]
    pub command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only these families
    #[arg(value_name = "FAMILY")]
    pub families: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct FormatArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct SyscallsArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print the page docs/syscalls.md, with the missing calls
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The program, found by PATH unless it has a slash
    #[arg(value_name = "BINARY")]
    pub binary: PathBuf,
    /// The root directory that it and its libraries are in
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Print full calls, too
    #[arg(long)]
    pub all: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "all")]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct KillArgs {
    /// The signal, by name or number
    #[arg(short, long, value_name = "SIGNAL", default_value = "KILL", value_parser = parse::signal)]
    pub signal: u32,
    /// A family's name or monitor, and which of its processes: FAMILY/PID, or PIDs that follow FAMILY
    #[arg(required = true, value_name = "FAMILY[/PID] [PID]")]
    pub targets: Vec<String>,
}

#[derive(Debug, Args)]
#[command(override_usage = "offshoot trace FAMILY\n       offshoot trace -- PROGRAM [ARGS]")]
pub struct TraceArgs {
    /// A running family
    #[arg(value_name = "FAMILY")]
    pub family: Option<String>,
    /// A program to run with its arguments, traced on standard error
    #[arg(last = true, value_name = "PROGRAM ARGS")]
    pub command: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
pub enum PortCommand {
    /// Assemble a port's root from Debian's packages
    Build {
        /// The port's name
        name: String,
    },
    /// List the ports
    List,
}
