//! execve(2), execveat(2).

use abi::errno::{Errno, SysResult};
use abi::fs::{AT_EMPTY_PATH, AT_EXECVE_CHECK, AT_FDCWD, AT_SYMLINK_NOFOLLOW};
use abi::process::RLIMIT_STACK;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use process::exec::program::ProgramFile;
use process::exec::{self, Plan};
use protocol::op::DIR_CWD;

use crate::arg::{Addr, Fd, PathArg};
use crate::cx::Cx;

crate::syscalls! {
    SYS_execve execve(path: PathArg, argv: Addr, envp: Addr) Full "set-user-ID bits are honoured by the monitor's credentials only" => sys_execve;
    SYS_execveat execveat(dirfd: Fd, path: PathArg, argv: Addr, envp: Addr, flags: u32) Full "" => sys_execveat;
}

/// A NULL-terminated vector of strings; a null vector is an empty one, as on Linux.
fn strings(cx: &Cx<'_>, at: Addr) -> SysResult<Vec<Vec<u8>>> {
    const MAX_STRING: usize = 128 * 1024;
    const MAX_TOTAL: usize = 6 * 1024 * 1024;
    let mut out = Vec::new();
    let mut total = 0;
    if at.0 == 0 {
        return Ok(out);
    }
    loop {
        let mut word = [0u8; 8];
        cx.read_bytes(at.0 + out.len() * 8, &mut word)?;
        let addr = usize::from_le_bytes(word);
        if addr == 0 {
            return Ok(out);
        }
        let s = cx.string(addr, MAX_STRING - 1)?.ok_or(Errno::E2BIG)?;
        total += s.len() + 9;
        if total > MAX_TOTAL {
            return Err(Errno::E2BIG);
        }
        out.push(s);
    }
}

/// execve(2).
fn sys_execve(cx: &mut Cx<'_>, path: PathArg, argv: Addr, envp: Addr) -> SysResult<usize> {
    let path = cx.path(path)?;
    let file = ProgramFile::open(cx.host(), DIR_CWD, &path, true)?;
    run(cx, file, Asked { path: &path, closing: false, check: false }, argv, envp)
}

/// execveat(2).
fn sys_execveat(
    cx: &mut Cx<'_>,
    dirfd: Fd,
    path: PathArg,
    argv: Addr,
    envp: Addr,
    flags: u32,
) -> SysResult<usize> {
    if flags & !(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_EXECVE_CHECK) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = cx.path(path)?;
    if path.is_empty() && flags & AT_EMPTY_PATH == 0 {
        return Err(Errno::ENOENT);
    }
    let follow = flags & AT_SYMLINK_NOFOLLOW == 0;
    let check = flags & AT_EXECVE_CHECK != 0;
    if path.starts_with(b"/") || dirfd.0 == AT_FDCWD {
        // An empty path means the working directory: EACCES, as any directory.
        let name = if path.is_empty() { b"." } else { &path[..] };
        let file = ProgramFile::open(cx.host(), DIR_CWD, name, follow)?;
        return run(cx, file, Asked { path: &path, closing: false, check }, argv, envp);
    }
    let desc = cx.file(dirfd)?.desc();
    let closing = cx.process().fds.cloexec(dirfd.0)?;
    let mut name = format!("/dev/fd/{}", dirfd.0).into_bytes();
    let file = if path.is_empty() {
        ProgramFile::from_desc(cx.host(), desc, &name)?
    } else if desc == 0 {
        return Err(Errno::ENOTDIR);
    } else {
        name.push(b'/');
        name.extend(&path);
        ProgramFile::open(cx.host(), desc.into(), &path, follow)?
    };
    run(cx, file, Asked { path: &name, closing, check }, argv, envp)
}

/// How a file is to be run.
struct Asked<'a> {
    /// What it is called.
    path: &'a [u8],
    /// Exec will close the descriptor that the path leads through.
    closing: bool,
    /// Nothing is to be run: the arguments and the right to execute the file are looked at, and nothing in it.
    check: bool,
}

/// Runs `file`.
fn run(
    cx: &mut Cx<'_>,
    file: ProgramFile,
    Asked { path, closing, check }: Asked<'_>,
    argv: Addr,
    envp: Addr,
) -> SysResult<usize> {
    let argv = strings(cx, argv)?;
    let envp = strings(cx, envp)?;
    let stack_limit = cx.process().rlimits.lock()[RLIMIT_STACK as usize].0;
    if check {
        return exec::check_arguments(&argv, &envp, stack_limit).map(|()| 0);
    }
    let plan = Plan::make(cx.host(), file, path, argv, envp, stack_limit, closing)?;
    let thread = cx.thread().clone();
    let owner = cx.kernel.processes.lock().first().is_some_and(|p| Arc::ptr_eq(p, &thread.process));
    if owner {
        exec::exec(&thread, plan, cx.frame)?;
        return Ok(0);
    }
    match exec::exec_elsewhere(&thread, plan)? {}
}
