//! Who a process is: its ids, its group and session.

use abi::errno::{Errno, SysResult};
use protocol::{Op, family};

use crate::cx::Cx;

crate::syscalls! {
    SYS_getpid getpid() Full "" => sys_getpid;
    SYS_getppid getppid() Full "" => sys_getppid;
    SYS_gettid gettid() Full "" => sys_gettid;
    SYS_getpgrp getpgrp() Full "" => sys_getpgrp;
    SYS_getpgid getpgid(pid: i32) Full "" => sys_getpgid;
    SYS_setpgid setpgid(pid: i32, pgid: i32) Full "" => sys_setpgid;
    SYS_getsid getsid(pid: i32) Full "" => sys_getsid;
    SYS_setsid setsid() Full "" => sys_setsid;
}

/// getpid(2).
fn sys_getpid(cx: &mut Cx<'_>) -> SysResult<usize> {
    Ok(cx.kernel.sched.ids().0 as usize)
}

/// getppid(2): published by the monitor, which knows when a parent ends. A child that still lives in its parent's member
/// has no slot of its own.
fn sys_getppid(cx: &mut Cx<'_>) -> SysResult<usize> {
    let ids = family::proc_ids(cx.host().family(), cx.host().slot());
    if ids.pid == cx.kernel.sched.ids().0 {
        return Ok(ids.ppid as usize);
    }
    Ok(ids.pid as usize)
}

/// gettid(2).
fn sys_gettid(cx: &mut Cx<'_>) -> SysResult<usize> {
    Ok(cx.kernel.sched.ids().1 as usize)
}

/// getpgrp(2).
fn sys_getpgrp(cx: &mut Cx<'_>) -> SysResult<usize> {
    sys_getpgid(cx, 0)
}

/// A pid argument: negative numbers name nobody.
fn target(pid: i32) -> SysResult<u64> {
    u64::try_from(pid).map_err(|_| Errno::ESRCH)
}

/// getpgid(2).
fn sys_getpgid(cx: &mut Cx<'_>, pid: i32) -> SysResult<usize> {
    let ids = family::proc_ids(cx.host().family(), cx.host().slot());
    if pid == 0 && ids.pid == cx.kernel.sched.ids().0 {
        return Ok(ids.pgid as usize);
    }
    Ok(cx.host().call(Op::GetPgid, &[target(pid)?])?.ret() as usize)
}

/// setpgid(2).
fn sys_setpgid(cx: &mut Cx<'_>, pid: i32, pgid: i32) -> SysResult<usize> {
    if pgid < 0 {
        return Err(Errno::EINVAL);
    }
    cx.host().call(Op::SetPgid, &[target(pid)?, pgid as u64])?;
    Ok(0)
}

/// getsid(2).
fn sys_getsid(cx: &mut Cx<'_>, pid: i32) -> SysResult<usize> {
    Ok(cx.host().call(Op::GetSid, &[target(pid)?])?.ret() as usize)
}

/// setsid(2).
fn sys_setsid(cx: &mut Cx<'_>) -> SysResult<usize> {
    Ok(cx.host().call(Op::SetSid, &[])?.ret() as usize)
}
