//! `offshoot tree`: families as process trees.

use std::io::Write;

use anyhow::Result;
use serde_json::Value;

use crate::args::ListArgs;
use crate::proc_state::{command_line, human_kib, human_time, states};

/// Prints the trees.
pub fn tree(args: &ListArgs) -> Result<u8> {
    let states = states(&args.families)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", Value::from(states))?;
        return Ok(0);
    }
    for s in &states {
        out.write_all(family(s).as_bytes())?;
    }
    Ok(0)
}

fn family(s: &Value) -> String {
    let none = Vec::new();
    let processes = s["processes"].as_array().unwrap_or(&none);
    let total: u64 = processes.iter().filter_map(|p| p["private_kib"].as_u64()).sum();
    let mut text = format!(
        "{}  up {}  {} private\n",
        s["name"].as_str().unwrap_or_default(),
        human_time(s["uptime_ns"].as_u64().unwrap_or(0)),
        human_kib(total)
    );
    let pids: Vec<u64> = processes.iter().filter_map(|p| p["pid"].as_u64()).collect();
    let roots: Vec<&Value> =
        processes.iter().filter(|p| !p["ppid"].as_u64().is_some_and(|pp| pids.contains(&pp))).collect();
    branch(&mut text, processes, &roots, "");
    text
}

fn branch(text: &mut String, all: &[Value], siblings: &[&Value], indent: &str) {
    for (i, p) in siblings.iter().enumerate() {
        let last = i + 1 == siblings.len();
        let (corner, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        text.push_str(&format!("{indent}{corner}{}\n", line(p)));
        let children: Vec<&Value> = all.iter().filter(|c| c["ppid"] == p["pid"]).collect();
        branch(text, all, &children, &format!("{indent}{below}"));
    }
}

fn line(p: &Value) -> String {
    let mut parts = vec![format!("{} {}", p["pid"], what(p)), p["state"].as_str().unwrap_or("?").to_owned()];
    match p["member"].as_u64() {
        Some(slot) if p["owns_member"] == true => parts.push(format!("member {slot}")),
        Some(slot) => parts.push(format!("in member {slot}")),
        None => {}
    }
    if let Some(domain) = p["domain"].as_u64().filter(|_| p["owns_member"] == true) {
        parts.push(format!("domain {domain}"));
    }
    if let (Some(private), Some(shared)) = (p["private_kib"].as_u64(), p["shared_kib"].as_u64()) {
        parts.push(format!("{} private, {} shared", human_kib(private), human_kib(shared)));
    }
    if let Some(ms) = p["cpu_ms"].as_u64() {
        parts.push(format!("cpu {}.{:02}s", ms / 1000, ms % 1000 / 10));
    }
    parts.join("  ")
}

fn what(p: &Value) -> String {
    let command = command_line(&p["argv"]);
    if command.is_empty() { p["name"].as_str().unwrap_or_default().to_owned() } else { command }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn children_hang_below_their_parents() {
        let p = |pid, ppid| json!({"pid": pid, "ppid": ppid, "name": "p", "argv": [], "state": "running", "member": 1});
        let s = json!({"name": "f", "uptime_ns": 0, "processes": [p(2, 1), p(3, 2), p(4, 3), p(5, 2)]});
        let text = family(&s);
        let lines: Vec<&str> = text.lines().map(|l| l.split("  running").next().unwrap_or(l)).collect();
        assert_eq!(lines[1..], ["└─ 2 p", "   ├─ 3 p", "   │  └─ 4 p", "   └─ 5 p"]);
    }
}
