//! What the slave reads: lines in canonical mode, VMIN and VTIME otherwise; termios(3), "Canonical and noncanonical mode".

use abi::ioctl::*;
use alloc::vec::Vec;

use super::{Cell, Tty};

/// A tenth of a second, VTIME's unit, in ns.
const TENTH: u64 = 100_000_000;

/// How a read is made.
#[derive(Clone, Copy, Debug)]
pub struct Clocked {
    /// Monotonic time now.
    pub now: u64,
    /// When this read(2) began.
    pub since: u64,
    /// O_NONBLOCK: take what is there.
    pub nonblock: bool,
}

/// A read's outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// These bytes; none: end of file, or VTIME ran out.
    Bytes(Vec<u8>),
    /// Not yet; at the latest at this time if nothing is typed.
    Wait(Option<u64>),
}

impl Tty {
    /// The slave reads up to `max` bytes.
    pub fn read(&mut self, max: usize, how: Clocked) -> Got {
        if max == 0 {
            return Got::Bytes(Vec::new());
        }
        if self.canonical() {
            return if self.committed == 0 { Got::Wait(None) } else { Got::Bytes(self.take_line(max)) };
        }
        let have = self.input.len();
        let time = u64::from(self.termios.c_cc[VTIME]) * TENTH;
        let min = usize::from(self.termios.c_cc[VMIN]);
        if have > 0 && (how.nonblock || have >= min.min(max)) {
            return Got::Bytes(self.take_raw(max));
        }
        let deadline = match (min, time) {
            (0, 0) => how.now,
            (0, time) => how.since + time,
            (_, time) if time > 0 && have > 0 => self.last_input.max(how.since) + time,
            _ => return Got::Wait(None),
        };
        if how.now >= deadline && !(how.nonblock && time > 0) {
            return Got::Bytes(self.take_raw(max));
        }
        Got::Wait(Some(deadline))
    }

    fn take_raw(&mut self, max: usize) -> Vec<u8> {
        let n = max.min(self.input.len());
        let bytes = self.input.drain(..n).map(Cell::byte).collect();
        self.committed = self.committed.saturating_sub(n);
        bytes
    }

    fn take_line(&mut self, max: usize) -> Vec<u8> {
        let mut line = Vec::new();
        while self.committed > 0 {
            let last = self.input.front().copied();
            // An end of file right behind the last byte that fits is taken with it, lest it be read as a second one.
            if line.len() == max && last != Some(Cell::Eof) {
                break;
            }
            self.input.pop_front();
            self.committed -= 1;
            match last {
                Some(Cell::Byte(b)) => line.push(b),
                Some(Cell::End(b)) => {
                    line.push(b);
                    break;
                }
                Some(Cell::Eof) | None => break,
            }
        }
        if self.committed == 0 {
            self.push = false;
        }
        line
    }

    /// True when a read would find something (POLLIN).
    pub fn readable(&self) -> bool {
        if self.canonical() {
            return self.committed > 0;
        }
        let min = usize::from(self.termios.c_cc[VMIN]);
        let amount = if self.termios.c_cc[VTIME] == 0 { min.max(1) } else { 1 };
        self.input.len() >= amount
    }

    /// Bytes that could be read now (FIONREAD).
    pub fn input_len(&self) -> usize {
        if self.canonical() {
            self.input.iter().take(self.committed).filter(|c| **c != Cell::Eof).count()
        } else {
            self.input.len()
        }
    }
}
