//! Running one command under a time limit, with all that it started.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// What a finished command left behind.
#[derive(Debug)]
pub struct Finished {
    /// As a shell has it: the exit code, or 128 + the signal.
    pub status: i32,
    pub timed_out: bool,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub took: Duration,
}

/// Runs `command` in a process group of its own and kills the group at the time limit.
pub fn run(mut command: Command, stdin: &[u8], limit: Duration) -> Result<Finished> {
    let name = command.get_program().to_string_lossy().into_owned();
    let input = if stdin.is_empty() { Stdio::null() } else { Stdio::piped() };
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot run {name}"))?;
    feed(&mut child, stdin);
    let stdout = Collector::start(child.stdout.take());
    let stderr = Collector::start(child.stderr.take());
    let status = wait(&mut child, started + limit)?;
    let took = started.elapsed();
    // What the command started must not outlive it: it would hold the pipes and disturb the cases after it.
    if status.is_none() {
        kill_descendants(child.id());
    }
    kill_group(&child);
    let timed_out = status.is_none();
    let status = match status {
        Some(status) => status,
        None => child.wait()?,
    };
    Ok(Finished {
        status: shell_status(status),
        timed_out,
        stdout: stdout.finish(),
        stderr: stderr.finish(),
        took,
    })
}

/// The status as a shell shows it in `$?`.
pub fn shell_status(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Kills the process group that `child` leads.
pub fn kill_group(child: &Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // ESRCH: nobody is left in the group, which is the usual case.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Kills what `root` has started, also in other groups and sessions; the tree is read before anything in it ends.
fn kill_descendants(root: u32) {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name in parentheses may contain anything; the parent's pid is the second field after it.
            Some((pid, stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?))
        })
        .collect();
    let mut family = vec![root];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(parents.iter().filter(|&&(_, of)| of == parent).map(|&(pid, _)| pid));
        next += 1;
    }
    for pid in family.into_iter().skip(1).filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

fn feed(child: &mut Child, stdin: &[u8]) {
    if let Some(mut pipe) = child.stdin.take() {
        let bytes = stdin.to_vec();
        // A case need not read its input to the end.
        thread::spawn(move || pipe.write_all(&bytes).ok());
    }
}

/// The bytes that came so far, and a message once the pipe is at its end.
struct Collector {
    bytes: Arc<Mutex<Vec<u8>>>,
    end: mpsc::Receiver<()>,
}

impl Collector {
    fn start(pipe: Option<impl Read + Send + 'static>) -> Collector {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (sender, end) = mpsc::channel();
        let into = Arc::clone(&bytes);
        thread::spawn(move || {
            let mut part = [0; 8192];
            if let Some(mut pipe) = pipe {
                while let Ok(got @ 1..) = pipe.read(&mut part) {
                    into.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&part[..got]);
                }
            }
            let _ = sender.send(());
        });
        Collector { bytes, end }
    }

    /// All that came; a stray process that still holds the pipe is not waited for.
    fn finish(self) -> Vec<u8> {
        let _ = self.end.recv_timeout(Duration::from_secs(2));
        std::mem::take(&mut self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// None at the time limit.
pub fn wait(child: &mut Child, deadline: Instant) -> Result<Option<ExitStatus>> {
    let mut nap = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(nap);
        nap = (nap * 2).min(Duration::from_millis(20));
    }
}
