//! What a command leaves behind: processes, and files among its run-time state.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, getpid, kill_process, set_child_subreaper};

/// Makes us the parent of every process that a tested command leaves.
pub fn adopt_orphans() -> Result<()> {
    set_child_subreaper(Some(getpid())).context("cannot adopt orphans")
}

/// Success when no process is left, and no file below `runtime`. What is left is killed.
pub fn check(runtime: &Path) -> Result<(), String> {
    // A killed member takes a moment to vanish.
    let deadline = Instant::now() + Duration::from_secs(2);
    while !children().is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    let left = children();
    kill();
    if !left.is_empty() {
        return Err(format!(
            "left behind: {}",
            left.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ")
        ));
    }
    match first_file(runtime) {
        Some(file) => Err(format!("left behind: {file}")),
        None => Ok(()),
    }
}

/// Kills all our children.
pub fn kill() {
    for (pid, _) in children() {
        // It may be gone already.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Our living children: what was orphaned by a tested command, since every other child has been waited for.
fn children() -> Vec<(Pid, String)> {
    let us = getpid().as_raw_nonzero().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw)
        else {
            continue;
        };
        // `PID (NAME) STATE PARENT ...`, proc_pid_stat(5); the name may hold anything.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((head, rest)) = stat.rsplit_once(") ") else { continue };
        let mut fields = rest.split(' ');
        let (state, parent) = (fields.next(), fields.next());
        if parent == Some(us.as_str()) && state != Some("Z") {
            found.push((pid, head.split_once('(').map_or(head, |(_, name)| name).to_owned()));
        }
    }
    found
}

fn first_file(dir: &Path) -> Option<String> {
    fs::read_dir(dir).into_iter().flatten().flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() { first_file(&path) } else { Some(path.display().to_string()) }
    })
}
