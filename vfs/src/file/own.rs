//! Files of /proc about the process itself: the monitor gives them a name and a description, this kernel their content.

use abi::errno::{Errno, SysResult};
use abi::fs::{DIRENT64_NAME, Dirent64, SEEK_CUR, SEEK_SET};
use alloc::vec::Vec;
use platform::sync::{Mutex, Rank};
use zerocopy::IntoBytes;

use crate::io::IoBuf;

/// Makes the content. For a directory: a name a line.
#[derive(Clone, Copy)]
pub struct OwnMaker {
    pub make: fn(arg: u64) -> Vec<u8>,
    pub arg: u64,
    /// For a directory: type of its entries (`DT_LNK` …).
    pub entries: Option<u8>,
}

#[derive(Default)]
struct State {
    content: Option<Vec<u8>>,
    at: u64,
}

/// The content as it was when reading began at its start.
pub struct Own {
    maker: OwnMaker,
    state: Mutex<State>,
}

impl Own {
    /// Not read yet.
    pub fn new(maker: OwnMaker) -> Self {
        Self { maker, state: Mutex::new(Rank::File, State::default()) }
    }

    /// What makes the content.
    pub fn maker(&self) -> OwnMaker {
        self.maker
    }

    /// True for a directory.
    pub fn is_dir(&self) -> bool {
        self.maker.entries.is_some()
    }

    fn refresh(&self, at: u64) {
        let stale = at == 0 || self.state.lock().content.is_none();
        if stale {
            // Made without the lock: it looks at other tables.
            let content = (self.maker.make)(self.maker.arg);
            self.state.lock().content = Some(content);
        }
    }

    /// read(2).
    pub fn read(&self, io: &mut IoBuf<'_>) -> SysResult<usize> {
        let at = self.state.lock().at;
        let n = self.read_at(io, at)?;
        self.state.lock().at = at + n as u64;
        Ok(n)
    }

    /// pread(2).
    pub fn read_at(&self, io: &mut IoBuf<'_>, at: u64) -> SysResult<usize> {
        if self.is_dir() {
            return Err(Errno::EISDIR);
        }
        self.refresh(at);
        let state = self.state.lock();
        let content = state.content.as_deref().unwrap_or_default();
        match content.get(at as usize..) {
            None | Some([]) => Ok(0),
            Some(rest) => io.put(rest),
        }
    }

    /// lseek(2).
    pub fn seek(&self, off: i64, whence: u32) -> SysResult<u64> {
        let mut state = self.state.lock();
        let base = match whence {
            SEEK_SET => 0,
            SEEK_CUR => state.at as i64,
            _ => return Err(Errno::EINVAL),
        };
        state.at = base.checked_add(off).filter(|v| *v >= 0).ok_or(Errno::EINVAL)? as u64;
        Ok(state.at)
    }

    /// getdents64(2): whole records that fit `room` bytes; EINVAL when not even one does.
    pub fn entries(&self, room: usize) -> SysResult<Vec<u8>> {
        let Some(kind) = self.maker.entries else { return Err(Errno::ENOTDIR) };
        let at = self.state.lock().at;
        self.refresh(at);
        let mut state = self.state.lock();
        let lines = state.content.take().unwrap_or_default();
        let names =
            [&b"."[..], b".."].into_iter().chain(lines.split(|b| *b == b'\n').filter(|l| !l.is_empty()));
        let (mut out, mut full) = (Vec::new(), false);
        for (i, name) in names.enumerate().skip(at as usize) {
            let d_type = if i < 2 { abi::fs::DT_DIR } else { kind };
            let len = (DIRENT64_NAME + name.len() + 1).next_multiple_of(8);
            if out.len() + len > room {
                full = true;
                break;
            }
            let end = out.len() + len;
            let head = Dirent64 { d_ino: i as u64 + 1, d_off: i as i64 + 1, d_reclen: len as u16, d_type };
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(name);
            out.resize(end, 0);
            state.at = i as u64 + 1;
        }
        state.content = Some(lines);
        if full && out.is_empty() { Err(Errno::EINVAL) } else { Ok(out) }
    }
}
