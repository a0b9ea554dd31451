//! Sockets: making, naming and connecting them, socket(2).

use abi::errno::{Errno, SysResult};
use abi::socket::*;
use abi::user::UserRef;
use alloc::sync::Arc;
use alloc::vec::Vec;
use process::wait_on::block_until;
use protocol::desc::{DescInfo, Kind};
use protocol::{EV_RETRY, Op};
use vfs::file::{OpenFile, Socket};

use crate::arg::{Addr, Fd};
use crate::block::until_ready;
use crate::cx::Cx;

crate::syscalls! {
    SYS_socket socket(domain: i32, kind: u32, protocol: i32) Partial "Unix, IPv4 and IPv6 streams, datagrams, seqpackets" => sys_socket;
    SYS_socketpair socketpair(domain: i32, kind: u32, protocol: i32, fds: UserRef<[i32; 2]>) Full "" => sys_socketpair;
    SYS_bind bind(fd: Fd, addr: Addr, len: u32) Full "" => sys_bind;
    SYS_listen listen(fd: Fd, backlog: i32) Full "" => sys_listen;
    SYS_accept accept(fd: Fd, addr: Addr, len: UserRef<i32>) Full "" => sys_accept;
    SYS_accept4 accept4(fd: Fd, addr: Addr, len: UserRef<i32>, flags: u32) Full "" => sys_accept4;
    SYS_connect connect(fd: Fd, addr: Addr, len: u32) Full "" => sys_connect;
    SYS_getsockname getsockname(fd: Fd, addr: Addr, len: UserRef<i32>) Full "" => sys_getsockname;
    SYS_getpeername getpeername(fd: Fd, addr: Addr, len: UserRef<i32>) Full "" => sys_getpeername;
    SYS_shutdown shutdown(fd: Fd, how: i32) Full "" => sys_shutdown;
}

/// The socket behind an open file; ENOTSOCK.
pub fn of(file: &OpenFile) -> SysResult<&Socket> {
    match file.kind() {
        Kind::Path => Err(Errno::EBADF),
        _ => file.as_socket().ok_or(Errno::ENOTSOCK),
    }
}

/// An address argument: EINVAL for an impossible length.
pub fn address(cx: &Cx<'_>, at: Addr, len: u32) -> SysResult<Vec<u8>> {
    if len as usize > SOCKADDR_MAX {
        return Err(Errno::EINVAL);
    }
    let mut addr = alloc::vec![0; len as usize];
    cx.read_bytes(at.0, &mut addr)?;
    Ok(addr)
}

/// Gives an address back: as much as fits, and its whole length.
pub fn give_address(cx: &Cx<'_>, at: Addr, len: UserRef<i32>, addr: &[u8]) -> SysResult<()> {
    let room = usize::try_from(cx.get(len)?).map_err(|_| Errno::EINVAL)?;
    cx.write_bytes(at.0, &addr[..addr.len().min(room)])?;
    cx.put(len, &(addr.len() as i32))
}

fn kind_flags(kind: u32) -> SysResult<bool> {
    if kind & !(SOCK_TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(kind & SOCK_CLOEXEC != 0)
}

/// socket(2).
fn sys_socket(cx: &mut Cx<'_>, domain: i32, kind: u32, protocol: i32) -> SysResult<usize> {
    let cloexec = kind_flags(kind)?;
    cx.process().fds.room(1, cx.fd_limit())?;
    let args = [domain as u64, u64::from(kind & !SOCK_CLOEXEC), protocol as u64];
    let answer = cx.host().call(Op::Socket, &args)?;
    let file = OpenFile::new(cx.host(), answer.get::<DescInfo>(0)?, Some(&answer), true);
    drop(answer);
    cx.install(file, cloexec)
}

/// socketpair(2).
fn sys_socketpair(
    cx: &mut Cx<'_>,
    domain: i32,
    kind: u32,
    protocol: i32,
    at: UserRef<[i32; 2]>,
) -> SysResult<usize> {
    let cloexec = kind_flags(kind)?;
    let host = cx.host();
    cx.process().fds.room(2, cx.fd_limit())?;
    let args = [domain as u64, u64::from(kind & !SOCK_CLOEXEC), protocol as u64];
    let answer = host.call(Op::SocketPair, &args)?;
    let end = |off| Ok(OpenFile::new(host, answer.get::<DescInfo>(off)?, Some(&answer), true));
    let ends: SysResult<_> = end(0).and_then(|a| Ok([a, end(size_of::<DescInfo>())?]));
    drop(answer);
    cx.install_pair(at, ends?, cloexec)
}

/// bind(2).
fn sys_bind(cx: &mut Cx<'_>, fd: Fd, addr: Addr, len: u32) -> SysResult<usize> {
    let file = cx.file(fd)?;
    of(&file)?;
    let addr = address(cx, addr, len)?;
    let mode = u64::from(0o777 & !cx.process().umask.load(core::sync::atomic::Ordering::Relaxed));
    cx.host().call_with(Op::Bind, &[u64::from(file.desc()), mode], &addr).map(|_| 0)
}

/// listen(2).
fn sys_listen(cx: &mut Cx<'_>, fd: Fd, backlog: i32) -> SysResult<usize> {
    let file = cx.file(fd)?;
    of(&file)?.listen(&file, backlog).map(|()| 0)
}

/// accept(2).
fn sys_accept(cx: &mut Cx<'_>, fd: Fd, addr: Addr, len: UserRef<i32>) -> SysResult<usize> {
    sys_accept4(cx, fd, addr, len, 0)
}

/// accept4(2).
fn sys_accept4(cx: &mut Cx<'_>, fd: Fd, addr: Addr, len: UserRef<i32>, flags: u32) -> SysResult<usize> {
    if flags & !(SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let file = cx.file(fd)?;
    let socket = of(&file)?;
    cx.process().fds.room(1, cx.fd_limit())?;
    let nonblock = file.nonblocking();
    let deadline = file.timeout(cx.platform(), true);
    let (new, peer) = until_ready(cx, &file, nonblock, deadline, || {
        socket.accept(&file, flags & SOCK_NONBLOCK, !nonblock)
    })?;
    if addr.0 != 0 {
        give_address(cx, addr, len, &peer)?;
    }
    cx.install(new, flags & SOCK_CLOEXEC != 0)
}

/// connect(2). A blocking call that was interrupted goes on by itself; the next connect(2) tells how it ended.
fn sys_connect(cx: &mut Cx<'_>, fd: Fd, addr: Addr, len: u32) -> SysResult<usize> {
    let file = cx.file(fd)?;
    let socket = of(&file)?;
    let addr = address(cx, addr, len)?;
    let nonblock = file.nonblocking();
    let first = socket.connect(&file, &addr);
    match first {
        Err(Errno::EINPROGRESS | Errno::EAGAIN | Errno::EALREADY) if !nonblock => {}
        done => return done.map(|()| 0),
    }
    let deadline = file.timeout(cx.platform(), false);
    let mut keys: Vec<u32> = file.keys().as_slice().to_vec();
    keys.push(EV_RETRY);
    let waiting_for_room = first == Err(Errno::EAGAIN);
    let done = block_until(&keys, deadline, || {
        use abi::poll::PollEvents;
        if !waiting_for_room && file.poll(PollEvents::POLLOUT, false).is_empty() {
            return Err(Errno::EAGAIN);
        }
        match socket.connect(&file, &addr) {
            Err(Errno::EINPROGRESS | Errno::EALREADY) => Err(Errno::EAGAIN),
            Err(Errno::EISCONN) => Ok(()),
            done => done,
        }
    });
    match done {
        Ok(()) => Ok(0),
        // A timeout leaves the connection under way, as on Linux.
        Err(Errno::EAGAIN) if !waiting_for_room => Err(Errno::EINPROGRESS),
        Err(e) => Err(e),
    }
}

fn name(cx: &Cx<'_>, fd: Fd, addr: Addr, len: UserRef<i32>, peer: bool) -> SysResult<usize> {
    let file = cx.file(fd)?;
    of(&file)?;
    let found = cx.host().call(Op::SockName, &[u64::from(file.desc()), u64::from(peer)])?.to_vec();
    give_address(cx, addr, len, &found).map(|()| 0)
}

/// getsockname(2).
fn sys_getsockname(cx: &mut Cx<'_>, fd: Fd, addr: Addr, len: UserRef<i32>) -> SysResult<usize> {
    name(cx, fd, addr, len, false)
}

/// getpeername(2).
fn sys_getpeername(cx: &mut Cx<'_>, fd: Fd, addr: Addr, len: UserRef<i32>) -> SysResult<usize> {
    name(cx, fd, addr, len, true)
}

/// shutdown(2).
fn sys_shutdown(cx: &mut Cx<'_>, fd: Fd, how: i32) -> SysResult<usize> {
    let file: Arc<OpenFile> = cx.file(fd)?;
    let socket = of(&file)?;
    if !(SHUT_RD..=SHUT_RDWR).contains(&how) {
        return Err(Errno::EINVAL);
    }
    socket.shutdown(&file, how).map(|()| 0)
}
