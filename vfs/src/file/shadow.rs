//! An open file that the monitor does not know of: a cached file, opened for reading (see [`crate::cache`]). It becomes a
//! description of its own when the cache is not to be believed any more, or something needs one.

use abi::errno::{Errno, SysResult};
use abi::fs::{SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET};
use alloc::sync::Arc;
use platform::sync::{Mutex, Rank};
use protocol::Op;
use protocol::desc::DescInfo;

use super::OpenFile;
use crate::cache::Entry;
use crate::io::IoBuf;

/// The state of such a file.
pub struct Shadow {
    entry: Arc<Entry>,
    at: Mutex<u64>,
    real: spin::Once<Arc<OpenFile>>,
}

impl Shadow {
    /// At the file's start.
    pub fn new(entry: Arc<Entry>) -> Self {
        Self { entry, at: Mutex::new(Rank::File, 0), real: spin::Once::new() }
    }

    /// Its own description, if it has one already.
    pub fn known(&self) -> Option<&Arc<OpenFile>> {
        self.real.get()
    }

    /// Its own description.
    pub fn real(&self, f: &OpenFile) -> SysResult<&Arc<OpenFile>> {
        if let Some(real) = self.real.get() {
            return Ok(real);
        }
        let args = [u64::from(self.entry.pin().desc()), u64::from(f.local_status())];
        let answer = f.host().call(Op::Reopen, &args)?;
        let real = OpenFile::new(f.host(), answer.get::<DescInfo>(0)?, Some(&answer), true);
        drop(answer);
        let at = *self.at.lock();
        if at > 0 {
            real.seek(at as i64, SEEK_SET)?;
        }
        Ok(self.real.call_once(|| real))
    }

    fn content(&self, f: &OpenFile) -> Option<Arc<[u8]>> {
        if self.real.is_completed() { None } else { self.entry.content(f.host()) }
    }

    /// read(2).
    pub fn read(&self, f: &OpenFile, io: &mut IoBuf<'_>) -> SysResult<usize> {
        let Some(content) = self.content(f) else { return self.real(f)?.read(io) };
        let mut at = self.at.lock();
        let n = copy(&content, io, *at)?;
        *at += n as u64;
        Ok(n)
    }

    /// pread(2).
    pub fn read_at(&self, f: &OpenFile, io: &mut IoBuf<'_>, at: u64) -> SysResult<usize> {
        match self.content(f) {
            Some(content) => copy(&content, io, at),
            None => self.real(f)?.read_at(io, at),
        }
    }

    /// As [`OpenFile::lend_at`].
    pub fn lend_at(
        &self,
        f: &OpenFile,
        at: u64,
        len: usize,
        take: &mut dyn FnMut(&mut IoBuf<'_>) -> SysResult<usize>,
    ) -> SysResult<usize> {
        let Some(content) = self.content(f) else { return self.real(f)?.lend_at(at, len, take) };
        match content.get(at as usize..) {
            None | Some([]) => Ok(0),
            Some(rest) => take(&mut IoBuf::source(&rest[..rest.len().min(len)])),
        }
    }

    /// lseek(2).
    pub fn seek(&self, f: &OpenFile, off: i64, whence: u32) -> SysResult<u64> {
        let stat = if self.real.is_completed() { None } else { self.entry.stat(f.host()) };
        let Some(stat) = stat.filter(|_| !matches!(whence, SEEK_DATA | SEEK_HOLE)) else {
            return self.real(f)?.seek(off, whence);
        };
        let mut at = self.at.lock();
        let base = match whence {
            SEEK_SET => 0,
            SEEK_CUR => *at as i64,
            SEEK_END => stat.st_size,
            _ => return Err(Errno::EINVAL),
        };
        *at = base.checked_add(off).filter(|t| *t >= 0).ok_or(Errno::EINVAL)? as u64;
        Ok(*at)
    }

    /// fstat(2).
    pub fn stat(&self, f: &OpenFile) -> SysResult<abi::fs::Stat> {
        match self.entry.stat(f.host()) {
            Some(stat) if !self.real.is_completed() => Ok(*stat),
            _ => self.real(f)?.stat(),
        }
    }

    /// Before the process's descriptions get other holders.
    pub fn recall(&self, f: &OpenFile) {
        // Without memory or numbers at the monitor the copies go on separately.
        if let Ok(real) = self.real(f) {
            real.recall();
        }
    }
}

fn copy(content: &[u8], io: &mut IoBuf<'_>, at: u64) -> SysResult<usize> {
    match content.get(at as usize..) {
        None | Some([]) => Ok(0),
        Some(rest) => io.put(rest),
    }
}
