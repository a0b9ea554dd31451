//! The context of one system call: the calling thread, its process, its frame, and access to the app's memory.

use abi::errno::{Errno, SysResult};
use abi::regs::TrapFrame;
use abi::user::UserRef;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::OnceCell;
use platform::Platform;
use process::{Kernel, Process, Thread};
use vfs::host::Host;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::arg::PathArg;

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

    /// A path: ENAMETOOLONG beyond PATH_MAX (the terminating NUL counts).
    pub fn path(&self, at: PathArg) -> SysResult<Vec<u8>> {
        self.string(at.0, abi::fs::PATH_MAX - 1)?.ok_or(Errno::ENAMETOOLONG)
    }
}
