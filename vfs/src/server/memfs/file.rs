//! Contents of regular files, with copying up from below at the first change.

use abi::Errno;
use abi::fs::{
    F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_SHRINK, F_SEAL_WRITE, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE,
    FALLOC_FL_ZERO_RANGE, MAX_OFFSET,
};

use super::node::{Body, Data, MemNode};
use crate::server::bytes::Bytes;
use crate::server::cx::Cx;
use crate::server::inode::{Backing, Inode};

const CHUNK: usize = 1 << 18;
const WRITE_SEALS: u32 = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;

impl MemNode {
    fn data(&self) -> Result<&core::cell::RefCell<Data>, Errno> {
        match &self.body {
            Body::File(d) => Ok(d),
            _ => Err(self.not_file()),
        }
    }

    /// Runs `f` on the file's own bytes, copying the first `keep` bytes up before if they are still below.
    fn own<T>(
        &self,
        cx: &Cx,
        keep: u64,
        f: impl FnOnce(&mut dyn Bytes) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let mut data = self.data()?.borrow_mut();
        if matches!(*data, Data::Lower) {
            let mut bytes = self.fs.storage.create();
            self.copy_up(cx, keep.min(self.attr.borrow().size), &mut *bytes)?;
            *data = Data::Own(bytes);
            self.touched();
        }
        let Data::Own(bytes) = &mut *data else { return Err(Errno::EIO) };
        let before = bytes.allocated();
        let result = f(&mut **bytes);
        self.fs.charge(before, bytes.allocated());
        result
    }

    fn copy_up(&self, cx: &Cx, len: u64, bytes: &mut dyn Bytes) -> Result<(), Errno> {
        let Some(lower) = &self.lower else { return Ok(()) };
        if !self.fs.charge(0, len) {
            return Err(Errno::ENOSPC);
        }
        let mut buf = alloc::vec![0u8; CHUNK.min(len as usize)];
        let mut at = 0;
        let mut copy = || -> Result<(), Errno> {
            while at < len {
                let want = buf.len().min((len - at) as usize);
                let n = lower.read_at(cx, at, &mut buf[..want])?;
                if n == 0 {
                    break;
                }
                bytes.write_at(at, &buf[..n])?;
                at += n as u64;
            }
            bytes.resize(len)
        };
        let result = copy();
        self.fs.charge(len, if result.is_ok() { bytes.allocated() } else { 0 });
        result
    }

    fn room(&self, extra: u64) -> Result<(), Errno> {
        let free = self.fs.limit.saturating_sub(self.fs.used.get());
        if self.fs.limit != u64::MAX && extra > free { Err(Errno::ENOSPC) } else { Ok(()) }
    }

    pub(super) fn file_read(&self, cx: &Cx, off: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        let size = self.attr.borrow().size;
        match &*self.data()?.borrow() {
            Data::Lower => match &self.lower {
                Some(lower) => lower.read_at(cx, off, buf),
                None => Ok(0),
            },
            Data::Own(bytes) => {
                let n = (buf.len() as u64).min(size.saturating_sub(off)) as usize;
                if n > 0 {
                    bytes.read_at(off, &mut buf[..n])?;
                }
                Ok(n)
            }
        }
    }

    pub(super) fn file_write(&self, cx: &Cx, off: u64, buf: &[u8]) -> Result<usize, Errno> {
        self.data()?;
        self.sealed(WRITE_SEALS)?;
        if buf.is_empty() {
            return Ok(0);
        }
        let mut end = off.checked_add(buf.len() as u64).ok_or(Errno::EFBIG)?;
        if off >= MAX_OFFSET {
            return Err(Errno::EFBIG);
        }
        end = end.min(MAX_OFFSET);
        let buf = &buf[..(end - off) as usize];
        let size = self.attr.borrow().size;
        if end > size {
            self.sealed(F_SEAL_GROW)?;
            self.room(buf.len() as u64)?;
        }
        self.own(cx, u64::MAX, |bytes| bytes.write_at(off, buf))?;
        if end > size {
            self.attr.borrow_mut().size = end;
        }
        self.modified(cx);
        Ok(buf.len())
    }

    pub(super) fn file_truncate(&self, cx: &Cx, size: u64) -> Result<(), Errno> {
        self.data()?;
        if size > MAX_OFFSET {
            return Err(Errno::EFBIG);
        }
        let old = self.attr.borrow().size;
        if size < old {
            self.sealed(F_SEAL_SHRINK)?;
        } else if size > old {
            self.sealed(F_SEAL_GROW)?;
        }
        self.own(cx, size, |bytes| bytes.resize(size))?;
        self.attr.borrow_mut().size = size;
        self.modified(cx);
        Ok(())
    }

    pub(super) fn file_allocate(&self, cx: &Cx, mode: u32, off: u64, len: u64) -> Result<(), Errno> {
        self.data()?;
        let end = off.checked_add(len).filter(|e| *e <= MAX_OFFSET).ok_or(Errno::EFBIG)?;
        let size = self.attr.borrow().size;
        let keep = mode & FALLOC_FL_KEEP_SIZE != 0;
        let grow = !keep && end > size;
        match mode & !FALLOC_FL_KEEP_SIZE {
            0 => {}
            FALLOC_FL_PUNCH_HOLE if keep => self.sealed(WRITE_SEALS)?,
            FALLOC_FL_ZERO_RANGE => self.sealed(WRITE_SEALS)?,
            _ => return Err(Errno::EOPNOTSUPP),
        }
        if grow {
            self.sealed(F_SEAL_GROW)?;
        }
        if mode & FALLOC_FL_PUNCH_HOLE == 0 {
            self.room(end.saturating_sub(size))?;
        }
        self.own(cx, u64::MAX, |bytes| {
            if mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) != 0 {
                bytes.punch(off, end.min(size).saturating_sub(off))?;
            }
            if grow {
                bytes.resize(end)?;
            }
            if mode & FALLOC_FL_PUNCH_HOLE == 0 { bytes.reserve(off, len) } else { Ok(()) }
        })?;
        if grow {
            self.attr.borrow_mut().size = end;
        }
        self.modified(cx);
        Ok(())
    }

    pub(super) fn file_seek(&self, cx: &Cx, off: u64, hole: bool) -> Result<u64, Errno> {
        let size = self.attr.borrow().size;
        if off >= size {
            return Err(Errno::ENXIO);
        }
        match &*self.data()?.borrow() {
            Data::Lower => match &self.lower {
                Some(lower) => lower.seek(cx, off, hole),
                None => Err(Errno::ENXIO),
            },
            Data::Own(bytes) => {
                let at = bytes.seek(off, size, hole)?;
                if !hole && at >= size { Err(Errno::ENXIO) } else { Ok(at) }
            }
        }
    }

    pub(super) fn file_backing(&self, cx: &Cx, write: bool) -> Result<Backing, Errno> {
        if write {
            self.sealed(WRITE_SEALS)?;
        } else if let (Data::Lower, Some(lower)) = (&*self.data()?.borrow(), &self.lower) {
            return lower.backing(cx, false);
        }
        let backing = self.own(cx, u64::MAX, |bytes| bytes.backing())?;
        if write {
            self.pages_mapped();
        }
        Ok(backing)
    }
}
