//! An interactive shell in dom0, over the machine's second serial line.

use std::io::{Read, Write, stdin, stdout};
use std::os::unix::net::UnixStream;
use std::thread;

use anyhow::{Context, Result};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use super::place::Place;

/// Ctrl-].
const LEAVE: u8 = 0x1d;

/// Connects this terminal to dom0's shell until Ctrl-] is typed.
pub fn shell(place: &Place) -> Result<()> {
    let mut socket = UnixStream::connect(place.terminal()).context("cannot reach the lab's serial line")?;
    eprintln!("dom0's shell; Ctrl-] leaves it");
    let raw = Raw::enter()?;
    let mut from = socket.try_clone()?;
    // It ends with the process, or when the machine does.
    thread::spawn(move || std::io::copy(&mut from, &mut stdout().lock()));
    socket.write_all(b"\n")?;
    let mut bytes = [0; 256];
    loop {
        let len = stdin().read(&mut bytes)?;
        let typed = &bytes[..len];
        if len == 0 || typed.contains(&LEAVE) {
            break;
        }
        socket.write_all(typed).context("the lab hung up")?;
    }
    drop(raw);
    eprintln!();
    Ok(())
}

/// The terminal without echo and line editing; dom0's has both.
struct Raw(Option<Termios>);

impl Raw {
    fn enter() -> Result<Raw> {
        let Ok(before) = tcgetattr(stdin()) else { return Ok(Raw(None)) };
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw).context("cannot set up the terminal")?;
        Ok(Raw(Some(before)))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // If the terminal is gone, there is nothing to restore.
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        }
    }
}
