//! What is typed: signals, flow control, line editing, echo. `n_tty_receive_char` and `eraser` of n_tty are the model.

use abi::ioctl::*;
use abi::signal::{SIGINT, SIGQUIT, SIGTSTP};

use super::{Cell, Effects, INPUT_MAX, Tty, is_control};

/// What an erasing character takes away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Erase {
    Char,
    Word,
    Line,
}

impl Tty {
    /// The master writes at monotonic time `now`; how many bytes were taken (the rest must wait until the slave read).
    pub fn receive(&mut self, bytes: &[u8], now: u64, effects: &mut Effects) -> usize {
        for (i, c) in bytes.iter().enumerate() {
            // While lines wait, or in raw mode, what does not fit waits with the master; a single line that is too
            // long loses what does not fit, so that its end can still be typed.
            if self.input.len() + 2 > INPUT_MAX && (self.committed > 0 || !self.canonical()) {
                return i;
            }
            self.receive_byte(*c, effects);
            self.last_input = now;
        }
        bytes.len()
    }

    /// True when [`Tty::receive`] would take something.
    pub fn can_receive(&self) -> bool {
        self.input.len() + 2 <= INPUT_MAX || (self.committed == 0 && self.canonical())
    }

    /// Lines are edited (ICANON, and not a remote line editor's EXTPROC).
    pub(super) fn canonical(&self) -> bool {
        self.local(ICANON) && !self.local(EXTPROC)
    }

    fn receive_byte(&mut self, mut c: u8, effects: &mut Effects) {
        if self.iflag(ISTRIP) {
            c &= 0x7f;
        }
        if self.iflag(IUCLC) && self.local(IEXTEN) {
            c = c.to_ascii_lowercase();
        }
        if self.local(EXTPROC) {
            return self.put(Cell::Byte(c));
        }
        if self.literal {
            self.literal = false;
            return self.plain(c);
        }
        if self.stopped && !self.stopped_by_program && self.iflag(IXON) && self.iflag(IXANY) {
            self.start();
        }
        if self.flow_control(c) || self.signal(c, effects) {
            return;
        }
        match c {
            b'\r' if self.iflag(IGNCR) => return,
            b'\r' if self.iflag(ICRNL) => c = b'\n',
            b'\n' if self.iflag(INLCR) => c = b'\r',
            _ => {}
        }
        if !(self.local(ICANON) && self.edit(c)) {
            self.plain(c);
        }
    }

    fn flow_control(&mut self, c: u8) -> bool {
        if !self.iflag(IXON) {
            return false;
        }
        if self.is_cc(c, VSTART) {
            self.start();
            return true;
        }
        if self.is_cc(c, VSTOP) {
            self.stop();
            return true;
        }
        false
    }

    fn signal(&mut self, c: u8, effects: &mut Effects) -> bool {
        if !self.local(ISIG) {
            return false;
        }
        let signo = match c {
            _ if self.is_cc(c, VINTR) => SIGINT,
            _ if self.is_cc(c, VQUIT) => SIGQUIT,
            _ if self.is_cc(c, VSUSP) => SIGTSTP,
            _ => return false,
        };
        effects.signal(signo);
        if !self.local(NOFLSH) {
            self.flush(super::FlushQueues::Both);
        }
        if self.iflag(IXON) {
            self.start();
        }
        if self.local(ECHO) {
            self.echo(c);
        }
        true
    }

    /// Canonical mode's special characters; false if `c` is none.
    fn edit(&mut self, c: u8) -> bool {
        let extended = self.local(IEXTEN);
        if self.is_cc(c, VERASE) {
            self.erase(c, Erase::Char);
        } else if self.is_cc(c, VKILL) {
            self.erase(c, Erase::Line);
        } else if extended && self.is_cc(c, VWERASE) {
            self.erase(c, Erase::Word);
        } else if extended && self.is_cc(c, VLNEXT) {
            self.literal = true;
            if self.local(ECHO) {
                self.finish_erasing();
                if self.local(ECHOCTL) {
                    self.echo_all(b"^\x08");
                }
            }
        } else if extended && self.local(ECHO) && self.is_cc(c, VREPRINT) {
            self.reprint(c);
        } else if c == b'\n' {
            if self.local(ECHO) || self.local(ECHONL) {
                self.echo_raw(b'\n');
            }
            self.end_line(Cell::End(b'\n'));
        } else if self.is_cc(c, VEOF) {
            self.end_line(Cell::Eof);
        } else if self.is_cc(c, VEOL) || (extended && self.is_cc(c, VEOL2)) {
            self.echo_typed(c);
            self.mark_parity(c);
            self.end_line(Cell::End(c));
        } else {
            return false;
        }
        true
    }

    /// A byte without meaning.
    fn plain(&mut self, c: u8) {
        if self.local(ECHO) {
            self.finish_erasing();
            if c == b'\n' { self.echo_raw(c) } else { self.echo_typed(c) }
        }
        self.mark_parity(c);
        self.put(Cell::Byte(c));
    }

    fn echo_typed(&mut self, c: u8) {
        if self.local(ECHO) {
            if self.input.len() == self.committed {
                self.line_column = self.column;
            }
            self.echo(c);
        }
    }

    /// With PARMRK a byte 0377 is doubled, so that it is not taken for the mark of a parity error.
    fn mark_parity(&mut self, c: u8) {
        if c == 0o377 && self.iflag(PARMRK) {
            self.put(Cell::Byte(c));
        }
    }

    fn put(&mut self, cell: Cell) {
        if self.input.len() + 1 < INPUT_MAX {
            self.input.push_back(cell);
        } else if self.iflag(IMAXBEL) {
            self.echo_raw(7);
        }
    }

    fn end_line(&mut self, cell: Cell) {
        // The last place is kept for the end of a line that is too long.
        if self.input.len() >= INPUT_MAX {
            self.input.pop_back();
        }
        self.input.push_back(cell);
        self.committed = self.input.len();
    }

    fn erase(&mut self, c: u8, what: Erase) {
        if self.input.len() == self.committed {
            return;
        }
        if what == Erase::Line {
            if !self.local(ECHO) {
                return self.input.truncate(self.committed);
            }
            if !(self.local(ECHOK) && self.local(ECHOKE) && self.local(ECHOE)) {
                self.input.truncate(self.committed);
                self.finish_erasing();
                self.echo(c);
                if self.local(ECHOK) {
                    self.echo_raw(b'\n');
                }
                return;
            }
        }
        let mut seen_word = false;
        while self.input.len() > self.committed {
            let mut head = self.input.len();
            let mut byte;
            loop {
                head -= 1;
                byte = self.input[head].byte();
                if !self.is_continuation(byte) || head == self.committed {
                    break;
                }
            }
            if self.is_continuation(byte) {
                break; // a character's tail without its head stays
            }
            if what == Erase::Word {
                if byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80 {
                    seen_word = true;
                } else if seen_word {
                    break;
                }
            }
            if self.local(ECHO) {
                self.echo_erase(head, byte, what);
            }
            self.input.truncate(head);
            if byte == b'\t' && self.local(ECHO) && !self.local(ECHOPRT) && self.visibly(what) {
                self.echo_erase_tab();
            }
            if what == Erase::Char {
                break;
            }
        }
        if self.input.len() == self.committed && self.local(ECHO) {
            self.finish_erasing();
        }
    }

    fn visibly(&self, what: Erase) -> bool {
        what != Erase::Char || self.local(ECHOE)
    }

    /// Shows that the character at `head`, which begins with `byte`, goes; tabs are shown once they are gone.
    fn echo_erase(&mut self, head: usize, byte: u8, what: Erase) {
        if self.local(ECHOPRT) {
            if !self.erasing {
                self.echo_raw(b'\\');
                self.erasing = true;
            }
            self.echo(byte);
            for i in head + 1..self.input.len() {
                let tail = self.input[i].byte();
                self.echo_raw(tail);
            }
        } else if !self.visibly(what) {
            let erase = self.termios.c_cc[VERASE];
            self.echo(erase);
        } else if byte != b'\t' {
            if is_control(byte) && self.local(ECHOCTL) {
                self.echo_all(b"\x08 \x08");
            }
            if !is_control(byte) || self.local(ECHOCTL) {
                self.echo_all(b"\x08 \x08");
            }
        }
    }

    /// Moves back over a tab that was just removed: to where the text before it ends.
    fn echo_erase_tab(&mut self) {
        let mut width = 0;
        let mut from = self.line_column;
        for i in (self.committed..self.input.len()).rev() {
            match self.input[i].byte() {
                b'\t' => {
                    from = 0;
                    break;
                }
                b if is_control(b) => width += if self.local(ECHOCTL) { 2 } else { 0 },
                b if self.is_continuation(b) => {}
                _ => width += 1,
            }
        }
        for _ in 0..8 - ((width + from) & 7) {
            self.echo_raw(8);
        }
    }

    fn finish_erasing(&mut self) {
        if self.erasing {
            self.erasing = false;
            self.echo_raw(b'/');
        }
    }

    fn reprint(&mut self, c: u8) {
        self.finish_erasing();
        self.echo(c);
        self.echo_raw(b'\n');
        for i in self.committed..self.input.len() {
            let b = self.input[i].byte();
            self.echo(b);
        }
    }
}
