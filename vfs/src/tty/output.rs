//! Output processing (OPOST) and what the master reads.

use abi::ioctl::*;

use super::{OUTPUT_MAX, Tty, is_control};

impl Tty {
    /// The slave writes; how many bytes were taken. Fewer than given, or 0, means that the queue is full or output is
    /// stopped.
    pub fn transmit(&mut self, bytes: &[u8]) -> usize {
        if self.stopped {
            return 0;
        }
        let processed = self.oflag(OPOST);
        for (i, c) in bytes.iter().enumerate() {
            // A tab may become eight bytes.
            if self.output.len() + 8 > OUTPUT_MAX {
                return i;
            }
            if processed { self.put_processed(*c) } else { self.output.push_back(*c) }
        }
        bytes.len()
    }

    /// True when [`Tty::transmit`] would take something.
    pub fn can_transmit(&self) -> bool {
        !self.stopped && self.output.len() + 8 <= OUTPUT_MAX
    }

    /// The master reads up to `dst.len()` bytes of output; in packet mode a status byte comes first, alone when it
    /// tells something. `None`: nothing there.
    pub fn master_read(&mut self, dst: &mut [u8]) -> Option<usize> {
        let Some(status) = self.packet else { return self.take_output(dst) };
        let (first, rest) = dst.split_first_mut()?;
        if status != 0 {
            self.packet = Some(0);
            *first = status;
            return Some(1);
        }
        let n = self.take_output(rest)?;
        *first = TIOCPKT_DATA;
        Some(n + 1)
    }

    fn take_output(&mut self, dst: &mut [u8]) -> Option<usize> {
        if self.output.is_empty() {
            return None;
        }
        let n = dst.len().min(self.output.len());
        for (to, from) in dst.iter_mut().zip(self.output.drain(..n)) {
            *to = from;
        }
        Some(n)
    }

    /// Output that waits for the master.
    pub fn output_len(&self) -> usize {
        self.output.len()
    }

    /// In packet mode: a status byte waits (POLLPRI).
    pub fn packet_status(&self) -> bool {
        self.packet.is_some_and(|s| s != 0)
    }

    /// One byte with OPOST's rules; `do_output_char` of n_tty is the model.
    pub(super) fn put_processed(&mut self, mut c: u8) {
        match c {
            b'\n' => {
                if self.oflag(ONLRET) {
                    self.column = 0;
                }
                if self.oflag(ONLCR) {
                    self.column = 0;
                    self.output.push_back(b'\r');
                }
                self.line_column = self.column;
            }
            b'\r' => {
                if self.oflag(ONOCR) && self.column == 0 {
                    return;
                }
                if self.oflag(OCRNL) {
                    c = b'\n';
                    if self.oflag(ONLRET) {
                        self.column = 0;
                        self.line_column = 0;
                    }
                } else {
                    self.column = 0;
                    self.line_column = 0;
                }
            }
            b'\t' => {
                let spaces = 8 - (self.column & 7);
                self.column = self.column.wrapping_add(spaces);
                if self.termios.c_oflag & TABDLY == XTABS {
                    self.output.extend((0..spaces).map(|_| b' '));
                    return;
                }
            }
            8 => self.column = self.column.saturating_sub(1),
            _ if !is_control(c) => {
                if self.oflag(OLCUC) {
                    c = c.to_ascii_uppercase();
                }
                if !self.is_continuation(c) {
                    self.column = self.column.wrapping_add(1);
                }
            }
            _ => {}
        }
        self.output.push_back(c);
    }

    /// Echoes a byte as it is. Echo that finds the queue full is lost: whoever types does not read.
    pub(super) fn echo_raw(&mut self, c: u8) {
        if self.output.len() + 8 > OUTPUT_MAX {
            return;
        }
        if self.oflag(OPOST) { self.put_processed(c) } else { self.output.push_back(c) }
    }

    /// Echoes a byte, control characters as `^X` with ECHOCTL.
    pub(super) fn echo(&mut self, c: u8) {
        if self.local(ECHOCTL) && is_control(c) && c != b'\t' {
            self.echo_raw(b'^');
            self.echo_raw(c ^ 0x40);
        } else {
            self.echo_raw(c);
        }
    }

    pub(super) fn echo_all(&mut self, bytes: &[u8]) {
        for c in bytes {
            self.echo_raw(*c);
        }
    }
}
