//! The end of a member whose kernel is at fault: one line for the monitor, then the status of an abort.

use core::fmt::{self, Write};

use crate::host;

/// The exit status of a member whose kernel panicked: that of a process that SIGABRT killed, as a shell says it.
pub const STATUS: i32 = 134;

/// Standard error, for crash reports; the only host file that a member can write to.
const FD_STDERR: i32 = 2;

/// A line on the stack: nothing here may need the heap.
struct Line {
    buf: [u8; 1024],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let n = s.len().min(self.buf.len() - self.len);
        self.buf[self.len..self.len + n].copy_from_slice(&s.as_bytes()[..n]);
        self.len += n;
        Ok(())
    }
}

/// Reports and ends the member.
pub fn die(what: fmt::Arguments<'_>) -> ! {
    let mut line = Line { buf: [0; 1024], len: 0 };
    let _ = writeln!(line, "offshoot: kernel: {what}");
    let _ = host::write(FD_STDERR, &line.buf[..line.len]);
    host::exit(STATUS)
}

/// Sends text to the monitor's log.
pub fn print(text: &[u8]) {
    let _ = host::write(FD_STDERR, text);
}

platform_x86::ends_by!(die);
