//! Running one command under a time limit, with all that it started.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

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
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let status = wait(&mut child, started + limit)?;
    let took = started.elapsed();
    // What the command started must not outlive it: it would hold the pipes and disturb the cases after it.
    kill_group(&child);
    let timed_out = status.is_none();
    let status = match status {
        Some(status) => status,
        None => child.wait()?,
    };
    let grace = Duration::from_secs(2);
    Ok(Finished {
        status: shell_status(status),
        timed_out,
        stdout: stdout.recv_timeout(grace).unwrap_or_default(),
        stderr: stderr.recv_timeout(grace).unwrap_or_default(),
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

fn feed(child: &mut Child, stdin: &[u8]) {
    if let Some(mut pipe) = child.stdin.take() {
        let bytes = stdin.to_vec();
        // A case need not read its input to the end.
        thread::spawn(move || pipe.write_all(&bytes).ok());
    }
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
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
