//! The context of one system call: the calling thread, its process, its frame, and access to the app's memory.

use abi::errno::{Errno, SysResult};
use abi::fs::{AT_EMPTY_PATH, AT_FDCWD};
use abi::process::RLIMIT_NOFILE;
use abi::regs::TrapFrame;
use abi::user::UserRef;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::OnceCell;
use platform::Platform;
use process::{Kernel, Process, Thread};
use protocol::op::DIR_CWD;
use vfs::file::OpenFile;
use vfs::host::Host;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::arg::{Fd, PathArg};

/// One system call in progress.
pub struct Cx<'f> {
    pub kernel: &'static Kernel,
    pub frame: &'f mut TrapFrame,
    /// Looked up at first use: the quickest calls need no thread.
    thread: OnceCell<Arc<Thread>>,
}

impl<'f> Cx<'f> {
    /// A call that the frame's thread, the running one, makes.
    #[inline]
    pub fn new(kernel: &'static Kernel, frame: &'f mut TrapFrame) -> Self {
        Self { kernel, frame, thread: OnceCell::new() }
    }

    /// The calling thread.
    pub fn thread(&self) -> &Arc<Thread> {
        self.thread.get_or_init(process::kernel::current)
    }

    /// The calling process.
    pub fn process(&self) -> &Arc<Process> {
        &self.thread().process
    }

    /// The line to the monitor.
    pub fn host(&self) -> &'static Host {
        &self.kernel.host
    }

    /// The platform.
    pub fn platform(&self) -> &'static dyn Platform {
        self.kernel.platform
    }

    /// Reads a structure from the app's memory.
    pub fn get<T: FromBytes + IntoBytes>(&self, at: UserRef<T>) -> SysResult<T> {
        let mut v = T::new_zeroed();
        self.read_bytes(at.addr() as usize, v.as_mut_bytes())?;
        Ok(v)
    }

    /// Reads a structure if the address is not null.
    pub fn get_opt<T: FromBytes + IntoBytes>(&self, at: UserRef<T>) -> SysResult<Option<T>> {
        if at.is_null() { Ok(None) } else { self.get(at).map(Some) }
    }

    /// Writes a structure to the app's memory.
    pub fn put<T: IntoBytes + Immutable>(&self, at: UserRef<T>, v: &T) -> SysResult<()> {
        self.write_bytes(at.addr() as usize, v.as_bytes())
    }

    /// Writes a structure if the address is not null.
    pub fn put_opt<T: IntoBytes + Immutable>(&self, at: UserRef<T>, v: &T) -> SysResult<()> {
        if at.is_null() { Ok(()) } else { self.put(at, v) }
    }

    /// Copies from the app's memory.
    pub fn read_bytes(&self, src: usize, dst: &mut [u8]) -> SysResult<()> {
        self.platform().copy_in(src, dst).map_err(|_| Errno::EFAULT)
    }

    /// Copies to the app's memory.
    pub fn write_bytes(&self, dst: usize, src: &[u8]) -> SysResult<()> {
        self.platform().copy_out(dst, src).map_err(|_| Errno::EFAULT)
    }

    /// A NUL-terminated string of at most `max` bytes; `None` when it is longer.
    pub fn string(&self, at: usize, max: usize) -> SysResult<Option<Vec<u8>>> {
        let mut buf = alloc::vec![0u8; 256.min(max + 1)];
        loop {
            let n = self.platform().copy_in_str(at, &mut buf).map_err(|_| Errno::EFAULT)?;
            if n < buf.len() {
                buf.truncate(n);
                return Ok(Some(buf));
            }
            if buf.len() > max {
                return Ok(None);
            }
            let grown = (buf.len() * 4).min(max + 1);
            buf.resize(grown, 0);
        }
    }

    /// The open file behind a descriptor; EBADF.
    pub fn file(&self, fd: Fd) -> SysResult<Arc<OpenFile>> {
        self.process().fds.get(fd.0)
    }

    /// The process's limit for descriptor numbers.
    pub fn fd_limit(&self) -> u64 {
        self.process().rlimits.lock()[RLIMIT_NOFILE as usize].0
    }

    /// Gives an open file the lowest free descriptor.
    pub fn install(&self, file: Arc<OpenFile>, cloexec: bool) -> SysResult<usize> {
        self.process().fds.insert(0, file, cloexec, self.fd_limit()).map(|fd| fd as usize)
    }

    /// Gives two open files descriptors and tells the app; undone when it cannot be told.
    pub fn install_pair(
        &self,
        at: UserRef<[i32; 2]>,
        files: [Arc<OpenFile>; 2],
        cloexec: bool,
    ) -> SysResult<usize> {
        let fds = &self.process().fds;
        let [a, b] = files;
        let first = self.install(a, cloexec)? as i32;
        let second = match self.install(b, cloexec) {
            Ok(fd) => fd as i32,
            Err(e) => return fds.remove(first).and(Err(e)),
        };
        if let Err(e) = self.put(at, &[first, second]) {
            fds.remove(first)?;
            return fds.remove(second).and(Err(e));
        }
        Ok(0)
    }

    /// Where a path starts, for requests: a description or `DIR_CWD`. An absolute path ignores the descriptor.
    pub fn dir(&self, fd: Fd, path: &[u8]) -> SysResult<u64> {
        if fd.0 == AT_FDCWD || path.starts_with(b"/") {
            return Ok(DIR_CWD);
        }
        match self.file(fd)?.desc() {
            0 => Err(Errno::ENOTDIR),
            desc => Ok(desc.into()),
        }
    }

    /// [`Cx::dir`] for calls that take AT_EMPTY_PATH: ENOENT for an empty path without it.
    pub fn named(&self, fd: Fd, path: &[u8], flags: u32) -> SysResult<u64> {
        if path.is_empty() && flags & AT_EMPTY_PATH == 0 {
            return Err(Errno::ENOENT);
        }
        self.dir(fd, path)
    }

    /// A path: ENAMETOOLONG beyond PATH_MAX (the terminating NUL counts).
    pub fn path(&self, at: PathArg) -> SysResult<Vec<u8>> {
        self.string(at.0, abi::fs::PATH_MAX - 1)?.ok_or(Errno::ENAMETOOLONG)
    }
}
