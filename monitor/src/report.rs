//! What the monitor tells the user: on standard error, and as traces.

use std::fs::File;
use std::io::{Write, stderr};

use abi::signal;
use anyhow::Context;

use crate::backend::Ended;
use crate::config::TraceTo;
use crate::family::Family;

/// Prints one line. The user's standard error may be closed or full; nothing depends on it.
pub fn say(text: &str) {
    let _ = writeln!(stderr().lock(), "offshoot: {text}");
}

/// Where trace lines go.
#[derive(Default)]
pub struct Trace {
    out: Option<Box<dyn Write>>,
}

impl Trace {
    /// Opens the trace's file.
    pub fn new(to: Option<&TraceTo>) -> anyhow::Result<Self> {
        let out: Option<Box<dyn Write>> = match to {
            None => None,
            Some(TraceTo::Stderr) => Some(Box::new(stderr())),
            Some(TraceTo::File(path)) => {
                let file = File::create(path)
                    .with_context(|| format!("cannot write the trace to {}", path.display()))?;
                Some(Box::new(file))
            }
        };
        Ok(Self { out })
    }

    /// True when the family is traced from its start.
    pub fn is_on(&self) -> bool {
        self.out.is_some()
    }

    /// Writes one line; a trace that cannot be written ends.
    pub fn line(&mut self, line: &str) {
        if let Some(out) = &mut self.out
            && writeln!(out, "{line}").is_err()
        {
            self.out = None;
        }
    }
}

/// Bytes from a member as text for a terminal: control characters are escaped.
pub fn printable(bytes: &[u8]) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    String::from_utf8_lossy(bytes).trim_end().chars().map(escape).collect()
}

impl Family {
    fn who(&self, slot: u32) -> String {
        let pid = self.members.get(slot).map_or(0, |m| m.born_as);
        let comm = self.procs.get(pid).map(|p| printable(&p.image.comm)).unwrap_or_default();
        format!("member {slot} (pid {pid}, {comm})")
    }

    /// A member's VM ended without the member's saying so.
    pub(crate) fn report_lost(&self, slot: u32, ended: Ended) {
        let who = self.who(slot);
        match ended {
            Ended::Exited(code) => say(&format!("{who} ended unexpectedly with code {code}")),
            Ended::Killed(signo) => {
                say(&format!(
                    "{who} was ended by the host with {}",
                    signal::name(signo).unwrap_or("a signal")
                ));
            }
        }
    }

    /// A member's kernel crashed.
    pub(crate) fn report_crash(&self, slot: u32, text: &[u8]) {
        say(&format!("{}: the kernel crashed: {}", self.who(slot), printable(text)));
    }

    /// A program could not be started; the text names it.
    pub(crate) fn report_start_failure(&self, text: &[u8]) {
        say(&printable(text));
    }

    /// A line of a member's trace.
    pub(crate) fn trace_line(&mut self, pid: u32, text: &[u8]) {
        let line = format!("[{pid}] {}", printable(text));
        self.trace.line(&line);
        self.clients.trace_line(&line);
    }

    /// At the family's end: calls that no member's kernel knows.
    pub(crate) fn report_unknown_calls(&self) {
        if self.unknown.is_empty() {
            return;
        }
        let list: Vec<String> = self
            .unknown
            .iter()
            .map(|(nr, n)| match abi::nr::name(*nr as usize) {
                Some(name) => format!("{name} ({n})"),
                None => format!("number {nr} ({n})"),
            })
            .collect();
        say(&format!("calls to system calls that are not supported: {}", list.join(", ")));
    }
}
