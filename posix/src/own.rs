//! What /proc shows of the calling process itself and only its kernel knows: descriptors, mappings.

use abi::fs::{DT_LNK, DT_REG};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use process::kernel::{current, kernel};
use process::mm::maps;
use protocol::op::{OWN_FD, OWN_FDINFO, OWN_FDINFO_N, OWN_MAPS, OWN_SMAPS, OWN_STATM};
use vfs::file::OwnMaker;

/// What makes the content of such a file; `what` and `arg` are the monitor's.
pub fn maker(what: u64, arg: u64) -> Option<OwnMaker> {
    let (make, entries): (fn(u64) -> Vec<u8>, _) = match what {
        OWN_FD => (descriptors, Some(DT_LNK)),
        OWN_FDINFO => (descriptors, Some(DT_REG)),
        OWN_FDINFO_N => (fdinfo, None),
        OWN_MAPS => (|_| maps::maps(&current().process.mm), None),
        OWN_SMAPS => (|_| maps::smaps(&current().process.mm, kernel().platform), None),
        OWN_STATM => (|_| maps::statm(&current().process.mm, kernel().platform), None),
        _ => return None,
    };
    Some(OwnMaker { make, arg, entries })
}

/// The descriptors' numbers, a line each.
fn descriptors(_: u64) -> Vec<u8> {
    let mut text = String::new();
    for fd in current().process.fds.list() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{fd}");
    }
    text.into_bytes()
}

/// /proc/PID/fdinfo/N, proc(5).
fn fdinfo(fd: u64) -> Vec<u8> {
    let fds = &current().process.fds;
    let Ok(file) = fds.get(fd as i32) else { return Vec::new() };
    let cloexec = fds.cloexec(fd as i32).unwrap_or(false);
    let flags = file.flags() | if cloexec { abi::fs::O_CLOEXEC } else { 0 };
    let pos = file.tell().unwrap_or(0);
    alloc::format!("pos:\t{pos}\nflags:\t0{flags:o}\nmnt_id:\t1\nino:\t{}\n", file.info().ino).into_bytes()
}
