//! Running other programs, with what they do visible.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, IsTerminal, stderr};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// A heading between parts of the output.
pub fn heading(text: &str) {
    if stderr().is_terminal() {
        eprintln!("\x1b[1;36m==> {text}\x1b[0m");
    } else {
        eprintln!("==> {text}");
    }
}

/// Runs a command that must succeed; it writes to our own output.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {}", name(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", line(command));
    }
    Ok(())
}

/// Runs a command, passes its standard output on line by line, and shows each line to `see`.
pub fn stream(command: &mut Command, mut see: impl FnMut(&str)) -> Result<ExitStatus> {
    let context = format!("cannot run {}", name(command));
    let mut child = command.stdout(Stdio::piped()).spawn().context(context)?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.context("cannot read a program's output")?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            see(&line);
        }
    }
    child.wait().context("cannot wait for a program")
}

/// Whether a program is to be found on the search path (or, with a slash, at its place).
pub fn exists(program: &str) -> bool {
    if program.contains('/') {
        return std::path::Path::new(program).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Administrators' programs count too: an ordinary user's path often lacks their folders.
    let more = ["/usr/sbin", "/sbin"].map(Into::into);
    std::env::split_paths(&path).chain(more).any(|dir| dir.join(program).is_file())
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default();
    let words: Vec<_> =
        std::iter::once(program).chain(command.get_args()).map(OsStr::to_string_lossy).collect();
    words.join(" ")
}
