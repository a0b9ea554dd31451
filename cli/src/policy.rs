//! `offshoot policy`: the host calls that a member's filter lets through.

use std::io::Write;

use anyhow::Result;
use protocol::hosted::ALLOWED;
use serde_json::{Value, json};

use crate::args::FormatArgs;

/// Prints the list.
pub fn policy(args: &FormatArgs) -> Result<u8> {
    let mut out = std::io::stdout().lock();
    if args.json {
        let list: Vec<Value> =
            ALLOWED.iter().map(|(nr, name, why)| json!({ "nr": nr, "name": name, "why": why })).collect();
        writeln!(out, "{:#}", Value::from(list))?;
        return Ok(0);
    }
    for (nr, name, why) in ALLOWED {
        writeln!(out, "{nr:>3}  {name:<16} {why}")?;
    }
    writeln!(out, "{} host calls, from the kernel's own gate only; all others trap", ALLOWED.len())?;
    Ok(0)
}
