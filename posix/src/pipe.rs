//! pipe and eventfd.

use abi::errno::{Errno, SysResult};
use abi::fs::{O_CLOEXEC, O_DIRECT, O_NONBLOCK};
use abi::poll::{EFD_CLOEXEC, EFD_NONBLOCK, EFD_SEMAPHORE};
use abi::user::UserRef;
use protocol::Op;
use protocol::desc::DescInfo;
use vfs::file::OpenFile;

use crate::cx::Cx;

crate::syscalls! {
    SYS_pipe pipe(fds: UserRef<[i32; 2]>) Full "" => sys_pipe;
    SYS_pipe2 pipe2(fds: UserRef<[i32; 2]>, flags: u32) Partial "O_DIRECT pipes carry a byte stream" => sys_pipe2;
    SYS_eventfd eventfd(initial: u32) Full "" => sys_eventfd;
    SYS_eventfd2 eventfd2(initial: u32, flags: u32) Full "" => sys_eventfd2;
}

/// pipe(2).
fn sys_pipe(cx: &mut Cx<'_>, fds: UserRef<[i32; 2]>) -> SysResult<usize> {
    sys_pipe2(cx, fds, 0)
}

/// pipe2(2).
fn sys_pipe2(cx: &mut Cx<'_>, at: UserRef<[i32; 2]>, flags: u32) -> SysResult<usize> {
    if flags & !(O_CLOEXEC | O_NONBLOCK | O_DIRECT) != 0 {
        return Err(Errno::EINVAL);
    }
    let (host, fds) = (cx.host(), &cx.process().fds);
    fds.room(2, cx.fd_limit())?;
    let answer = host.call(Op::Pipe, &[u64::from(flags & !O_CLOEXEC)])?;
    let end = |off| Ok(OpenFile::new(host, answer.get::<DescInfo>(off)?, Some(&answer), true));
    let ends: SysResult<_> = end(0).and_then(|r| Ok([r, end(size_of::<DescInfo>())?]));
    drop(answer);
    cx.install_pair(at, ends?, flags & O_CLOEXEC != 0)
}

/// eventfd(2) without flags.
fn sys_eventfd(cx: &mut Cx<'_>, initial: u32) -> SysResult<usize> {
    sys_eventfd2(cx, initial, 0)
}

/// eventfd2(2).
fn sys_eventfd2(cx: &mut Cx<'_>, initial: u32, flags: u32) -> SysResult<usize> {
    if flags & !(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE) != 0 {
        return Err(Errno::EINVAL);
    }
    cx.process().fds.room(1, cx.fd_limit())?;
    let answer = cx.host().call(Op::EventFd, &[initial.into(), u64::from(flags & !EFD_CLOEXEC)])?;
    let file = OpenFile::new(cx.host(), answer.get::<DescInfo>(0)?, Some(&answer), true);
    drop(answer);
    cx.install(file, flags & EFD_CLOEXEC != 0)
}
