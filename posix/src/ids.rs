//! Who a process is: getpid and its relatives.

use abi::errno::SysResult;
use protocol::family;

use crate::cx::Cx;

crate::syscalls! {
    SYS_getpid getpid() Full "" => sys_getpid;
    SYS_getppid getppid() Full "" => sys_getppid;
    SYS_gettid gettid() Full "" => sys_gettid;
}

/// getpid(2).
fn sys_getpid(cx: &mut Cx<'_>) -> SysResult<usize> {
    Ok(cx.process().pid() as usize)
}

/// getppid(2): published by the monitor, which knows when a parent ends.
fn sys_getppid(cx: &mut Cx<'_>) -> SysResult<usize> {
    Ok(family::proc_ids(cx.host().family(), cx.host().slot()).ppid as usize)
}

/// gettid(2).
fn sys_gettid(cx: &mut Cx<'_>) -> SysResult<usize> {
    Ok(cx.thread().tid() as usize)
}
