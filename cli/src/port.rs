//! `offshoot port`.

use std::io::Write;

use anyhow::Result;
use portkit::{Cache, Port, Progress, build_root, list_ports};

use crate::args::PortCommand;

/// Builds or lists.
pub fn port(command: PortCommand) -> Result<u8> {
    let mut out = std::io::stdout().lock();
    match command {
        PortCommand::Build { name } => {
            let root = build_root(&Port::find(&name)?, &Cache::open_default()?, &Progress::stderr())?;
            writeln!(out, "{}", root.path().display())?;
        }
        PortCommand::List => {
            for port in list_ports()? {
                writeln!(out, "{:<12} {}", port.name, port.description)?;
            }
        }
    }
    Ok(0)
}
