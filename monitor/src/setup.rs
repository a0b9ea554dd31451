//! What the monitor's own process needs before anything else: limits, descriptors, signals.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

use crate::config::Platform;
use anyhow::{Context, Result};
use protocol::hosted::FD_DOORBELL;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Signals that are passed on to the first program, or to the terminal's foreground group.
const FORWARDED: [i32; 9] = [
    libc::SIGINT,
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGTSTP,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGWINCH,
    libc::SIGCONT,
];

/// Bytes that the allocator keeps for later, when asked to.
const KEPT_FREE: i32 = 16 << 20;

/// From now on the allocator keeps what is freed, up to 16 MiB.
pub fn keep_freed_memory() {
    // SAFETY: sets one of the allocator's parameters.
    unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_FREE) };
}

/// Prepares the process and gives the descriptor that signals arrive on.
pub fn prepare(platform: Platform) -> Result<OwnedFd> {
    raise_descriptor_limit();
    seal_descriptors()?;
    if platform == Platform::Hosted {
        reserve_low_descriptors()?;
    }
    catch_signals().context("cannot set up signals")
}

/// Members and regions cost descriptors.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Without the raise smaller families still work.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// Whatever the caller left open is not for members.
fn seal_descriptors() -> Result<()> {
    // SAFETY: the flag only marks descriptors close-on-exec; nothing is closed here.
    let ret = unsafe { libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as i32) };
    if ret != 0 {
        return Err(std::io::Error::last_os_error()).context("cannot mark descriptors close-on-exec");
    }
    Ok(())
}

/// Keeps the numbers that a member's descriptors get free of ours, so that handing over never overwrites one.
fn reserve_low_descriptors() -> Result<()> {
    loop {
        let fd = File::open("/dev/null").context("cannot open /dev/null")?.into_raw_fd();
        if fd > FD_DOORBELL {
            // SAFETY: the number was just taken out of its File and is closed once, here.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
            return Ok(());
        }
    }
}

fn catch_signals() -> Result<OwnedFd> {
    // SAFETY: 1. the set is initialised by sigemptyset before any use; 2. SIG_DFL for SIGCHLD installs no code;
    // 3. the new descriptor is owned by nobody else.
    unsafe {
        let mut set = MaybeUninit::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        for signo in FORWARDED {
            libc::sigaddset(set.as_mut_ptr(), signo);
        }
        // An ignored SIGCHLD, inherited, would make the host forget how members ended.
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        // A terminal that stops background writers must not stop the monitor.
        libc::signal(libc::SIGTTOU, libc::SIG_IGN);
        if libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut()) != 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        let fd = libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if fd < 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        Ok(OwnedFd::from_raw_fd(fd))
    }
}
