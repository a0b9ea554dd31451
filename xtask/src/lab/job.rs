//! A command run in dom0: handed over as a folder of files, started by a connection to the agent, its output passed on as
//! it comes. Hanging up ends it.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write, stderr, stdout};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::machine::Machine;
use super::place::Place;
use super::signals::Signals;

/// A command for dom0.
pub struct Job {
    /// The shell script.
    pub script: String,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// Whether its output goes to our own as it comes.
    pub shown: bool,
    /// Signals for it; the second one ends the wait, and the command the hard way.
    pub signals: Option<Signals>,
}

/// How it ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit status.
    pub status: i32,
    /// Its standard output.
    pub output: String,
}

impl Job {
    /// One shell line, or a program and its arguments.
    pub fn new(words: &[String]) -> Job {
        let script = match words {
            [line] => line.clone(),
            // It takes the shell's place, so that signals and the status are its own.
            words => {
                format!("exec {}", words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" "))
            }
        };
        Job { script, timeout: None, shown: true, signals: None }
    }

    /// Runs it.
    pub fn run(&self, place: &Place, machine: &Machine, prologue: &str) -> Result<Outcome> {
        let folder = Folder::new(place)?;
        fs::write(folder.0.join("command"), format!("{prologue}\n{}\n", self.script))?;
        for name in ["input", "output", "errors"] {
            File::create(folder.0.join(name))?;
        }
        let mut socket =
            TcpStream::connect(("127.0.0.1", machine.agent)).context("cannot reach the lab's agent")?;
        socket.set_read_timeout(Some(Duration::from_millis(15)))?;
        let name = folder.0.file_name().unwrap_or_default().to_string_lossy().into_owned();
        socket.write_all(format!("{name}\n").as_bytes())?;

        let mut output =
            Tail::open(folder.0.join("output"), self.shown.then(|| Box::new(stdout()) as Box<dyn Write>))?;
        let mut errors =
            Tail::open(folder.0.join("errors"), self.shown.then(|| Box::new(stderr()) as Box<dyn Write>))?;
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        let mut ended = false;
        let mut told = false;
        while !ended {
            ended = match socket.read(&mut [0; 64]) {
                Ok(0) => true,
                Ok(_) => false,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => false,
                Err(error) if error.kind() == ErrorKind::Interrupted => false,
                // The agent's end of the connection may be reset with unread bytes in it.
                Err(_) => true,
            };
            if let Some(signal) = self.signals.as_ref().and_then(Signals::take) {
                if told {
                    bail!("interrupted: the command in the lab is killed");
                }
                told = true;
                // It may have ended just now.
                let _ = socket.write_all(format!("{signal}\n").as_bytes());
            }
            output.pass_on()?;
            errors.pass_on()?;
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                bail!("the command in the lab took longer than {:?}", self.timeout.unwrap_or_default());
            }
        }
        let status =
            fs::read_to_string(folder.0.join("status")).context("the lab's agent gave no exit status")?;
        let status = status.trim().parse().context("the lab's agent gave no exit status")?;
        Ok(Outcome { status, output: output.text() })
    }
}

/// The folder of a job, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(place: &Place) -> Result<Folder> {
        for number in 0_u32.. {
            let path = place.jobs().join(format!("{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Folder(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| format!("cannot make {}", path.display())),
            }
        }
        bail!("no name is left for a job")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing depends on it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A file that grows.
struct Tail {
    file: File,
    to: Option<Box<dyn Write>>,
    seen: Vec<u8>,
}

impl Tail {
    fn open(path: PathBuf, to: Option<Box<dyn Write>>) -> Result<Tail> {
        let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Tail { file, to, seen: Vec::new() })
    }

    fn pass_on(&mut self) -> Result<()> {
        let before = self.seen.len();
        self.file.read_to_end(&mut self.seen).context("cannot read a job's output")?;
        if let Some(to) = &mut self.to
            && self.seen.len() > before
        {
            to.write_all(&self.seen[before..]).and_then(|()| to.flush()).context("cannot write output")?;
        }
        Ok(())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }
}

/// A word as the shell takes it.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(quote("a/b-c=1"), "a/b-c=1");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
        assert_eq!(Job::new(&["echo $x | cat".to_owned()]).script, "echo $x | cat");
        assert_eq!(Job::new(&["echo".to_owned(), "$x".to_owned()]).script, "exec echo '$x'");
    }
}
