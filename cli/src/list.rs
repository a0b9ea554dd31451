//! `offshoot ps`: one line per family.

use std::io::Write;

use anyhow::Result;
use serde_json::Value;

use crate::args::ListArgs;
use crate::proc_state::{command_line, human_time, states};

/// Prints the list.
pub fn ps(args: &ListArgs) -> Result<u8> {
    let states = states(&args.families)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", Value::from(states))?;
        return Ok(0);
    }
    let width = states.iter().filter_map(|s| s["name"].as_str()).map(str::len).max().unwrap_or(0).max(6);
    writeln!(out, "{:width$}  {:>8}  {:>7}  {:>9}  COMMAND", "FAMILY", "MONITOR", "UP", "PROCESSES")?;
    for s in &states {
        let name = s["name"].as_str().unwrap_or_default();
        let up = human_time(s["uptime_ns"].as_u64().unwrap_or(0));
        let processes = s["processes"].as_array().map_or(0, Vec::len);
        let command = command_line(&s["command"]);
        writeln!(out, "{name:width$}  {:>8}  {up:>7}  {processes:>9}  {command}", s["monitor"])?;
    }
    Ok(0)
}
