//! Memory of a family of five: the sum of the proportional set sizes of all its processes, the monitor included.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::compile::Link;
use crate::figure::Figure;
use crate::side::{Bench, Side};
use crate::stop;

const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the family on both sides; gVisor's processes are not told apart, so it has no column here.
pub fn measure(bench: &Bench) -> Result<Figure> {
    let binary = bench.program("family", Link::Dynamic)?;
    let once = |side: Side| {
        let mut command = bench.command(side, &binary, &["32"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let size = pss_of_family(child.id());
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(b"!");
        }
        let ended = stop::wait(&mut child, PATIENCE);
        if line.trim() != "ready" {
            bail!("the family did not come up ({side:?})");
        }
        ended.and(size)
    };
    let (native, hosted) = bench.in_turn(once)?;
    let what = "PSS of a parent (32 MiB) and 4 children";
    Ok(Figure { name: "memory", what, unit: "MiB", native, hosted, runsc: None, must: None })
}

/// MiB of a process and all its descendants.
fn pss_of_family(root: u32) -> Result<f64> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may end while the list is read.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().nth(1));
        if let Some(parent) = fields.flatten().and_then(|field| field.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut family = vec![root];
    let mut next = 0;
    let mut total = 0.0;
    while let Some(&pid) = family.get(next) {
        next += 1;
        family.extend(children.get(&pid).into_iter().flatten());
        total += pss(pid)?;
    }
    Ok(total)
}

fn pss(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let kib = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = kib.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
    Ok(kib.with_context(|| format!("no Pss in {path}"))? / 1024.0)
}
