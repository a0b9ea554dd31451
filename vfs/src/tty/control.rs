//! Attributes, flow control and flushing: what ioctl_tty(2) does to a terminal's state.

use abi::ioctl::*;

use super::{Cell, Tty};

/// Which queues TCFLSH empties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushQueues {
    /// What was typed and not read.
    Input,
    /// What was written and not read by the master.
    Output,
    Both,
}

impl FlushQueues {
    /// From TCFLSH's argument.
    pub fn from_arg(arg: u64) -> Option<Self> {
        match u32::try_from(arg).ok()? {
            TCIFLUSH => Some(Self::Input),
            TCOFLUSH => Some(Self::Output),
            TCIOFLUSH => Some(Self::Both),
            _ => None,
        }
    }
}

impl Tty {
    /// The attributes.
    pub fn termios(&self) -> Termios {
        self.termios
    }

    /// Sets the attributes (TCSETS). A switch between canonical and raw mode keeps what was typed: as one line, or as
    /// plain bytes.
    pub fn set_termios(&mut self, new: Termios) {
        let old = self.termios;
        self.termios = new;
        if (old.c_lflag ^ new.c_lflag) & (ICANON | EXTPROC) != 0 {
            for cell in &mut self.input {
                *cell = Cell::Byte(cell.byte());
            }
            self.push = self.canonical() && !self.input.is_empty();
            self.committed = if self.push { self.input.len() } else { 0 };
            self.literal = false;
            self.erasing = false;
        }
        if old.c_iflag & IXON != 0 && new.c_iflag & IXON == 0 && !self.stopped_by_program {
            self.start();
        }
        let standard = |t: &Termios| t.c_iflag & IXON != 0 && t.c_cc[VSTOP] == 0x13 && t.c_cc[VSTART] == 0x11;
        match (standard(&old), standard(&new)) {
            (false, true) => self.note_exclusive(TIOCPKT_DOSTOP, TIOCPKT_NOSTOP),
            (true, false) => self.note_exclusive(TIOCPKT_NOSTOP, TIOCPKT_DOSTOP),
            _ => {}
        }
        if (old.c_lflag ^ new.c_lflag) & EXTPROC != 0 || new.c_lflag & EXTPROC != 0 {
            self.note(TIOCPKT_IOCTL);
        }
    }

    fn note_exclusive(&mut self, set: u8, clear: u8) {
        if let Some(status) = &mut self.packet {
            *status = (*status & !clear) | set;
        }
    }

    /// The window's size.
    pub fn winsize(&self) -> Winsize {
        self.winsize
    }

    /// Sets the window's size; true if it changed (then the foreground group gets SIGWINCH).
    pub fn set_winsize(&mut self, size: Winsize) -> bool {
        let changed = self.winsize != size;
        self.winsize = size;
        changed
    }

    /// Turns packet mode on or off (TIOCPKT).
    pub fn set_packet_mode(&mut self, on: bool) {
        if on != self.packet.is_some() {
            self.packet = on.then_some(0);
        }
    }

    /// True in packet mode.
    pub fn packet_mode(&self) -> bool {
        self.packet.is_some()
    }

    /// Empties queues.
    pub fn flush(&mut self, what: FlushQueues) {
        if what != FlushQueues::Output {
            self.input.clear();
            self.committed = 0;
            self.push = false;
            self.erasing = false;
            self.literal = false;
            self.note(TIOCPKT_FLUSHREAD);
        }
        if what != FlushQueues::Input {
            self.output.clear();
            self.note(TIOCPKT_FLUSHWRITE);
        }
    }

    /// TCXONC's TCOOFF and TCOON.
    pub fn set_stopped_by_program(&mut self, stop: bool) {
        if stop {
            self.stopped_by_program = true;
            self.stop();
        } else if self.stopped_by_program {
            self.stopped_by_program = false;
            self.start();
        }
    }

    /// True while output is stopped.
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    pub(super) fn stop(&mut self) {
        if !self.stopped {
            self.stopped = true;
            self.note_exclusive(TIOCPKT_STOP, TIOCPKT_START);
        }
    }

    pub(super) fn start(&mut self) {
        if self.stopped && !self.stopped_by_program {
            self.stopped = false;
            self.note_exclusive(TIOCPKT_START, TIOCPKT_STOP);
        }
    }
}
