//! A terminal's line discipline (N_TTY, termios(3)) between a pty's master and its slave: a passive state machine.
//!
//! Bytes that the master writes pass [`Tty::receive`] (editing, echo, signals) into the input queue, from which the slave
//! reads; bytes that the slave writes pass [`Tty::transmit`] (output processing) into the output queue, from which the
//! master reads. What must happen elsewhere, signals to the foreground group, comes back as [`Effects`].

mod control;
mod input;
mod output;
mod read;
#[cfg(test)]
mod tests;

use abi::ioctl::{POSIX_VDISABLE, TERMIOS_DEFAULT, Termios, Winsize};
use alloc::collections::VecDeque;

pub use control::FlushQueues;
pub use read::{Clocked, Got};

/// Bytes that the input queue holds (`N_TTY_BUF_SIZE`); MAX_CANON is one less.
pub const INPUT_MAX: usize = 4096;
/// Bytes of output that wait for the master before writers block.
pub const OUTPUT_MAX: usize = 0x1_0000;

/// One place of the input queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// A byte within a line.
    Byte(u8),
    /// A byte that ends a line: newline, VEOL, VEOL2.
    End(u8),
    /// End of file (VEOF): ends a line without a byte of its own.
    Eof,
}

impl Cell {
    /// The byte as a raw reader sees it.
    fn byte(self) -> u8 {
        match self {
            Cell::Byte(b) | Cell::End(b) => b,
            Cell::Eof => POSIX_VDISABLE,
        }
    }
}

/// What the caller must do after an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Signals for the foreground process group, bit `signo`.
    pub signals: u64,
}

impl Effects {
    fn signal(&mut self, signo: i32) {
        self.signals |= 1 << signo;
    }

    /// The signals, lowest first.
    pub fn signals(&self) -> impl Iterator<Item = i32> + use<> {
        let set = self.signals;
        (1..64).filter(move |n| set & (1 << n) != 0)
    }
}

/// A pty's line discipline and both its queues.
pub struct Tty {
    termios: Termios,
    winsize: Winsize,
    input: VecDeque<Cell>,
    /// Cells at the front of `input` that form complete lines; editing never reaches them.
    committed: usize,
    /// `input` was collected in raw mode and stands for one line until it is read.
    push: bool,
    /// The next byte is taken literally (VLNEXT was typed).
    literal: bool,
    /// Within a `\…/` pair of ECHOPRT.
    erasing: bool,
    /// Output is stopped (VSTOP, TCOOFF).
    stopped: bool,
    /// It was TCOOFF, which typing cannot undo.
    stopped_by_program: bool,
    output: VecDeque<u8>,
    column: u32,
    /// Column at which the line being edited begins.
    line_column: u32,
    /// TIOCPKT is on; what happened since the master's last read.
    packet: Option<u8>,
    /// Monotonic ns of the last input, for VTIME.
    last_input: u64,
}

impl Default for Tty {
    fn default() -> Self {
        Self::new()
    }
}

impl Tty {
    /// A fresh terminal.
    pub fn new() -> Self {
        Self {
            termios: TERMIOS_DEFAULT,
            winsize: Winsize::default(),
            input: VecDeque::new(),
            committed: 0,
            push: false,
            literal: false,
            erasing: false,
            stopped: false,
            stopped_by_program: false,
            output: VecDeque::new(),
            column: 0,
            line_column: 0,
            packet: None,
            last_input: 0,
        }
    }

    fn local(&self, flag: u32) -> bool {
        self.termios.c_lflag & flag != 0
    }
    fn iflag(&self, flag: u32) -> bool {
        self.termios.c_iflag & flag != 0
    }
    fn oflag(&self, flag: u32) -> bool {
        self.termios.c_oflag & flag != 0
    }
    /// True if `c` is the control character `index`, and that is not disabled.
    fn is_cc(&self, c: u8, index: usize) -> bool {
        self.termios.c_cc[index] != POSIX_VDISABLE && self.termios.c_cc[index] == c
    }
    fn is_continuation(&self, c: u8) -> bool {
        self.iflag(abi::ioctl::IUTF8) && c & 0xc0 == 0x80
    }
    fn note(&mut self, packet_bits: u8) {
        if let Some(status) = &mut self.packet {
            *status |= packet_bits;
        }
    }
}

/// Control characters as the line discipline means them: ASCII's.
fn is_control(c: u8) -> bool {
    c.is_ascii_control()
}
