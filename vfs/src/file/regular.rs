//! Regular files and generated files (procfs): bytes at offsets, by requests.
//!
//! While this process alone holds the description its offset lives here ([`Position`]) and requests name offsets;
//! otherwise the monitor keeps the offset, and a request is atomic with regard to the other holders. A transfer beyond a
//! request's buffer is several requests.

use abi::errno::{Errno, SysResult};
use abi::fs::{MAX_OFFSET, O_APPEND, SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET, Stat};
use protocol::Op;
use protocol::control::SLOT_DATA;

use super::OpenFile;
use super::position::Position;
use crate::io::IoBuf;

/// The state of a file.
pub struct Regular {
    position: Position,
    /// The monitor keeps the offset always.
    remote: bool,
}

impl Regular {
    /// `at`: the offset if it is known to be ours (a file just opened).
    pub fn new(at: Option<u64>, remote: bool) -> Self {
        Self { position: Position::new(at.filter(|_| !remote)), remote }
    }

    fn own<'a>(&'a self, f: &'a OpenFile) -> SysResult<Option<super::position::Held<'a>>> {
        if self.remote { Ok(None) } else { self.position.own(f.host(), f.desc()) }
    }

    /// See [`OpenFile::recall`].
    pub fn recall(&self, f: &OpenFile) {
        self.position.recall(f.host(), f.desc());
    }

    /// read(2).
    pub fn read(&self, f: &OpenFile, io: &mut IoBuf<'_>) -> SysResult<usize> {
        let Some(held) = self.own(f)? else { return read_shared(f, io) };
        let at = held.at().unwrap_or_default();
        let n = self.read_at(f, io, at)?;
        held.set(Some(at + n as u64));
        Ok(n)
    }

    /// pread(2).
    pub fn read_at(&self, f: &OpenFile, io: &mut IoBuf<'_>, at: u64) -> SysResult<usize> {
        let mut moved = 0;
        while io.left() > 0 && at + (moved as u64) < MAX_OFFSET {
            let want = io.left().min(SLOT_DATA);
            let args = [u64::from(f.desc()), want as u64, at + moved as u64];
            let step = f.host().call(Op::PRead, &args).and_then(|answer| {
                let got = (answer.ret() as usize).min(answer.len()).min(want);
                let (view, off) = answer.place();
                Ok((got, io.put_region(view, off, got)?))
            });
            match step {
                Ok((got, n)) => {
                    moved += n;
                    if n < got || got < want {
                        break;
                    }
                }
                Err(_) if moved > 0 => break,
                Err(e) => return Err(e),
            }
        }
        Ok(moved)
    }

    /// Hands the bytes at an offset to `take`, which says how many it used: what a request brings needs no copy between.
    pub fn lend_at(
        &self,
        f: &OpenFile,
        at: u64,
        len: usize,
        take: &mut dyn FnMut(&mut IoBuf<'_>) -> SysResult<usize>,
    ) -> SysResult<usize> {
        let want = len.min(SLOT_DATA);
        let answer = f.host().call(Op::PRead, &[u64::from(f.desc()), want as u64, at])?;
        let got = (answer.ret() as usize).min(answer.len()).min(want);
        if got == 0 {
            return Ok(0);
        }
        let (view, off) = answer.place();
        take(&mut IoBuf::region(view, off, got))
    }

    /// write(2).
    pub fn write(&self, f: &OpenFile, io: &mut IoBuf<'_>) -> SysResult<usize> {
        let Some(held) = self.own(f)? else {
            return write_chunks(f, io, Op::Write, 0, false).map(|(n, _)| n);
        };
        let append = f.flags() & O_APPEND != 0;
        let at = held.at().unwrap_or_default();
        let (n, end) = write_chunks(f, io, Op::PWrite, at, append)?;
        if n > 0 {
            held.set(Some(end));
        }
        Ok(n)
    }

    /// pwrite(2); on Linux O_APPEND wins over the offset.
    pub fn write_at(&self, f: &OpenFile, io: &mut IoBuf<'_>, at: u64, append: bool) -> SysResult<usize> {
        write_chunks(f, io, Op::PWrite, at, append).map(|(n, _)| n)
    }

    /// lseek(2).
    pub fn seek(&self, f: &OpenFile, off: i64, whence: u32) -> SysResult<u64> {
        let Some(held) = self.own(f)? else { return seek_shared(f, off, whence) };
        let at = held.at().unwrap_or_default();
        let base = match whence {
            SEEK_SET => 0,
            SEEK_CUR if off == 0 => return Ok(at),
            SEEK_CUR => at as i64,
            SEEK_END => f.stat()?.st_size,
            SEEK_DATA | SEEK_HOLE => {
                let args = [u64::from(f.desc()), off as u64, u64::from(whence), 1];
                let to = f.host().call(Op::Seek, &args)?.ret();
                held.set(Some(to));
                return Ok(to);
            }
            _ => return Err(Errno::EINVAL),
        };
        let to = base.checked_add(off).filter(|t| *t >= 0).ok_or(Errno::EINVAL)?;
        held.set(Some(to as u64));
        Ok(to as u64)
    }

    /// Where an operation on the file's offset would happen now, for lock ranges and SEEK_CUR-relative calls.
    pub fn tell(&self, f: &OpenFile) -> SysResult<u64> {
        self.seek(f, 0, SEEK_CUR)
    }
}

/// lseek(2) by the monitor.
pub fn seek_shared(f: &OpenFile, off: i64, whence: u32) -> SysResult<u64> {
    Ok(f.host().call(Op::Seek, &[u64::from(f.desc()), off as u64, u64::from(whence)])?.ret())
}

/// read(2) at the monitor's offset. A fault in the middle of a request's bytes moves the offset back over the rest.
pub fn read_shared(f: &OpenFile, io: &mut IoBuf<'_>) -> SysResult<usize> {
    let mut moved = 0;
    while io.left() > 0 {
        let want = io.left().min(SLOT_DATA);
        let step = f.host().call(Op::Read, &[u64::from(f.desc()), want as u64]).map(|answer| {
            let got = (answer.ret() as usize).min(answer.len()).min(want);
            let (view, off) = answer.place();
            (got, io.put_region(view, off, got))
        });
        match step {
            Ok((got, Ok(n))) if n == got => {
                moved += n;
                if got < want {
                    break;
                }
            }
            Ok((got, result)) => {
                let n = result.unwrap_or(0);
                moved += n;
                seek_shared(f, -((got - n) as i64), SEEK_CUR)?;
                return if moved > 0 { Ok(moved) } else { Err(Errno::EFAULT) };
            }
            Err(_) if moved > 0 => break,
            Err(e) => return Err(e),
        }
    }
    Ok(moved)
}

/// Writes by requests; gives the bytes written and the offset behind them.
fn write_chunks(f: &OpenFile, io: &mut IoBuf<'_>, op: Op, at: u64, append: bool) -> SysResult<(usize, u64)> {
    if io.left() == 0 {
        return Ok((0, at));
    }
    let limit = f.size_limit(io, op, at, append)?;
    io.limit(limit);
    let (start, mut end) = (io.done(), at);
    loop {
        let from = io.done();
        let step = write_one(f, io, op, end, append);
        match step {
            Ok((n, after)) => {
                let put = io.done() - from;
                io.rewind(from + n.min(put));
                end = after;
                if n < put || io.left() == 0 || put == 0 {
                    break;
                }
            }
            Err(e) => {
                io.rewind(from);
                if from > start {
                    break;
                }
                return Err(e);
            }
        }
    }
    Ok((io.done() - start, end))
}

fn write_one(f: &OpenFile, io: &mut IoBuf<'_>, op: Op, at: u64, append: bool) -> SysResult<(usize, u64)> {
    let mut out = f.host().begin(op);
    let want = io.left().min(out.room());
    let n = {
        let (view, off) = out.place();
        io.take_region(view, off, want)?
    };
    out.advance(n);
    let desc = u64::from(f.desc());
    let answer = if op == Op::Write { out.send(&[desc])? } else { out.send(&[desc, at, u64::from(append)])? };
    Ok((answer.ret() as usize, answer.value(0)))
}

impl OpenFile {
    /// fstat(2) of a description.
    pub(super) fn stat_desc(&self) -> SysResult<Stat> {
        self.host().call(Op::FStat, &[u64::from(self.desc())])?.get(0)
    }

    /// How much of a write the process's file size limit lets through (RLIMIT_FSIZE, setrlimit(2)); EFBIG for nothing.
    fn size_limit(&self, io: &mut IoBuf<'_>, op: Op, at: u64, append: bool) -> SysResult<usize> {
        let limit = io.file_limit;
        if limit == u64::MAX || io.left() == 0 {
            return Ok(usize::MAX);
        }
        let at = match op {
            _ if append || self.flags() & O_APPEND != 0 => self.stat_desc()?.st_size as u64,
            // The offset is the monitor's.
            Op::Write => seek_shared(self, 0, SEEK_CUR)?,
            _ => at,
        };
        io.over_limit = at >= limit;
        if io.over_limit { Err(Errno::EFBIG) } else { Ok((limit - at) as usize) }
    }
}
