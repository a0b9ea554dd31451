//! Moving bytes between descriptors: sendfile, splice, tee, vmsplice, copy_file_range.

use abi::errno::{Errno, SysResult};
use abi::fs::*;
use abi::poll::PollEvents;
use abi::process::RLIMIT_FSIZE;
use abi::uio::MAX_RW_COUNT;
use abi::user::UserRef;
use alloc::sync::Arc;
use protocol::Op;
use protocol::desc::Kind;
use vfs::file::{OpenFile, Pipe};
use vfs::io::{self, IoBuf};

use crate::arg::{Addr, Fd};
use crate::block::{raise, too_long, until_ready, write_limited};
use crate::cx::Cx;
use crate::rw;

crate::syscalls! {
    SYS_sendfile sendfile(out: Fd, input: Fd, offset: UserRef<i64>, count: usize) Full "" => sys_sendfile;
    SYS_splice splice(input: Fd, off_in: UserRef<i64>, out: Fd, off_out: UserRef<i64>, len: usize, flags: u32) Full "" => sys_splice;
    SYS_tee tee(input: Fd, out: Fd, len: usize, flags: u32) Full "" => sys_tee;
    SYS_vmsplice vmsplice(fd: Fd, vec: Addr, count: usize, flags: u32) Partial "pages are copied, not lent" => sys_vmsplice;
    SYS_copy_file_range copy_file_range(input: Fd, off_in: UserRef<i64>, out: Fd, off_out: UserRef<i64>, len: usize, flags: u32) Full "" => sys_copy_file_range;
}

/// The most that goes through a buffer of the kernel at once.
const CHUNK: usize = 0x1_0000;

/// A place in a file: an offset of the app's, which is written back, or the file's own.
struct Place {
    file: Arc<OpenFile>,
    given: UserRef<i64>,
    at: u64,
}

impl Place {
    fn new(cx: &Cx<'_>, file: Arc<OpenFile>, given: UserRef<i64>) -> SysResult<Self> {
        let at = match cx.get_opt(given)? {
            Some(at) => u64::try_from(at).map_err(|_| Errno::EINVAL)?,
            None if file.seekable() => file.tell()?,
            None => 0,
        };
        Ok(Self { file, given, at })
    }

    fn finish(&self, cx: &Cx<'_>, moved: usize) -> SysResult<()> {
        let at = self.at + moved as u64;
        if self.given.is_null() {
            if moved > 0 && self.file.seekable() {
                self.file.seek(at as i64, SEEK_SET)?;
            }
            return Ok(());
        }
        cx.put(self.given, &(at as i64))
    }
}

/// sendfile(2).
fn sys_sendfile(cx: &mut Cx<'_>, out: Fd, input: Fd, offset: UserRef<i64>, count: usize) -> SysResult<usize> {
    let given = cx.get_opt(offset)?;
    if given.is_some_and(|at| at < 0) {
        return Err(Errno::EINVAL);
    }
    let from = cx.file(input)?;
    if !from.open_flags().readable() {
        return Err(Errno::EBADF);
    }
    if given.is_some() && !from.seekable() {
        return Err(Errno::ESPIPE);
    }
    let to = cx.file(out)?;
    if !to.open_flags().writable() {
        return Err(Errno::EBADF);
    }
    if to.flags() & O_APPEND != 0 {
        return Err(Errno::EINVAL);
    }
    let count = count.min(MAX_RW_COUNT);
    let place = Place::new(cx, from, offset)?;
    let deadline = to.timeout(cx.platform(), false);
    let mut moved = 0;
    let mut result = Ok(());
    while moved < count && result.is_ok() {
        // A reply's buffer is lent: the step must not wait while it is held.
        let mut lent = 0;
        let step = place.file.lend_at(place.at + moved as u64, count - moved, &mut |io| {
            lent = io.left();
            write_limited(cx, io, |io| to.write(io))
        });
        match step {
            Ok(0) => break,
            Ok(n) => {
                moved += n;
                if n < lent && to.nonblocking() {
                    break;
                }
            }
            Err(Errno::EAGAIN) if !to.nonblocking() => result = wait_for_room(cx, &to, deadline),
            Err(e) => result = Err(e),
        }
    }
    place.finish(cx, moved)?;
    match result {
        Err(e) if moved == 0 => Err(e),
        _ => Ok(moved),
    }
}

fn wait_for_room(cx: &Cx<'_>, to: &OpenFile, deadline: Option<u64>) -> SysResult<()> {
    until_ready(cx, to, false, deadline, || {
        if to.poll(PollEvents::POLLOUT, false).is_empty() { Err(Errno::EAGAIN) } else { Ok(()) }
    })
}

/// Moves what a pipe holds to `put`; what `put` does not take stays in the pipe.
fn from_pipe(
    cx: &Cx<'_>,
    file: &OpenFile,
    pipe: &Pipe,
    len: usize,
    nonblock: bool,
    put: &mut dyn FnMut(&mut IoBuf<'_>) -> SysResult<usize>,
) -> SysResult<usize> {
    if len == 0 {
        return Ok(0);
    }
    let mut bytes = alloc::vec![0; len.min(CHUNK)];
    let n = until_ready(cx, file, nonblock || file.nonblocking(), None, || {
        pipe.peek(file, &mut IoBuf::target(&mut bytes))
    })?;
    if n == 0 {
        return Ok(0);
    }
    let taken = put(&mut IoBuf::source(&bytes[..n]))?;
    pipe.skip(file, taken)?;
    Ok(taken)
}

fn check_flags(flags: u32) -> SysResult<bool> {
    if flags & !(SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT) != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(flags & SPLICE_F_NONBLOCK != 0)
}

/// Both ends of one pipe.
fn same_pipe(a: &OpenFile, b: &OpenFile) -> bool {
    a.as_pipe().is_some() && b.as_pipe().is_some() && a.info().ino == b.info().ino
}

/// splice(2).
fn sys_splice(
    cx: &mut Cx<'_>,
    input: Fd,
    off_in: UserRef<i64>,
    out: Fd,
    off_out: UserRef<i64>,
    len: usize,
    flags: u32,
) -> SysResult<usize> {
    if len == 0 {
        return Ok(0);
    }
    let nonblock = check_flags(flags)?;
    let (from, to) = (cx.file(input)?, cx.file(out)?);
    if !from.open_flags().readable() || !to.open_flags().writable() {
        return Err(Errno::EBADF);
    }
    for (file, off) in [(&from, off_in), (&to, off_out)] {
        if !off.is_null() && !file.seekable() {
            return Err(Errno::ESPIPE);
        }
    }
    if same_pipe(&from, &to) || (to.as_pipe().is_none() && to.flags() & O_APPEND != 0) {
        return Err(Errno::EINVAL);
    }
    let len = len.min(MAX_RW_COUNT);
    if let Some(pipe) = from.as_pipe() {
        let place = Place::new(cx, to, off_out)?;
        let n = from_pipe(cx, &from, pipe, len, nonblock, &mut |io| {
            if place.given.is_null() {
                return put_all(cx, &place.file, io, nonblock);
            }
            write_limited(cx, io, |io| place.file.write_at(io, place.at, false))
        })?;
        if !place.given.is_null() {
            place.finish(cx, n)?;
        }
        return Ok(n);
    }
    let Some(pipe) = to.as_pipe() else { return Err(Errno::EINVAL) };
    let wait = nonblock || to.nonblocking();
    let room = until_ready(cx, &to, wait, None, || pipe.room(&to)).map_err(|e| raise(cx, e))?;
    let mut bytes = alloc::vec![0; len.min(room).min(CHUNK)];
    let place = Place::new(cx, from, off_in)?;
    let n = if off_in.is_null() {
        let nowait = nonblock || place.file.nonblocking();
        rw::read(cx, &place.file, &mut IoBuf::target(&mut bytes), nowait)?
    } else {
        let n = place.file.read_at(&mut IoBuf::target(&mut bytes), place.at)?;
        place.finish(cx, n)?;
        n
    };
    put_all(cx, &to, &mut IoBuf::source(&bytes[..n]), false)
}

/// Writes what was taken already; only what cannot wait is short.
fn put_all(cx: &Cx<'_>, to: &OpenFile, io: &mut IoBuf<'_>, nonblock: bool) -> SysResult<usize> {
    let mut moved = 0;
    loop {
        match until_ready(cx, to, nonblock, None, || write_limited(cx, io, |io| to.write(io))) {
            Ok(n) => {
                moved += n;
                if n == 0 || io.left() == 0 || !to.is_stream() {
                    return Ok(moved);
                }
            }
            Err(_) if moved > 0 => return Ok(moved),
            Err(e) => return Err(e),
        }
    }
}

/// tee(2).
fn sys_tee(cx: &mut Cx<'_>, input: Fd, out: Fd, len: usize, flags: u32) -> SysResult<usize> {
    let nonblock = check_flags(flags)?;
    if len == 0 {
        return Ok(0);
    }
    let (from, to) = (cx.file(input)?, cx.file(out)?);
    if !from.open_flags().readable() || !to.open_flags().writable() {
        return Err(Errno::EBADF);
    }
    let (Some(source), Some(target)) = (from.as_pipe(), to.as_pipe()) else { return Err(Errno::EINVAL) };
    if same_pipe(&from, &to) {
        return Err(Errno::EINVAL);
    }
    let room = until_ready(cx, &to, nonblock || to.nonblocking(), None, || target.room(&to))
        .map_err(|e| raise(cx, e))?;
    let mut bytes = alloc::vec![0; len.min(room).min(CHUNK)];
    let n = until_ready(cx, &from, nonblock || from.nonblocking(), None, || {
        source.peek(&from, &mut IoBuf::target(&mut bytes))
    })?;
    put_all(cx, &to, &mut IoBuf::source(&bytes[..n]), nonblock)
}

/// vmsplice(2).
fn sys_vmsplice(cx: &mut Cx<'_>, fd: Fd, vec: Addr, count: usize, flags: u32) -> SysResult<usize> {
    let nonblock = check_flags(flags)?;
    let file = cx.file(fd)?;
    if file.as_pipe().is_none() {
        return Err(Errno::EBADF);
    }
    let mut io = IoBuf::vectored(cx.platform(), io::import(cx.platform(), vec.0, count)?);
    let nonblock = nonblock || file.nonblocking();
    if file.open_flags().writable() {
        return put_all(cx, &file, &mut io, nonblock);
    }
    until_ready(cx, &file, nonblock, None, || file.read(&mut io))
}

/// copy_file_range(2).
fn sys_copy_file_range(
    cx: &mut Cx<'_>,
    input: Fd,
    off_in: UserRef<i64>,
    out: Fd,
    off_out: UserRef<i64>,
    len: usize,
    flags: u32,
) -> SysResult<usize> {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let (from, to) = (cx.file(input)?, cx.file(out)?);
    for file in [&from, &to] {
        match file.kind() {
            Kind::Path => return Err(Errno::EBADF),
            Kind::Dir => return Err(Errno::EISDIR),
            Kind::File => {}
            _ => return Err(Errno::EINVAL),
        }
    }
    if !from.open_flags().readable() || !to.open_flags().writable() || to.flags() & O_APPEND != 0 {
        return Err(Errno::EBADF);
    }
    let (source, target) = (Place::new(cx, from, off_in)?, Place::new(cx, to, off_out)?);
    let len = len.min(MAX_RW_COUNT);
    let end = |at: u64| at.checked_add(len as u64).filter(|e| *e <= MAX_OFFSET).ok_or(Errno::EOVERFLOW);
    let ends = (end(source.at)?, end(target.at)?);
    let same =
        source.file.info().ino == target.file.info().ino && source.file.info().dev == target.file.info().dev;
    if same && source.at < ends.1 && target.at < ends.0 && len > 0 {
        return Err(Errno::EINVAL);
    }
    if len == 0 {
        return Ok(0);
    }
    let limit = cx.process().rlimits.lock()[RLIMIT_FSIZE as usize].0;
    if target.at >= limit {
        return Err(too_long(cx));
    }
    let len = len.min((limit - target.at).min(MAX_RW_COUNT as u64) as usize);
    let args =
        [u64::from(source.file.desc()), source.at, u64::from(target.file.desc()), target.at, len as u64];
    let n = cx.host().call(Op::CopyRange, &args)?.ret() as usize;
    source.finish(cx, n)?;
    target.finish(cx, n)?;
    Ok(n)
}
