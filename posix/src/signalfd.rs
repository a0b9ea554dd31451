//! signalfd.

use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::errno::{Errno, SysResult};
use abi::fs::{O_NONBLOCK, O_RDWR};
use abi::poll::PollEvents;
use abi::signal::*;
use abi::user::UserRef;
use alloc::sync::Arc;
use process::kernel::current;
use process::signal::take;
use vfs::file::{LocalFile, OpenFile};
use vfs::host::Host;
use vfs::io::IoBuf;
use zerocopy::IntoBytes;

use crate::arg::Fd;
use crate::cx::Cx;

crate::syscalls! {
    SYS_signalfd signalfd(fd: Fd, mask: UserRef<SigSet>, size: usize) Partial "as signalfd4" => sys_signalfd;
    SYS_signalfd4 signalfd4(fd: Fd, mask: UserRef<SigSet>, size: usize, flags: u32) Partial "after fork a change of the mask is not seen by the other process; it cannot be passed by SCM_RIGHTS (EINVAL), and posix_spawn and vfork with exec lose it" => sys_signalfd4;
}

/// The descriptor takes signals of whoever reads it, as on Linux.
struct SignalFd {
    mask: AtomicU64,
    key: u32,
}

impl SignalFd {
    fn wanted(&self) -> SigSet {
        SigSet(self.mask.load(Ordering::Relaxed))
    }
}

impl LocalFile for SignalFd {
    fn read(&self, _host: &Host, io: &mut IoBuf<'_>) -> SysResult<usize> {
        if io.left() < size_of::<SignalfdSiginfo>() {
            return Err(Errno::EINVAL);
        }
        let (me, mut moved) = (current(), 0);
        while io.left() >= size_of::<SignalfdSiginfo>() {
            let Some(info) = take(&me, self.wanted()) else { break };
            match io.put(record(&info).as_bytes()) {
                Ok(n) => moved += n,
                Err(_) if moved > 0 => break,
                Err(e) => return Err(e),
            }
        }
        if moved == 0 { Err(Errno::EAGAIN) } else { Ok(moved) }
    }
    fn poll(&self, _host: &Host) -> PollEvents {
        let me = current();
        let pending = me.signals.pending().union(me.process.signals.pending());
        if pending.intersection(self.wanted()).is_empty() {
            PollEvents::empty()
        } else {
            PollEvents::POLLIN | PollEvents::POLLRDNORM
        }
    }
    fn key(&self) -> u32 {
        self.key
    }
    fn name(&self) -> &'static str {
        "[signalfd]"
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A signal as read(2) of a signalfd shows it.
fn record(info: &SigInfo) -> SignalfdSiginfo {
    let mut r = SignalfdSiginfo {
        ssi_signo: info.si_signo as u32,
        ssi_errno: info.si_errno,
        ssi_code: info.si_code,
        ..SignalfdSiginfo::default()
    };
    let fault = matches!(info.si_signo, SIGSEGV | SIGBUS | SIGILL | SIGFPE | SIGTRAP);
    match info.si_code {
        SI_TIMER => {
            r.ssi_tid = info.si_timerid() as u32;
            r.ssi_overrun = info.si_overrun() as u32;
            r.ssi_ptr = info.si_value();
            r.ssi_int = info.si_value() as i32;
        }
        code if code > 0 && code != SI_KERNEL && fault => r.ssi_addr = info.si_addr(),
        code if code > 0 && info.si_signo == SIGCHLD => {
            r.ssi_pid = info.si_pid() as u32;
            r.ssi_uid = info.si_uid();
            r.ssi_status = info.si_status();
            r.ssi_utime = info.si_utime() as u64;
            r.ssi_stime = info.si_stime() as u64;
        }
        code if code > 0 && info.si_signo == SIGIO => {
            r.ssi_band = info.si_band() as u32;
            r.ssi_fd = info.si_fd();
        }
        _ => {
            r.ssi_pid = info.si_pid() as u32;
            r.ssi_uid = info.si_uid();
            r.ssi_ptr = info.si_value();
            r.ssi_int = info.si_value() as i32;
        }
    }
    r
}

/// signalfd(2) without flags.
fn sys_signalfd(cx: &mut Cx<'_>, fd: Fd, mask: UserRef<SigSet>, size: usize) -> SysResult<usize> {
    sys_signalfd4(cx, fd, mask, size, 0)
}

/// signalfd4(2).
fn sys_signalfd4(
    cx: &mut Cx<'_>,
    fd: Fd,
    mask: UserRef<SigSet>,
    size: usize,
    flags: u32,
) -> SysResult<usize> {
    if flags & !(SFD_CLOEXEC | SFD_NONBLOCK) != 0 || size != size_of::<SigSet>() {
        return Err(Errno::EINVAL);
    }
    let mask = cx.get(mask)?.difference(SigSet::UNBLOCKABLE).0;
    if fd.0 == -1 {
        let key = cx.process().signals.arrival_key();
        let file = Arc::new(SignalFd { mask: AtomicU64::new(mask), key });
        let file = OpenFile::local(cx.host(), file, O_RDWR | flags & O_NONBLOCK);
        return cx.install(file, flags & SFD_CLOEXEC != 0);
    }
    let file = cx.file(fd)?;
    let local = file.as_local().ok_or(Errno::EINVAL)?;
    let known: &SignalFd = local.as_any().downcast_ref().ok_or(Errno::EINVAL)?;
    known.mask.store(mask, Ordering::Relaxed);
    cx.host().changed(known.key);
    Ok(fd.0 as usize)
}
