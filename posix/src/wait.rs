//! wait4(2), waitid(2).

use abi::errno::{Errno, SysResult};
use abi::process::*;
use abi::signal::SigInfo;
use abi::time::Timeval;
use abi::user::UserRef;
use process::wait::{self, Child};
use zerocopy::FromZeros;

use crate::cx::Cx;

crate::syscalls! {
    SYS_wait4 wait4(pid: i32, status: UserRef<i32>, options: u32, usage: UserRef<Rusage>) Full "" => sys_wait4;
    SYS_waitid waitid(which: i32, id: i32, info: UserRef<SigInfo>, options: u32, usage: UserRef<Rusage>) Full "" => sys_waitid;
}

fn rusage(c: &Child) -> Rusage {
    let time =
        |ns: u64| Timeval { tv_sec: (ns / 1_000_000_000) as i64, tv_usec: (ns / 1000 % 1_000_000) as i64 };
    Rusage {
        ru_utime: time(c.user),
        ru_stime: time(c.system),
        ru_maxrss: c.max_rss_kib as i64,
        ru_minflt: c.minor_faults as i64,
        ..Rusage::new_zeroed()
    }
}

/// wait4(2).
fn sys_wait4(
    cx: &mut Cx<'_>,
    pid: i32,
    status: UserRef<i32>,
    options: u32,
    usage: UserRef<Rusage>,
) -> SysResult<usize> {
    let known = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
    if options & !known != 0 {
        return Err(Errno::EINVAL);
    }
    if pid == i32::MIN {
        return Err(Errno::ESRCH);
    }
    let Some(child) = wait::wait(pid.into(), options | WEXITED)? else { return Ok(0) };
    cx.put_opt(status, &(child.status as i32))?;
    cx.put_opt(usage, &rusage(&child))?;
    Ok(child.pid as usize)
}

/// waitid(2).
fn sys_waitid(
    cx: &mut Cx<'_>,
    which: i32,
    id: i32,
    info: UserRef<SigInfo>,
    options: u32,
    usage: UserRef<Rusage>,
) -> SysResult<usize> {
    let known = WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
    if options & !known != 0 || options & (WEXITED | WSTOPPED | WCONTINUED) == 0 {
        return Err(Errno::EINVAL);
    }
    let mut options = options;
    // A descriptor opened with PIDFD_NONBLOCK asks for EAGAIN instead of waiting.
    let mut again = false;
    let selector = match which {
        P_PIDFD if id >= 0 => {
            let (file, pid) = crate::pidfd::pid_of(cx, crate::arg::Fd(id))?;
            again = file.nonblocking() && options & WNOHANG == 0;
            options |= if again { WNOHANG } else { 0 };
            pid.into()
        }
        P_ALL => -1,
        P_PID if id > 0 => i64::from(id),
        P_PGID if id > 0 => -i64::from(id),
        P_PGID if id == 0 => 0,
        _ => return Err(Errno::EINVAL),
    };
    // -1 means any child to the monitor; group 1 is not one that a program can be in.
    if which == P_PGID && selector == -1 {
        return Err(Errno::ECHILD);
    }
    let Some(child) = wait::wait(selector, options)? else {
        if again {
            return Err(Errno::EAGAIN);
        }
        cx.put_opt(info, &SigInfo::new_zeroed())?;
        return Ok(0);
    };
    cx.put_opt(usage, &rusage(&child))?;
    let status = WaitStatus::decode(child.status as i32);
    let ticks = |ns: u64| (ns / 10_000_000) as i64;
    let told = SigInfo::child(
        abi::signal::SIGCHLD,
        status.si_code(),
        child.pid as i32,
        child.uid,
        status.si_status(),
        ticks(child.user),
        ticks(child.system),
    );
    cx.put_opt(info, &told)?;
    Ok(0)
}
