//! The file of a program: opened, read and mapped by requests of the loader's own.

use abi::errno::{Errno, SysResult};
use abi::fs::{O_CLOEXEC, O_NOFOLLOW, O_RDONLY};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use protocol::Op;
use protocol::control::SLOT_DATA;
use protocol::desc::DescInfo;
use protocol::op::DIR_CWD;
use vfs::host::Host;
use vfs::region::Held;

use super::elf::ImageFile;
use crate::kernel::current;
use crate::mm::{MappedFile, MappedRegion};

/// An executable file that is open at the monitor until this is dropped; nobody can write to it meanwhile.
pub struct ProgramFile {
    host: &'static Host,
    info: DescInfo,
    path: Vec<u8>,
    /// The file's first bytes, where its headers usually are: one request for all of them.
    head: Vec<u8>,
    /// Another member closes it.
    given_away: AtomicBool,
}

/// Links of /proc/self/fd that one path may go through.
const MAX_LINKS: usize = 40;
/// Bytes of [`ProgramFile::head`].
const HEAD: usize = 0x1000;

impl ProgramFile {
    /// Opens a program by path: EACCES unless it is a regular file with execute permission, ETXTBSY if it is open for
    /// writing, ELOOP for a symbolic link that is not to be followed.
    pub fn open(host: &'static Host, mut dir: u64, path: &[u8], follow: bool) -> SysResult<Self> {
        let flags = O_RDONLY | O_CLOEXEC | if follow { 0 } else { O_NOFOLLOW };
        let mut rest = path.to_vec();
        for _ in 0..MAX_LINKS {
            let mut out = host.begin(Op::Open);
            out.put(&rest)?;
            let answer = out.send_raw(&[dir, flags.into(), 0, 0, 1])?;
            let through = match answer.error() {
                // The path leads through a link of /proc/self/fd: on from that description.
                Some(Errno::EREMOTE) => true,
                Some(e) => return Err(e),
                // It is such a link.
                None if answer.value(0) == 1 && answer.is_empty() => false,
                None => return Self::opened(host, answer.get(0)?, path),
            };
            let fd = answer.value(1) as i32;
            let behind = answer.to_vec();
            drop(answer);
            let desc = current().process.fds.get(fd).map_err(|_| Errno::ENOENT)?.desc();
            let from = behind.iter().position(|b| *b != b'/').unwrap_or(behind.len());
            if !through || from == behind.len() {
                return Self::from_desc(host, desc, path);
            }
            (dir, rest) = (desc.into(), behind[from..].to_vec());
        }
        Err(Errno::ELOOP)
    }

    /// A program given by a description that the process holds already (fexecve, also of an O_PATH one); `path` is what it
    /// is called.
    pub fn from_desc(host: &'static Host, desc: u32, path: &[u8]) -> SysResult<Self> {
        if desc == 0 {
            // Something that lives in this member alone: no program.
            return Err(Errno::EACCES);
        }
        let answer = host.call(Op::Reopen, &[desc.into(), u64::from(O_RDONLY | O_CLOEXEC), 1])?;
        Self::opened(host, answer.get(0)?, path)
    }

    /// A program that another member opened and gave away to this one.
    pub fn given(host: &'static Host, desc: u32, path: &[u8]) -> SysResult<Self> {
        let answer = host.call(Op::DescInfo, &[desc.into()])?;
        Self::opened(host, answer.get(0)?, path)
    }

    /// Leaves the description to the member in which the process goes on.
    pub fn give_away(&self) {
        self.given_away.store(true, Ordering::Relaxed);
    }

    fn opened(host: &'static Host, info: DescInfo, path: &[u8]) -> SysResult<Self> {
        let given_away = AtomicBool::new(false);
        let mut file = Self { host, info, path: path.to_vec(), head: Vec::new(), given_away };
        let mut head = alloc::vec![0; HEAD];
        let got = file.read_at(0, &mut head)?;
        head.truncate(got);
        file.head = head;
        Ok(file)
    }

    /// The description that keeps it open.
    pub fn desc(&self) -> u32 {
        self.info.desc
    }

    /// The path that it was opened by.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// Permission bits and type.
    pub fn mode(&self) -> u32 {
        self.info.mode
    }

    /// Its pages, for mapping.
    pub fn pages(&self) -> SysResult<MappedFile> {
        loop {
            let answer = self.host.call(Op::FileRegion, &[self.info.desc.into(), 0])?;
            let region = answer.region(0).ok_or(Errno::EACCES)?;
            let held = match Held::take(self.host, region) {
                Err(Errno::EAGAIN) => continue,
                other => other?,
            };
            held.set_name(&answer.to_vec());
            return Ok(MappedFile {
                path: held.name(),
                region: MappedRegion { id: held.id(), keep: Some(held) },
                dev: self.info.dev,
                ino: self.info.ino,
            });
        }
    }
}

impl ImageFile for ProgramFile {
    fn read_at(&self, off: u64, dst: &mut [u8]) -> SysResult<usize> {
        if off + dst.len() as u64 <= self.head.len() as u64 {
            dst.copy_from_slice(&self.head[off as usize..off as usize + dst.len()]);
            return Ok(dst.len());
        }
        if (1..HEAD).contains(&self.head.len()) {
            // The whole file is there.
            let rest = self.head.get(off as usize..).unwrap_or_default();
            let n = rest.len().min(dst.len());
            dst[..n].copy_from_slice(&rest[..n]);
            return Ok(n);
        }
        let mut done = 0;
        while done < dst.len() {
            let want = (dst.len() - done).min(SLOT_DATA);
            let answer =
                self.host.call(Op::PRead, &[self.info.desc.into(), want as u64, off + done as u64])?;
            let got = answer.len().min(want);
            if got == 0 {
                break;
            }
            answer.read(0, &mut dst[done..done + got]);
            done += got;
        }
        Ok(done)
    }
}

impl Drop for ProgramFile {
    fn drop(&mut self) {
        if self.given_away.load(Ordering::Relaxed) {
            return;
        }
        // A NOREPLY request without data does not fail.
        let _ = self.host.post(Op::Close, &[self.info.desc.into()], &[]);
    }
}

/// Opens a program at a path relative to the working directory.
pub fn open(host: &'static Host, path: &[u8]) -> SysResult<ProgramFile> {
    ProgramFile::open(host, DIR_CWD, path, true)
}
