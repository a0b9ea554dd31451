//! Ending what a measurement started: politely first, then by force, by its own process id.

use std::process::{Child, Command, Output};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Runs a command to its end, which must come within the limit.
pub fn output(mut command: Command, limit: Duration) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.spawn().with_context(|| format!("cannot run {name}"))?;
    let pid = pid_of(&child);
    let (sender, receiver) = mpsc::channel();
    let waiter = thread::spawn(move || {
        let output = child.wait_with_output();
        let _ = sender.send(());
        output
    });
    let timed_out = receiver.recv_timeout(limit).is_err();
    if timed_out {
        signal(pid, Signal::KILL);
    }
    let output = waiter.join().unwrap_or_else(|_| Err(std::io::Error::other("lost")))?;
    if timed_out {
        bail!("{name} did not end within {} s", limit.as_secs());
    }
    Ok(output)
}

/// Asks for the end by a signal.
pub fn ask(child: &Child, how: Signal) {
    signal(pid_of(child), how);
}

/// Waits for the end, and kills after `patience`.
pub fn wait(child: &mut Child, patience: Duration) -> Result<()> {
    let deadline = Instant::now() + patience;
    while child.try_wait()?.is_none() {
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            bail!("it had to be killed: it did not end within {} s", patience.as_secs());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn pid_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

fn signal(pid: Option<Pid>, signal: Signal) {
    if let Some(pid) = pid {
        let _ = kill_process(pid, signal);
    }
}
