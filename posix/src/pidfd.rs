//! Process descriptors: pidfd_open(2), pidfd_send_signal(2).

use abi::errno::{Errno, SysResult};
use abi::process::PIDFD_NONBLOCK;
use abi::signal::{SI_TKILL, SI_USER, SigInfo};
use abi::user::UserRef;
use alloc::sync::Arc;
use protocol::Op;
use protocol::desc::{DescInfo, Kind};
use vfs::file::OpenFile;

use crate::arg::Fd;
use crate::cx::Cx;

crate::syscalls! {
    SYS_pidfd_open pidfd_open(pid: i32, flags: u32) Full "" => sys_pidfd_open;
    SYS_pidfd_send_signal pidfd_send_signal(pidfd: Fd, signo: i32, info: UserRef<SigInfo>, flags: u32) Partial "/proc/PID as a pidfd means whoever has the number" => sys_pidfd_send_signal;
}

/// pidfd_open(2).
fn sys_pidfd_open(cx: &mut Cx<'_>, pid: i32, flags: u32) -> SysResult<usize> {
    if pid <= 0 || flags & !PIDFD_NONBLOCK != 0 {
        return Err(Errno::EINVAL);
    }
    open(cx, pid as u32, flags)
}

/// A descriptor, close-on-exec, of process `pid`.
pub fn open(cx: &Cx<'_>, pid: u32, flags: u32) -> SysResult<usize> {
    cx.process().fds.room(1, cx.fd_limit())?;
    let answer = cx.host().call(Op::PidFdOpen, &[pid.into(), flags.into()])?;
    let file = OpenFile::new(cx.host(), answer.get::<DescInfo>(0)?, Some(&answer), true);
    drop(answer);
    cx.install(file, true)
}

/// The pid that a descriptor names; EBADF when it is another kind of descriptor.
pub fn pid_of(cx: &Cx<'_>, fd: Fd) -> SysResult<(Arc<OpenFile>, u32)> {
    let file = cx.file(fd)?;
    if file.kind() != Kind::PidFd {
        return Err(Errno::EBADF);
    }
    let pid = file.info().rdev as u32;
    Ok((file, pid))
}

/// A directory /proc/PID, which pidfd_send_signal(2) takes as well.
fn folder(cx: &Cx<'_>, fd: Fd) -> SysResult<(Arc<OpenFile>, u32)> {
    let file = cx.file(fd)?;
    match file.info().rdev as u32 {
        pid if file.kind() == Kind::Dir && pid != 0 => Ok((file, pid)),
        _ => Err(Errno::EBADF),
    }
}

/// pidfd_send_signal(2).
fn sys_pidfd_send_signal(
    cx: &mut Cx<'_>,
    fd: Fd,
    signo: i32,
    info: UserRef<SigInfo>,
    flags: u32,
) -> SysResult<usize> {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let (file, pid) = match pid_of(cx, fd) {
        Err(Errno::EBADF) => folder(cx, fd)?,
        known => known?,
    };
    let (code, value) = match cx.get_opt(info)? {
        None => (SI_USER, 0),
        Some(info) if info.si_signo != signo => return Err(Errno::EINVAL),
        Some(info) => {
            let forged = info.si_code >= 0 || info.si_code == SI_TKILL;
            if forged && pid != cx.process().pid() {
                return Err(Errno::EPERM);
            }
            (info.si_code, info.si_value())
        }
    };
    if !(0..=abi::signal::NSIG as i32).contains(&signo) {
        return Err(Errno::EINVAL);
    }
    let args = [u64::from(file.desc()), signo as u64, u64::from(code as u32), value];
    cx.host().call(Op::PidFdSignal, &args)?;
    cx.kernel.sched.request_work();
    Ok(0)
}
