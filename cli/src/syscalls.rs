//! `offshoot syscalls`: the table, as the kernel has it.

use std::io::Write;

use anyhow::Result;
use posix::table::rows;
use serde_json::{Value, json};

use crate::args::SyscallsArgs;

/// Prints the table.
pub fn syscalls(args: &SyscallsArgs) -> Result<u8> {
    let mut out = std::io::stdout().lock();
    if args.markdown {
        let mut page = String::new();
        posix::page::write(&mut page)?;
        out.write_all(page.as_bytes())?;
        return Ok(0);
    }
    if args.json {
        let list: Vec<Value> = rows()
            .map(|r| json!({ "nr": r.nr, "name": r.name, "level": r.level.name(), "note": r.note }))
            .collect();
        writeln!(out, "{:#}", Value::from(list))?;
        return Ok(0);
    }
    for r in rows() {
        let line = format!("{:>3}  {:<24} {:<8} {}", r.nr, r.name, r.level.name(), r.note);
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out, "{} system calls; others answer ENOSYS", rows().count())?;
    Ok(0)
}
