//! Offshoot beside native Linux, measured in one run: the same binary alternates between both, and the medians are
//! compared. Figures that were promised ("must") decide the exit status.
#![forbid(unsafe_code)]

mod compile;
mod figure;
mod memory;
mod nginx;
mod program;
mod redis;
mod scratch;
mod server;
mod side;
mod start;
mod stop;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::figure::Figure;
use crate::side::Bench;

/// Measures Offshoot beside native Linux.
#[derive(Parser)]
#[command(name = "offshoot-bench")]
struct Args {
    /// The offshoot command to measure (default: $OFFSHOOT).
    #[arg(long, value_name = "PATH")]
    offshoot: Option<PathBuf>,
    /// Only the measurements whose name starts so.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Write the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How many native and hosted runs of each measurement.
    #[arg(long, value_name = "N", default_value_t = 7)]
    pairs: usize,
    /// A root with Debian's nginx (default: the one that `offshoot port build nginx` makes).
    #[arg(long, value_name = "DIR")]
    nginx_root: Option<PathBuf>,
}

/// A measurement by its name; the names are the public ones of `--only`.
type Measurement = (&'static str, fn(&Bench) -> Result<Figure>);

const ALL: [Measurement; 11] = [
    ("getppid", program::getppid),
    ("fork-1m", program::fork_small),
    ("fork-64m", program::fork_large),
    ("pipe", program::pipe_roundtrip),
    ("pipe-throughput", program::pipe_throughput),
    ("start", start::static_program),
    ("start-dynamic", start::dynamic_program),
    ("memory", memory::measure),
    ("nginx", nginx::measure),
    ("redis-get", redis::get),
    ("redis-pause", redis::pause),
];

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("offshoot-bench: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// True if everything that was promised is reached.
fn run(args: Args) -> Result<bool> {
    let named = args.offshoot.or_else(|| std::env::var_os("OFFSHOOT").map(PathBuf::from));
    let offshoot = named.context("say which command to measure: --offshoot PATH")?;
    let offshoot =
        offshoot.canonicalize().with_context(|| format!("no offshoot command at {}", offshoot.display()))?;
    let wanted = |name: &str| args.only.as_deref().is_none_or(|only| name == only);
    let chosen: Vec<Measurement> = ALL.into_iter().filter(|(name, _)| wanted(name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
        bail!("no such measurement; there are {}", names.join(", "));
    }
    let bench = Bench::new(offshoot, args.pairs.max(1), args.nginx_root)?;
    let mut figures = Vec::new();
    let mut broken = false;
    for (name, measure) in chosen {
        eprintln!("measuring {name} …");
        match measure(&bench) {
            Ok(figure) => figures.push(figure),
            Err(error) => {
                eprintln!("offshoot-bench: {name}: {error:#}");
                broken = true;
            }
        }
    }
    table::print(&figures);
    if let Some(path) = &args.json {
        table::write_json(path, &figures)?;
    }
    Ok(!broken && figures.iter().all(|figure| figure.reached()))
}
