//! read, write and their vectored and positioned relatives; lseek.

use abi::errno::{Errno, SysResult};
use abi::uio::{RWF_APPEND, RWF_DSYNC, RWF_HIPRI, RWF_NOWAIT, RWF_SYNC};
use alloc::sync::Arc;
use protocol::Op;
use protocol::desc::Kind;
use vfs::file::OpenFile;
use vfs::io::{self, IoBuf};

use crate::arg::{Addr, Fd};
use crate::block::{linger, until_ready, write_all, write_limited};
use crate::cx::Cx;
use crate::msg;

crate::syscalls! {
    SYS_read read(fd: Fd, buf: Addr, count: usize) Full "" => sys_read;
    SYS_write write(fd: Fd, buf: Addr, count: usize) Full "" => sys_write;
    SYS_pread64 pread64(fd: Fd, buf: Addr, count: usize, offset: i64) Full "" => sys_pread64;
    SYS_pwrite64 pwrite64(fd: Fd, buf: Addr, count: usize, offset: i64) Full "" => sys_pwrite64;
    SYS_readv readv(fd: Fd, vec: Addr, count: usize) Full "" => sys_readv;
    SYS_writev writev(fd: Fd, vec: Addr, count: usize) Full "" => sys_writev;
    SYS_preadv preadv(fd: Fd, vec: Addr, count: usize, offset: i64, high: u64) Full "" => sys_preadv;
    SYS_pwritev pwritev(fd: Fd, vec: Addr, count: usize, offset: i64, high: u64) Full "" => sys_pwritev;
    SYS_preadv2 preadv2(fd: Fd, vec: Addr, count: usize, offset: i64, high: u64, flags: u32) Full "" => sys_preadv2;
    SYS_pwritev2 pwritev2(fd: Fd, vec: Addr, count: usize, offset: i64, high: u64, flags: u32) Full "" => sys_pwritev2;
    SYS_lseek lseek(fd: Fd, offset: i64, whence: u32) Full "" => sys_lseek;
}

/// A read step, repeated until it can go on.
pub fn read(cx: &Cx<'_>, file: &OpenFile, io: &mut IoBuf<'_>, nowait: bool) -> SysResult<usize> {
    if file.as_socket().is_some() {
        return msg::read(cx, file, io, nowait);
    }
    linger(cx, file, || io.left() > 0 && !nowait && !file.nonblocking());
    let first = file.read(io);
    if first != Err(Errno::EAGAIN) || nowait || file.nonblocking() {
        return first;
    }
    until_ready(cx, file, false, None, || file.read(io))
}

/// All of a write.
pub fn write(cx: &Cx<'_>, file: &OpenFile, io: &mut IoBuf<'_>) -> SysResult<usize> {
    if file.kind() == Kind::File {
        return write_limited(cx, io, |io| file.write(io));
    }
    write_all(cx, file, io, file.timeout(cx.platform(), false))
}

/// The one buffer of a call on `file`. That the file is not open for this comes before what is wrong with the buffer.
fn buffer<'a>(cx: &Cx<'_>, file: &OpenFile, writing: bool, buf: Addr, count: usize) -> SysResult<IoBuf<'a>> {
    IoBuf::user(cx.platform(), buf.0, count).map_err(|e| file.may_transfer(writing).err().unwrap_or(e))
}

/// The same for a vector.
fn vector<'a>(cx: &Cx<'_>, file: &OpenFile, writing: bool, vec: Addr, count: usize) -> SysResult<IoBuf<'a>> {
    match io::import(cx.platform(), vec.0, count) {
        Ok(segments) => Ok(IoBuf::vectored(cx.platform(), segments)),
        Err(e) => Err(file.may_transfer(writing).err().unwrap_or(e)),
    }
}

/// The file of a positioned call: EINVAL for a negative offset, ESPIPE for what has no places.
fn placed(cx: &Cx<'_>, fd: Fd, at: i64) -> SysResult<(Arc<OpenFile>, u64)> {
    let at = u64::try_from(at).map_err(|_| Errno::EINVAL)?;
    let file = cx.file(fd)?;
    if file.seekable() { Ok((file, at)) } else { Err(Errno::ESPIPE) }
}

fn write_at(cx: &Cx<'_>, file: &OpenFile, io: &mut IoBuf<'_>, at: u64, append: bool) -> SysResult<usize> {
    write_limited(cx, io, |io| file.write_at(io, at, append))
}

/// read(2).
fn sys_read(cx: &mut Cx<'_>, fd: Fd, buf: Addr, count: usize) -> SysResult<usize> {
    let file = cx.file(fd)?;
    read(cx, &file, &mut buffer(cx, &file, false, buf, count)?, false)
}

/// write(2).
fn sys_write(cx: &mut Cx<'_>, fd: Fd, buf: Addr, count: usize) -> SysResult<usize> {
    let file = cx.file(fd)?;
    write(cx, &file, &mut buffer(cx, &file, true, buf, count)?)
}

/// pread(2).
fn sys_pread64(cx: &mut Cx<'_>, fd: Fd, buf: Addr, count: usize, offset: i64) -> SysResult<usize> {
    let (file, at) = placed(cx, fd, offset)?;
    file.read_at(&mut buffer(cx, &file, false, buf, count)?, at)
}

/// pwrite(2).
fn sys_pwrite64(cx: &mut Cx<'_>, fd: Fd, buf: Addr, count: usize, offset: i64) -> SysResult<usize> {
    let (file, at) = placed(cx, fd, offset)?;
    write_at(cx, &file, &mut buffer(cx, &file, true, buf, count)?, at, false)
}

/// readv(2).
fn sys_readv(cx: &mut Cx<'_>, fd: Fd, vec: Addr, count: usize) -> SysResult<usize> {
    let file = cx.file(fd)?;
    read(cx, &file, &mut vector(cx, &file, false, vec, count)?, false)
}

/// writev(2).
fn sys_writev(cx: &mut Cx<'_>, fd: Fd, vec: Addr, count: usize) -> SysResult<usize> {
    let file = cx.file(fd)?;
    write(cx, &file, &mut vector(cx, &file, true, vec, count)?)
}

/// preadv(2). The upper half of the offset is not looked at on 64-bit machines.
fn sys_preadv(cx: &mut Cx<'_>, fd: Fd, vec: Addr, count: usize, offset: i64, _high: u64) -> SysResult<usize> {
    let (file, at) = placed(cx, fd, offset)?;
    file.read_at(&mut vector(cx, &file, false, vec, count)?, at)
}

/// pwritev(2).
fn sys_pwritev(
    cx: &mut Cx<'_>,
    fd: Fd,
    vec: Addr,
    count: usize,
    offset: i64,
    _high: u64,
) -> SysResult<usize> {
    let (file, at) = placed(cx, fd, offset)?;
    write_at(cx, &file, &mut vector(cx, &file, true, vec, count)?, at, false)
}

/// The file of a preadv2(2) or pwritev2(2), and the offset unless it is the file's own (-1).
fn maybe_placed(cx: &Cx<'_>, fd: Fd, offset: i64) -> SysResult<(Arc<OpenFile>, Option<u64>)> {
    if offset == -1 {
        return Ok((cx.file(fd)?, None));
    }
    let (file, at) = placed(cx, fd, offset)?;
    Ok((file, Some(at)))
}

/// preadv2(2): offset -1 is the file's own. RWF_NOWAIT makes a read that would wait fail with EAGAIN.
fn sys_preadv2(
    cx: &mut Cx<'_>,
    fd: Fd,
    vec: Addr,
    count: usize,
    offset: i64,
    _high: u64,
    flags: u32,
) -> SysResult<usize> {
    let (file, at) = maybe_placed(cx, fd, offset)?;
    let mut io = vector(cx, &file, false, vec, count)?;
    if flags & !(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    match at {
        Some(at) => file.read_at(&mut io, at),
        None => read(cx, &file, &mut io, flags & RWF_NOWAIT != 0),
    }
}

/// pwritev2(2).
fn sys_pwritev2(
    cx: &mut Cx<'_>,
    fd: Fd,
    vec: Addr,
    count: usize,
    offset: i64,
    _high: u64,
    flags: u32,
) -> SysResult<usize> {
    let (file, at) = maybe_placed(cx, fd, offset)?;
    let mut io = vector(cx, &file, true, vec, count)?;
    if flags & !(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let append = flags & RWF_APPEND != 0;
    let n = match at {
        None if append && file.seekable() => {
            let n = write_at(cx, &file, &mut io, 0, true)?;
            file.seek(0, abi::fs::SEEK_END)?;
            n
        }
        None if flags & RWF_NOWAIT != 0 => write_limited(cx, &mut io, |io| file.write(io))?,
        None => write(cx, &file, &mut io)?,
        Some(at) => write_at(cx, &file, &mut io, at, append)?,
    };
    if flags & (RWF_DSYNC | RWF_SYNC) != 0 && file.kind() == Kind::File {
        let data_only = u64::from(flags & RWF_SYNC == 0);
        cx.host().call(Op::FSync, &[u64::from(file.desc()), data_only])?;
    }
    Ok(n)
}

/// lseek(2).
fn sys_lseek(cx: &mut Cx<'_>, fd: Fd, offset: i64, whence: u32) -> SysResult<usize> {
    cx.file(fd)?.seek(offset, whence).map(|at| at as usize)
}
