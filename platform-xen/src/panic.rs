//! The end of a member whose kernel is at fault: a report for the monitor, with the addresses of the callers for it to name.

use core::fmt::{self, Write};

use abi::regs::TrapFrame;
use protocol::xen::{ASK_CRASH, ASK_LOG, MAGIC, REQUEST_DATA_LEN};
use xen_sys::SHUTDOWN_crash;

use crate::{door, hypercall};

/// Xen's debug console: what a domain can say before it has a door.
const DEBUG_PORT: u16 = 0xe9;
/// Words of the stack that are searched for return addresses, and how many of these are told.
const SEARCHED: usize = 1024;
const TOLD: usize = 48;

unsafe extern "C" {
    static offshoot_text_start: u8;
    static offshoot_text_end: u8;
}

/// A report on its way into the door; nothing here may need the heap.
struct Report {
    at: usize,
    door: bool,
}

impl Write for Report {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        if self.door {
            let n = s.len().min(REQUEST_DATA_LEN - self.at);
            door::put(self.at, &s.as_bytes()[..n]);
            self.at += n;
        } else {
            s.bytes().for_each(debug);
        }
        Ok(())
    }
}

fn debug(byte: u8) {
    // SAFETY: the port is Xen's own and takes bytes.
    unsafe { x86_64::instructions::port::Port::new(DEBUG_PORT).write(byte) };
}

/// Says a line on Xen's debug console.
pub fn say(what: fmt::Arguments<'_>) {
    let _ = writeln!(Report { at: 0, door: false }, "{what}");
}

fn report() -> Report {
    Report { at: 0, door: door::header().magic == MAGIC }
}

fn end(report: &Report) -> ! {
    if report.door {
        door::post(ASK_CRASH, &[report.at as u64, hypercall::is_short().into()]);
    }
    hypercall::shutdown(SHUTDOWN_crash)
}

/// What looks like return addresses on the stack from `rsp` on.
fn callers(report: &mut Report, rsp: u64) {
    let (start, stop) = (&raw const offshoot_text_start as u64, &raw const offshoot_text_end as u64);
    let mut told = 0;
    let mut at = rsp & !7;
    for _ in 0..SEARCHED {
        // The stack's end is behind a page's end; another page may not be there.
        // SAFETY: the rest of the page that rsp is in is mapped, if rsp is right.
        let word = unsafe { (at as *const u64).read_volatile() };
        if start <= word && word < stop && told < TOLD {
            let _ = writeln!(report, "  at {word:#x}");
            told += 1;
        }
        at += 8;
        if at.is_multiple_of(0x1000) && at > rsp + 0x1000 {
            return;
        }
    }
}

/// Reports and ends the member. One that ends for want of memory is not at fault: a line will do.
pub fn die(what: fmt::Arguments<'_>) -> ! {
    let mut report = report();
    if report.door && hypercall::is_short() {
        let _ = write!(report, "{what}");
        end(&report)
    }
    let _ = writeln!(report, "kernel: {what}");
    let here = 0u64;
    callers(&mut report, &raw const here as u64);
    end(&report)
}

/// An exception in the kernel that nothing there expects.
pub fn fault(frame: &TrapFrame) -> ! {
    let mut r = report();
    let f = frame;
    let _ = writeln!(
        r,
        "kernel: exception {} at {:#x}, address {:#x}, error {:#x}, flags {:#x}\n  ax {:#x} bx {:#x} cx {:#x} dx {:#x} si {:#x} di {:#x} bp {:#x} sp {:#x}\n  r8 {:#x} r9 {:#x} r10 {:#x} r11 {:#x} r12 {:#x} r13 {:#x} r14 {:#x} r15 {:#x}",
        f.trapno,
        f.rip,
        f.fault_addr,
        f.fault_code,
        f.rflags,
        f.rax,
        f.rbx,
        f.rcx,
        f.rdx,
        f.rsi,
        f.rdi,
        f.rbp,
        f.rsp,
        f.r8,
        f.r9,
        f.r10,
        f.r11,
        f.r12,
        f.r13,
        f.r14,
        f.r15
    );
    callers(&mut r, f.rsp);
    end(&r)
}

/// Sends text to the monitor's log.
pub fn print(text: &[u8]) {
    for part in text.chunks(REQUEST_DATA_LEN) {
        door::put(0, part);
        door::ask(ASK_LOG, &[part.len() as u64]);
    }
}

platform_x86::ends_by!(die);
