//! What running families say of themselves, and what the host says of their members.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use monitor::control::{Place, running};
use serde_json::{Value, json};

/// How long a monitor may take for an answer; it never blocks, so it is gone or stopped after that.
const PATIENCE: Duration = Duration::from_secs(5);

/// Milliseconds of a tick in /proc/PID/stat: USER_HZ is 100 on x86-64.
const TICK_MS: u64 = 10;

/// Sends a request to a family: its first answer, and the connection for more.
pub fn ask(place: &Place, request: &Value) -> Result<(Value, BufReader<UnixStream>)> {
    let mut stream = place.connect()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{request}\n").as_bytes())?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).with_context(|| format!("the family {} does not answer", place.name))?;
    let answer: Value =
        serde_json::from_str(&line).with_context(|| format!("the family {} ended meanwhile", place.name))?;
    if let Some(error) = answer["error"].as_str() {
        bail!("{error}");
    }
    Ok((answer, reader))
}

/// The running family with this name, or with this monitor's process number.
pub fn find(name: &str) -> Result<Place> {
    let all = running()?;
    let mut found: Vec<Place> = all.iter().filter(|p| p.name == name).cloned().collect();
    if let (true, Ok(pid)) = (found.is_empty(), name.parse::<i32>()) {
        found = all.into_iter().filter(|p| p.monitor().is_ok_and(|m| m == pid)).collect();
    }
    match (found.pop(), found.len()) {
        (Some(place), 0) => Ok(place),
        (Some(_), _) => bail!("several users run a family named {name}: run the command as one of them"),
        (None, _) => bail!("there is no running family {name}: `offshoot ps` lists them"),
    }
}

/// The states of the named families, or of all; each process with the host's figures of its member.
pub fn states(names: &[String]) -> Result<Vec<Value>> {
    let request = json!({ "op": "state" });
    let mut states = Vec::new();
    if names.is_empty() {
        for place in running()? {
            // A family that ends between the two looks is not an error.
            if let Ok((state, _)) = ask(&place, &request) {
                states.push(state);
            }
        }
    } else {
        for name in names {
            states.push(ask(&find(name)?, &request)?.0);
        }
    }
    for state in &mut states {
        for process in state["processes"].as_array_mut().into_iter().flatten() {
            add_host_figures(process);
        }
    }
    Ok(states)
}

/// Memory from smaps_rollup, CPU time and state from stat; proc(5). Only for the process that owns its member.
fn add_host_figures(process: &mut Value) {
    let Some(pid) = process["host_pid"].as_u64().filter(|_| process["owns_member"] == true) else { return };
    if let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        let sum = |names: [&str; 2]| -> u64 {
            let field = |l: &str| names.iter().find_map(|n| l.strip_prefix(n)).map(str::to_owned);
            let kib = |rest: String| rest.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0);
            text.lines().filter_map(field).map(kib).sum()
        };
        process["private_kib"] = json!(sum(["Private_Clean:", "Private_Dirty:"]));
        process["shared_kib"] = json!(sum(["Shared_Clean:", "Shared_Dirty:"]));
    }
    if let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) {
        // Fields are counted after the name, which may itself have spaces and parentheses.
        let fields: Vec<&str> =
            text.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect()).unwrap_or_default();
        let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
        process["cpu_ms"] = json!((ticks(11) + ticks(12)) * TICK_MS);
        if process["state"] == "running" && fields.first() == Some(&"S") {
            process["state"] = json!("sleeping");
        }
    }
}

/// A size in KiB for people.
pub fn human_kib(kib: u64) -> String {
    match kib {
        0..1024 => format!("{kib}K"),
        1024..1_048_576 => format!("{:.1}M", kib as f64 / 1024.0),
        _ => format!("{:.1}G", kib as f64 / 1_048_576.0),
    }
}

/// A time for people.
pub fn human_time(ns: u64) -> String {
    let s = ns / 1_000_000_000;
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        _ => format!("{}h{:02}m", s / 3600, s % 3600 / 60),
    }
}

/// A command line for people.
pub fn command_line(argv: &Value) -> String {
    let words: Vec<&str> = argv.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    words.join(" ")
}
