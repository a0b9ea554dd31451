//! Starting host processes that run the member's kernel, and keeping what the next ones need ready.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use protocol::hosted::{FD_CONTROL, FD_DOORBELL, FD_EVENTS, FD_FAMILY, FD_SOCKET, KICK_SIGNAL};
use rustix::io::Errno;

use super::{HostProcess, Prepared};

/// How many prepared control regions are kept.
const POOL: usize = 4;

/// The backend's state.
pub struct Host {
    kernel: CString,
    pool: Vec<Prepared>,
}

/// Descriptors that every fresh member gets.
pub struct Inherited<'a> {
    pub socket: BorrowedFd<'a>,
    pub control: BorrowedFd<'a>,
    pub family: BorrowedFd<'a>,
    pub events: BorrowedFd<'a>,
    pub doorbell: BorrowedFd<'a>,
}

impl Host {
    /// A backend that starts the kernel at this path.
    pub fn new(kernel: &Path) -> anyhow::Result<Self> {
        let kernel = CString::new(kernel.as_os_str().as_bytes())?;
        Ok(Self { kernel, pool: Vec::new() })
    }

    /// A prepared control region.
    pub fn take_prepared(&mut self) -> Result<Prepared, abi::Errno> {
        self.pool.pop().map_or_else(Prepared::new, Ok)
    }

    /// Prepares one more if some are missing; false when there is nothing to do. For idle moments.
    pub fn refill(&mut self) -> bool {
        if self.pool.len() >= POOL {
            return false;
        }
        match Prepared::new() {
            Ok(p) => self.pool.push(p),
            // The next member's start will meet and report the same failure.
            Err(_) => return false,
        }
        self.pool.len() < POOL
    }

    /// Starts a process with these descriptors and standard error, no environment, in its own session.
    pub fn spawn(&self, fds: &Inherited<'_>) -> Result<HostProcess, Errno> {
        let pid = spawn(&self.kernel, fds)?;
        HostProcess::open(pid)
    }
}

/// Frees what posix_spawn(3) wants initialised.
struct SpawnArgs {
    actions: libc::posix_spawn_file_actions_t,
    attr: libc::posix_spawnattr_t,
}

impl SpawnArgs {
    fn new() -> Result<Self, Errno> {
        let mut actions = MaybeUninit::uninit();
        let mut attr = MaybeUninit::uninit();
        // SAFETY: both calls initialise what they are given, or fail and leave nothing to free.
        unsafe {
            check(libc::posix_spawn_file_actions_init(actions.as_mut_ptr()))?;
            if let Err(e) = check(libc::posix_spawnattr_init(attr.as_mut_ptr())) {
                libc::posix_spawn_file_actions_destroy(actions.as_mut_ptr());
                return Err(e);
            }
            Ok(Self { actions: actions.assume_init(), attr: attr.assume_init() })
        }
    }
}

impl Drop for SpawnArgs {
    fn drop(&mut self) {
        // SAFETY: both were initialised by `new`.
        unsafe {
            libc::posix_spawn_file_actions_destroy(&mut self.actions);
            libc::posix_spawnattr_destroy(&mut self.attr);
        }
    }
}

fn check(ret: i32) -> Result<(), Errno> {
    if ret == 0 { Ok(()) } else { Err(Errno::from_raw_os_error(ret)) }
}

fn spawn(kernel: &CString, fds: &Inherited<'_>) -> Result<u32, Errno> {
    let mut args = SpawnArgs::new()?;
    let targets = [
        (fds.socket, FD_SOCKET),
        (fds.control, FD_CONTROL),
        (fds.family, FD_FAMILY),
        (fds.events, FD_EVENTS),
        (fds.doorbell, FD_DOORBELL),
    ];
    let flags = libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF | libc::POSIX_SPAWN_SETSID as i32;
    let mut pid = 0;
    // SAFETY: 1. `args` is initialised and lives until the end of the call; 2. the signal sets are initialised before
    // use; 3. the argument and environment arrays end with a null pointer and their strings outlive the call.
    unsafe {
        for (from, to) in targets {
            check(libc::posix_spawn_file_actions_adddup2(&mut args.actions, from.as_fd().as_raw_fd(), to))?;
        }
        for fd in [0, 1] {
            check(libc::posix_spawn_file_actions_addclose(&mut args.actions, fd))?;
        }
        let mut set = MaybeUninit::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        // A kick may come before the kernel has a handler for it, which unblocks it.
        libc::sigaddset(set.as_mut_ptr(), KICK_SIGNAL);
        check(libc::posix_spawnattr_setsigmask(&mut args.attr, set.as_ptr()))?;
        libc::sigfillset(set.as_mut_ptr());
        check(libc::posix_spawnattr_setsigdefault(&mut args.attr, set.as_ptr()))?;
        check(libc::posix_spawnattr_setflags(&mut args.attr, flags as i16))?;
        let argv = [c"offshoot-member".as_ptr().cast_mut(), std::ptr::null_mut()];
        let envp = [std::ptr::null_mut()];
        check(libc::posix_spawn(
            &mut pid,
            kernel.as_ptr(),
            &args.actions,
            &args.attr,
            argv.as_ptr(),
            envp.as_ptr(),
        ))?;
    }
    Ok(pid as u32)
}
