//! A trace of system calls like strace's: one line a call, sent to the monitor while the family is traced.

use abi::errno::SysResult;
use abi::fs::AT_FDCWD;
use abi::nr::{SYS_execve, SYS_execveat, SYS_exit, SYS_exit_group};
use alloc::string::String;
use core::fmt::Write;
use core::sync::atomic::Ordering;
use process::Kernel;
use protocol::{Op, SharedMem, family};

use crate::arg::ArgKind;
use crate::cx::Cx;
use crate::table::Row;

/// Longest part of a path that a line shows.
const PATH_SHOWN: usize = 256;

/// True while the family is traced.
#[inline]
pub fn is_on(k: &Kernel) -> bool {
    k.host.family().u32_at(family::TRACE).load(Ordering::Relaxed) != 0
}

/// Makes a call and sends its line. What never returns is told before.
#[cold]
pub fn call(cx: &mut Cx<'_>, row: &Row) -> SysResult<usize> {
    // The arguments first: the call may change what they point to, or the registers.
    let mut line = describe(cx, row);
    if [SYS_exit, SYS_exit_group, SYS_execve, SYS_execveat].contains(&row.nr) {
        let mut before = line.clone();
        before.push_str(" = ?");
        send(cx, &before);
    }
    let result = (row.handler)(cx);
    // Writing to a String does not fail.
    let _ = match &result {
        Ok(value) if row.returns_address() => write!(line, " = {value:#x}"),
        Ok(value) => write!(line, " = {}", *value as isize),
        Err(e) if e.is_restart() => write!(line, " = ? {e}"),
        Err(e) => write!(line, " = -1 {e} ({})", e.message()),
    };
    send(cx, &line);
    result
}

/// The line of a call that nothing knows.
pub fn unknown(cx: &Cx<'_>, nr: usize) {
    let name = abi::nr::name(nr).unwrap_or("?");
    let args = cx.frame.args().map(|a| alloc::format!("{a:#x}")).join(", ");
    send(cx, &alloc::format!("{}{name}#{nr}({args}) = -1 ENOSYS (no such call here)", who(cx)));
}

fn who(cx: &Cx<'_>) -> String {
    let (pid, tid) = (cx.process().pid(), cx.thread().tid());
    if pid == tid { alloc::format!("{pid} ") } else { alloc::format!("{pid}/{tid} ") }
}

fn describe(cx: &Cx<'_>, row: &Row) -> String {
    let mut line = who(cx);
    line.push_str(row.name);
    line.push('(');
    for (i, (name, kind)) in row.args.iter().enumerate() {
        if i > 0 {
            line.push_str(", ");
        }
        let raw = cx.frame.arg(i);
        let _ = match kind {
            ArgKind::Fd if raw as i32 == AT_FDCWD => write!(line, "AT_FDCWD"),
            ArgKind::Fd => write!(line, "{}", raw as i32),
            ArgKind::Int if raw as i32 as u32 as u64 == raw => write!(line, "{name}={}", raw as i32),
            ArgKind::Int => write!(line, "{name}={}", raw as i64),
            ArgKind::Hex => write!(line, "{name}={raw:#x}"),
            ArgKind::Address if raw == 0 => write!(line, "NULL"),
            ArgKind::Address => write!(line, "{raw:#x}"),
            ArgKind::Path => write!(line, "{}", path(cx, raw as usize)),
        };
    }
    line.push(')');
    line
}

fn path(cx: &Cx<'_>, at: usize) -> String {
    let mut buf = [0u8; PATH_SHOWN];
    match cx.platform().copy_in_str(at, &mut buf) {
        Ok(n) => {
            let more = if n == buf.len() { "..." } else { "" };
            alloc::format!("\"{}\"{more}", buf[..n].escape_ascii())
        }
        Err(_) => alloc::format!("{at:#x}"),
    }
}

fn send(cx: &Cx<'_>, line: &str) {
    // A trace line that cannot be sent is lost; the call goes on.
    let _ = cx.host().post(Op::Trace, &[], line.as_bytes());
}
