//! `offshoot trace`: of a running family, or of a program that is run for it.

use std::io::{BufRead, Write};

use anyhow::{Result, bail};
use clap::Parser;
use serde_json::json;

use crate::args::{Cli, Command, TraceArgs};
use crate::proc_state::{ask, find};
use crate::run;

/// Prints trace lines until the family ends.
pub fn trace(args: TraceArgs) -> Result<u8> {
    match (args.family, args.command) {
        (Some(family), command) if command.is_empty() => follow(&family),
        (None, command) if !command.is_empty() => {
            let words = ["offshoot", "run", "--trace", "--"].map(Into::into).into_iter().chain(command);
            match Cli::try_parse_from(words)?.command {
                Command::Run(args) => run::run(*args),
                _ => bail!("cannot run the program"),
            }
        }
        _ => bail!("write offshoot trace FAMILY, or offshoot trace -- PROGRAM [ARGS]"),
    }
}

fn follow(family: &str) -> Result<u8> {
    let (_, reader) = ask(&find(family)?, &json!({ "op": "trace" }))?;
    reader.get_ref().set_read_timeout(None)?;
    let mut out = std::io::stdout().lock();
    for line in reader.lines() {
        let Ok(line) = line else { break };
        writeln!(out, "{line}")?;
        out.flush()?;
    }
    Ok(0)
}
