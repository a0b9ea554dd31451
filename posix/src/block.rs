//! Waiting around the passive steps of open files.

use abi::errno::{Errno, SysResult};
use abi::signal::{SI_KERNEL, SIGPIPE, SIGXFSZ, SigInfo};
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
    loop {
        match step() {
            Err(Errno::EAGAIN) if !nonblock => {}
            done => return done,
        }
        let until = match (deadline, file.deadline()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        match block_until(file.keys().as_slice(), until, &mut step) {
            Err(Errno::EAGAIN) if deadline.is_none_or(|d| cx.platform().monotonic() < d) => {}
            done => return done,
        }
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

/// The signals that come with a failed write: SIGPIPE with EPIPE, SIGXFSZ with EFBIG at the process's limit.
pub fn raise(cx: &Cx<'_>, e: Errno) -> Errno {
    let signo = match e {
        Errno::EPIPE => SIGPIPE,
        Errno::EFBIG => SIGXFSZ,
        _ => return e,
    };
    // A signal that cannot be queued is marked pending all the same.
    let _ = process::signal::post_thread(cx.thread(), SigInfo::new(signo, SI_KERNEL));
    e
}
