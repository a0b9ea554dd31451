//! Waiting around the passive steps of open files.

use abi::errno::{Errno, SysResult};
use abi::process::RLIMIT_FSIZE;
use abi::signal::{SI_KERNEL, SI_USER, SIGPIPE, SIGXFSZ, SigInfo};
use process::wait_on::block_until;
use vfs::file::OpenFile;
use vfs::io::IoBuf;

use crate::cx::Cx;

/// Repeats a file's step until it can go on. EAGAIN at once if `nonblock`, or at `deadline` (monotonic ns).
pub fn until_ready<T>(
    cx: &Cx<'_>,
    file: &OpenFile,
    nonblock: bool,
    deadline: Option<u64>,
    mut step: impl FnMut() -> SysResult<T>,
) -> SysResult<T> {
    let any = abi::poll::PollEvents::POLLIN;
    loop {
        let mark = if file.timed() { file.edge(any) } else { None };
        match step() {
            Err(Errno::EAGAIN) if !nonblock => {}
            done => return done,
        }
        // A timer that is set anew meanwhile has another deadline.
        let mut attempt = || match step() {
            Err(Errno::EAGAIN) if mark.is_some() && file.edge(any) != mark => Ok(None),
            done => done.map(Some),
        };
        let until = match (deadline, file.deadline()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        match block_until(file.keys().as_slice(), until, &mut attempt) {
            Ok(None) => {}
            Ok(Some(value)) => return Ok(value),
            Err(Errno::EAGAIN) if deadline.is_none_or(|d| cx.platform().monotonic() < d) => {}
            Err(e) => return Err(e),
        }
    }
}

/// On the way to a read that would wait for another member: lets others run, who may write what it waits for, and need not
/// tell. `may_wait` is asked only then.
pub fn linger(cx: &Cx<'_>, file: &OpenFile, may_wait: impl FnOnce() -> bool) {
    if file.is_quiet() && may_wait() && file.may_transfer(false).is_ok() {
        cx.kernel.sched.linger(&mut || !file.is_quiet());
    }
}

/// Writes all of `io`: a blocking file takes it in several steps; what was moved before an error counts.
pub fn write_all(
    cx: &Cx<'_>,
    file: &OpenFile,
    io: &mut IoBuf<'_>,
    deadline: Option<u64>,
) -> SysResult<usize> {
    let nonblock = file.nonblocking();
    let mut moved = 0;
    loop {
        match until_ready(cx, file, nonblock, deadline, || file.write(io)) {
            Ok(n) => {
                moved += n;
                if n == 0 || io.left() == 0 || !file.is_stream() {
                    return Ok(moved);
                }
            }
            Err(_) if moved > 0 => return Ok(moved),
            Err(e) => return Err(raise(cx, e)),
        }
    }
}

/// The signal that comes with a failed write to what nobody reads: SIGPIPE with EPIPE.
pub fn raise(cx: &Cx<'_>, e: Errno) -> Errno {
    if e == Errno::EPIPE {
        post(cx, SIGPIPE, SI_KERNEL);
    }
    e
}

/// EFBIG of a file that may not get so long, with SIGXFSZ; setrlimit(2), RLIMIT_FSIZE. (A file system's own EFBIG comes
/// without a signal.)
pub fn too_long(cx: &Cx<'_>) -> Errno {
    post(cx, SIGXFSZ, SI_USER);
    Errno::EFBIG
}

fn post(cx: &Cx<'_>, signo: i32, code: i32) {
    // A signal that cannot be queued is marked pending all the same.
    let _ = process::signal::post_thread(cx.thread(), SigInfo::new(signo, code));
}

/// A step of a write to a file, within the process's RLIMIT_FSIZE.
pub fn write_limited(
    cx: &Cx<'_>,
    io: &mut IoBuf<'_>,
    step: impl FnOnce(&mut IoBuf<'_>) -> SysResult<usize>,
) -> SysResult<usize> {
    io.file_limit = cx.process().rlimits.lock()[RLIMIT_FSIZE as usize].0;
    let done = step(io);
    if io.over_limit { Err(too_long(cx)) } else { done.map_err(|e| raise(cx, e)) }
}
