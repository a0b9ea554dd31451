//! Opening by path, and what opening gives when the path leads to something that only this member knows.

use abi::errno::{Errno, SysResult};
use abi::fs::O_PATH;
use alloc::sync::Arc;
use alloc::vec::Vec;
use protocol::Op;
use protocol::desc::{DescInfo, Kind};

use crate::cache::{self, Cache};
use crate::fdtable::FdTable;
use crate::file::{OpenFile, OwnMaker};
use crate::host::{Answer, Host};

/// Links of /proc/self/fd that one path may go through.
const MAX_LINKS: usize = 40;

/// How to open; openat2(2). `mode` has the umask applied already.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    pub flags: u32,
    pub mode: u32,
    pub resolve: u64,
}

/// Opens a path relative to `dir` (a description or `DIR_CWD`). `fds` is where /proc/self/fd/N leads to, `own` makes the
/// contents of files that only the process's own kernel can fill. EAGAIN: a FIFO without its other end; `EV_RETRY` tells
/// when to try again.
pub fn open(
    host: &'static Host,
    fds: &FdTable,
    own: fn(u64, u64) -> Option<OwnMaker>,
    dir: u64,
    path: &[u8],
    how: How,
) -> SysResult<Arc<OpenFile>> {
    let cached = cache::eligible(path, how.flags, how.resolve);
    if cached && let Some(file) = host.cache.open(host, path, how.flags) {
        return Ok(file);
    }
    let generation = Cache::generation(host);
    let answer = ask(host, fds, dir, path, how)?;
    match answer.value(0) {
        0 => {
            let file = OpenFile::new(host, answer.get::<DescInfo>(0)?, Some(&answer), true);
            drop(answer);
            let shadow =
                if cached { host.cache.note(host, path, &file, how.flags, generation) } else { None };
            Ok(shadow.unwrap_or(file))
        }
        1 => {
            let fd = answer.value(1) as i32;
            drop(answer);
            reopen(host, fds, fd, how.flags)
        }
        _ => {
            let (what, arg) = (answer.value(1), answer.value(2));
            let file = OpenFile::new(host, answer.get::<DescInfo>(0)?, None, true);
            Ok(own(what, arg).map_or(file.clone(), |make| file.with_own_content(make)))
        }
    }
}

/// Asks the monitor, which does not know descriptor numbers: where the path runs through a link of /proc/self/fd it is
/// asked again, from that description on.
fn ask(host: &'static Host, fds: &FdTable, dir: u64, path: &[u8], how: How) -> SysResult<Answer<'static>> {
    let mut args = [dir, u64::from(how.flags), u64::from(how.mode), how.resolve];
    let mut rest: Option<Vec<u8>> = None;
    for _ in 0..MAX_LINKS {
        let mut out = host.begin(Op::Open);
        out.put(rest.as_deref().unwrap_or(path))?;
        let answer = out.send_raw(&args)?;
        match answer.error() {
            None => return Ok(answer),
            Some(Errno::EREMOTE) => {}
            Some(e) => return Err(e),
        }
        let (fd, behind) = (answer.value(1) as i32, answer.to_vec());
        drop(answer);
        let file = fds.get(fd).map_err(|_| Errno::ENOENT)?;
        let from = behind.iter().position(|b| *b != b'/').unwrap_or(behind.len());
        // `/proc/self/fd/N/`: the directory itself.
        rest = Some(if from == behind.len() { b".".to_vec() } else { behind[from..].to_vec() });
        args[0] = match file.desc() {
            0 => return Err(Errno::ENOTDIR),
            desc => desc.into(),
        };
    }
    Err(Errno::ELOOP)
}

/// Opens what a descriptor of this process refers to anew (proc(5), /proc/PID/fd). What has no name cannot be opened
/// again: ENXIO.
fn reopen(host: &'static Host, fds: &FdTable, fd: i32, flags: u32) -> SysResult<Arc<OpenFile>> {
    let file = fds.get(fd).map_err(|_| Errno::ENOENT)?;
    if file.desc() == 0 || (file.kind() == Kind::Socket && flags & O_PATH == 0) {
        return Err(Errno::ENXIO);
    }
    let answer = host.call(Op::Reopen, &[u64::from(file.desc()), u64::from(flags)])?;
    Ok(OpenFile::new(host, answer.get::<DescInfo>(0)?, Some(&answer), true))
}
