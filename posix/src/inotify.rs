//! inotify, inotify(7): the monitor sees all changes to names and files, and queues the events; read(2) fetches them.

use abi::errno::{Errno, SysResult};
use abi::fs::*;
use protocol::Op;
use protocol::desc::DescInfo;
use vfs::file::OpenFile;

use crate::arg::{Fd, PathArg};
use crate::cx::Cx;

crate::syscalls! {
    SYS_inotify_init inotify_init() Full "" => sys_inotify_init;
    SYS_inotify_init1 inotify_init1(flags: u32) Full "" => sys_inotify_init1;
    SYS_inotify_add_watch inotify_add_watch(fd: Fd, path: PathArg, mask: u32) Partial "changes made on the host itself are not seen" => sys_inotify_add_watch;
    SYS_inotify_rm_watch inotify_rm_watch(fd: Fd, wd: i32) Full "" => sys_inotify_rm_watch;
}

/// inotify_init(2).
fn sys_inotify_init(cx: &mut Cx<'_>) -> SysResult<usize> {
    sys_inotify_init1(cx, 0)
}

/// inotify_init1(2).
fn sys_inotify_init1(cx: &mut Cx<'_>, flags: u32) -> SysResult<usize> {
    if flags & !(IN_CLOEXEC | IN_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    cx.process().fds.room(1, cx.fd_limit())?;
    let answer = cx.host().call(Op::INotifyOpen, &[u64::from(flags & !IN_CLOEXEC)])?;
    let file = OpenFile::new(cx.host(), answer.get::<DescInfo>(0)?, Some(&answer), true);
    drop(answer);
    cx.install(file, flags & IN_CLOEXEC != 0)
}

/// inotify_add_watch(2).
fn sys_inotify_add_watch(cx: &mut Cx<'_>, fd: Fd, path: PathArg, mask: u32) -> SysResult<usize> {
    let known = IN_ALL_EVENTS
        | IN_ONLYDIR
        | IN_DONT_FOLLOW
        | IN_EXCL_UNLINK
        | IN_MASK_CREATE
        | IN_MASK_ADD
        | IN_ISDIR
        | IN_ONESHOT
        | IN_UNMOUNT
        | IN_IGNORED
        | IN_Q_OVERFLOW;
    let both = IN_MASK_ADD | IN_MASK_CREATE;
    if mask & IN_ALL_EVENTS == 0 || mask & !known != 0 || mask & both == both {
        return Err(Errno::EINVAL);
    }
    let file = cx.file(fd)?;
    let path = cx.path(path)?;
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    if file.desc() == 0 {
        return Err(Errno::EINVAL);
    }
    let args = [u64::from(file.desc()), u64::from(mask)];
    Ok(cx.host().call_with(Op::INotify, &args, &path)?.ret() as usize)
}

/// inotify_rm_watch(2).
fn sys_inotify_rm_watch(cx: &mut Cx<'_>, fd: Fd, wd: i32) -> SysResult<usize> {
    let file = cx.file(fd)?;
    if file.desc() == 0 {
        return Err(Errno::EINVAL);
    }
    let args = [u64::from(file.desc()), 0, wd as u64, 1];
    cx.host().call(Op::INotify, &args).map(|_| 0)
}
