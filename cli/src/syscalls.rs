//! `offshoot syscalls`: the table, as the kernel has it.

use std::io::Write;

use anyhow::Result;
use posix::table::{Level, TABLE_SIZE, row};
use serde_json::{Value, json};

use crate::args::FormatArgs;

/// Prints the table.
pub fn syscalls(args: &FormatArgs) -> Result<u8> {
    let rows: Vec<_> = (0..TABLE_SIZE).filter_map(row).collect();
    let mut out = std::io::stdout().lock();
    if args.json {
        let list: Vec<Value> = rows
            .iter()
            .map(|r| json!({ "nr": r.nr, "name": r.name, "level": level(r.level), "note": r.note }))
            .collect();
        writeln!(out, "{:#}", Value::from(list))?;
        return Ok(0);
    }
    for r in &rows {
        let line = format!("{:>3}  {:<24} {:<8} {}", r.nr, r.name, level(r.level), r.note);
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out, "{} system calls; others answer ENOSYS", rows.len())?;
    Ok(0)
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Full => "full",
        Level::Partial => "partial",
    }
}
