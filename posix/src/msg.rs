//! Sending and receiving messages: send(2), recv(2) and their relatives.

use abi::errno::{Errno, SysResult};
use abi::socket::*;
use abi::time::Timespec;
use abi::uio::MAX_RW_COUNT;
use abi::user::UserRef;
use vfs::file::{OpenFile, Receive, Received, Socket};
use vfs::io::{self, IoBuf};

use crate::arg::{Addr, Fd};
use crate::block::{linger, raise, until_ready};
use crate::cmsg;
use crate::cx::Cx;
use crate::socket::{address, give_address, of};

crate::syscalls! {
    SYS_sendto sendto(fd: Fd, buf: Addr, len: usize, flags: u32, addr: Addr, addrlen: u32) Full "" => sys_sendto;
    SYS_recvfrom recvfrom(fd: Fd, buf: Addr, len: usize, flags: u32, addr: Addr, addrlen: UserRef<i32>) Full "" => sys_recvfrom;
    SYS_sendmsg sendmsg(fd: Fd, msg: UserRef<MsgHdr>, flags: u32) Full "" => sys_sendmsg;
    SYS_recvmsg recvmsg(fd: Fd, msg: UserRef<MsgHdr>, flags: u32) Full "" => sys_recvmsg;
    SYS_sendmmsg sendmmsg(fd: Fd, vec: UserRef<MMsgHdr>, count: u32, flags: u32) Full "" => sys_sendmmsg;
    SYS_recvmmsg recvmmsg(fd: Fd, vec: UserRef<MMsgHdr>, count: u32, flags: u32, timeout: UserRef<Timespec>) Full "" => sys_recvmmsg;
}

/// Sends what is in `io`: all of it on a blocking stream.
fn send(
    cx: &Cx<'_>,
    file: &OpenFile,
    io: &mut IoBuf<'_>,
    flags: u32,
    addr: &[u8],
    anc: Option<&cmsg::Outgoing>,
) -> SysResult<usize> {
    let socket = of(file)?;
    if flags & MSG_OOB != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let nonblock = flags & MSG_DONTWAIT != 0 || file.nonblocking();
    let deadline = file.timeout(cx.platform(), false);
    if let Some(out) = anc {
        out.files.iter().for_each(|f| f.recall());
    }
    let mut attached = anc.map(|out| &out.sent).filter(|s| match socket.is_stream() {
        // TCP passes nothing on; a Unix stream descriptors and credentials.
        true => socket.is_unix() && (!s.descs.is_empty() || s.creds.is_some()),
        false => !s.is_empty(),
    });
    loop {
        let step =
            until_ready(cx, file, nonblock, deadline, || socket.send_message(file, io, addr, attached));
        match step {
            // The rest goes without what went with the first bytes.
            Ok(n) if n > 0 && io.left() > 0 && socket.is_stream() => attached = None,
            Ok(_) => return Ok(io.done()),
            Err(_) if io.done() > 0 => return Ok(io.done()),
            Err(Errno::EPIPE) if flags & MSG_NOSIGNAL != 0 => return Err(Errno::EPIPE),
            Err(Errno::EPIPE) if socket.is_stream() || !socket.is_datagram() => {
                return Err(raise(cx, Errno::EPIPE));
            }
            Err(e) => return Err(e),
        }
    }
}

/// Receives into `io`: until it is full with MSG_WAITALL on a stream, otherwise what is there.
fn receive(cx: &Cx<'_>, file: &OpenFile, io: &mut IoBuf<'_>, flags: u32) -> SysResult<Received> {
    let socket = of(file)?;
    if flags & MSG_OOB != 0 {
        return Err(Errno::EINVAL);
    }
    if flags & MSG_ERRQUEUE != 0 {
        return Err(Errno::EAGAIN);
    }
    let nonblock = flags & MSG_DONTWAIT != 0 || file.nonblocking();
    let deadline = file.timeout(cx.platform(), true);
    let how = Receive { peek: flags & MSG_PEEK != 0 };
    let all = flags & MSG_WAITALL != 0 && socket.is_stream() && !how.peek;
    let mut total: Option<Received> = None;
    loop {
        linger(cx, file, || !nonblock);
        let step = until_ready(cx, file, nonblock, deadline, || socket.receive(file, io, how));
        match (step, total.as_mut()) {
            (Ok(got), None) => {
                let ended = got.bytes == 0 || got.ancillary.is_some();
                if !all || ended || io.left() == 0 {
                    return Ok(got);
                }
                total = Some(got);
            }
            (Ok(got), Some(sum)) => {
                sum.bytes += got.bytes;
                sum.whole += got.whole;
                let ended = got.bytes == 0 || got.ancillary.is_some();
                // There was none before, or the loop would have ended.
                sum.ancillary = got.ancillary;
                if ended || io.left() == 0 {
                    return Ok(total.unwrap_or_default());
                }
            }
            (Err(e), None) => return Err(e),
            (Err(_), Some(_)) => return Ok(total.unwrap_or_default()),
        }
    }
}

/// read(2) of a socket: descriptors that came with the bytes are closed.
pub fn read(cx: &Cx<'_>, file: &OpenFile, io: &mut IoBuf<'_>, nowait: bool) -> SysResult<usize> {
    let mut got = receive(cx, file, io, if nowait { MSG_DONTWAIT } else { 0 })?;
    cmsg::discard(cx, got.ancillary.take());
    Ok(got.bytes)
}

/// The length that a receive gives: with MSG_TRUNC a record's whole length.
fn length(got: &Received, flags: u32) -> usize {
    if flags & MSG_TRUNC != 0 && got.record { got.whole } else { got.bytes }
}

/// sendto(2). As on Linux the buffer is looked at before the descriptor, and no farther than is sent.
fn sys_sendto(
    cx: &mut Cx<'_>,
    fd: Fd,
    buf: Addr,
    len: usize,
    flags: u32,
    addr: Addr,
    addrlen: u32,
) -> SysResult<usize> {
    let mut io = IoBuf::user(cx.platform(), buf.0, len.min(MAX_RW_COUNT))?;
    let file = cx.file(fd)?;
    of(&file)?;
    let to = if addr.0 == 0 { alloc::vec::Vec::new() } else { address(cx, addr, addrlen)? };
    send(cx, &file, &mut io, flags, &to, None)
}

/// recvfrom(2).
fn sys_recvfrom(
    cx: &mut Cx<'_>,
    fd: Fd,
    buf: Addr,
    len: usize,
    flags: u32,
    addr: Addr,
    addrlen: UserRef<i32>,
) -> SysResult<usize> {
    let mut io = IoBuf::user(cx.platform(), buf.0, len.min(MAX_RW_COUNT))?;
    let file = cx.file(fd)?;
    let mut got = receive(cx, &file, &mut io, flags)?;
    cmsg::discard(cx, got.ancillary.take());
    if addr.0 != 0 {
        give_address(cx, addr, addrlen, &got.addr)?;
    }
    Ok(length(&got, flags))
}

fn buffers<'a>(cx: &Cx<'_>, msg: &MsgHdr) -> SysResult<IoBuf<'a>> {
    if msg.msg_iovlen as usize > abi::uio::UIO_MAXIOV {
        return Err(Errno::EMSGSIZE);
    }
    let segments = io::import(cx.platform(), msg.msg_iov as usize, msg.msg_iovlen as usize)?;
    Ok(IoBuf::vectored(cx.platform(), segments))
}

fn send_one(cx: &Cx<'_>, file: &OpenFile, msg: &MsgHdr, flags: u32) -> SysResult<usize> {
    let socket = of(file)?;
    let mut io = buffers(cx, msg)?;
    let to = match (msg.msg_name, msg.msg_namelen) {
        (0, _) | (_, 0) => alloc::vec::Vec::new(),
        (_, n) if n < 0 => return Err(Errno::EINVAL),
        (at, n) => address(cx, Addr(at as usize), (n as u32).min(SOCKADDR_MAX as u32))?,
    };
    let anc = cmsg::parse(cx, msg.msg_control, msg.msg_controllen, socket.is_unix())?;
    send(cx, file, &mut io, flags, &to, anc.as_ref())
}

/// sendmsg(2).
fn sys_sendmsg(cx: &mut Cx<'_>, fd: Fd, msg: UserRef<MsgHdr>, flags: u32) -> SysResult<usize> {
    let file = cx.file(fd)?;
    of(&file)?;
    let msg = cx.get(msg)?;
    send_one(cx, &file, &msg, flags)
}

/// Receives one message and fills in the header's outgoing fields.
fn receive_one(cx: &Cx<'_>, file: &OpenFile, at: UserRef<MsgHdr>, flags: u32) -> SysResult<usize> {
    let socket = of(file)?;
    let mut msg = cx.get(at)?;
    if msg.msg_name != 0 && msg.msg_namelen < 0 {
        return Err(Errno::EINVAL);
    }
    let mut io = buffers(cx, &msg)?;
    let mut got = receive(cx, file, &mut io, flags)?;
    let mut out = flags & MSG_CMSG_CLOEXEC;
    if got.record && got.whole > got.bytes {
        out |= MSG_TRUNC;
    }
    if got.record && !socket.is_datagram() && got.whole > 0 {
        out |= MSG_EOR;
    }
    if msg.msg_name != 0 {
        let n = got.addr.len().min(msg.msg_namelen as usize);
        cx.write_bytes(msg.msg_name as usize, &got.addr[..n])?;
        msg.msg_namelen = got.addr.len() as i32;
    }
    let anc = got.ancillary.take();
    let creds = credentials(socket, file, anc.as_ref());
    let cloexec = flags & MSG_CMSG_CLOEXEC != 0;
    let (used, more) = cmsg::deliver(cx, msg.msg_control, msg.msg_controllen, anc, creds, cloexec)?;
    msg.msg_controllen = used;
    msg.msg_flags = out | more;
    cx.put(at, &msg)?;
    Ok(length(&got, flags))
}

/// With SO_PASSCRED every message carries credentials: the sender's own where it gave none; unix(7).
fn credentials(socket: &Socket, file: &OpenFile, anc: Option<&protocol::anc::Received>) -> Option<[u32; 3]> {
    if !socket.pass_creds() {
        return None;
    }
    if let Some(creds) = anc.and_then(|a| a.creds) {
        return Some(creds);
    }
    let args = [u64::from(file.desc()), SOL_SOCKET as u64, SO_PEERCRED as u64, size_of::<UCred>() as u64];
    let cred: UCred = file.host().call(protocol::Op::GetSockOpt, &args).ok()?.get(0).ok()?;
    Some([cred.pid as u32, cred.uid, cred.gid])
}

/// recvmsg(2).
fn sys_recvmsg(cx: &mut Cx<'_>, fd: Fd, msg: UserRef<MsgHdr>, flags: u32) -> SysResult<usize> {
    let file = cx.file(fd)?;
    receive_one(cx, &file, msg, flags)
}

/// sendmmsg(2): an error counts only for the first message.
fn sys_sendmmsg(cx: &mut Cx<'_>, fd: Fd, vec: UserRef<MMsgHdr>, count: u32, flags: u32) -> SysResult<usize> {
    let file = cx.file(fd)?;
    of(&file)?;
    let count = (count as usize).min(abi::uio::UIO_MAXIOV);
    for i in 0..count {
        let at = vec.add(i)?;
        let sent = cx.get(at).and_then(|mut m: MMsgHdr| {
            m.msg_len = send_one(cx, &file, &m.msg_hdr, flags)? as u32;
            cx.put(at, &m)
        });
        match sent {
            Ok(()) => {}
            Err(e) if i == 0 => return Err(e),
            Err(_) => return Ok(i),
        }
    }
    Ok(count)
}

/// recvmmsg(2): the timeout is looked at after each message, as on Linux.
fn sys_recvmmsg(
    cx: &mut Cx<'_>,
    fd: Fd,
    vec: UserRef<MMsgHdr>,
    count: u32,
    flags: u32,
    timeout: UserRef<Timespec>,
) -> SysResult<usize> {
    let file = cx.file(fd)?;
    of(&file)?;
    let limit = cx.get_opt(timeout)?.map(Timespec::to_ns).transpose()?;
    let deadline = limit.map(|ns| cx.platform().monotonic().saturating_add(ns));
    let mut flags = flags;
    let wait_for_one = flags & MSG_WAITFORONE != 0;
    let mut done = 0;
    while done < count as usize {
        let at = vec.add(done)?;
        let header: UserRef<MsgHdr> = at.cast();
        let got = receive_one(cx, &file, header, flags & !MSG_WAITFORONE).and_then(|n| {
            let len = at.field_offset::<u32>(core::mem::offset_of!(MMsgHdr, msg_len))?;
            cx.put(len, &(n as u32))
        });
        match got {
            Ok(()) => done += 1,
            Err(e) if done == 0 => return Err(e),
            Err(_) => break,
        }
        if wait_for_one {
            flags |= MSG_DONTWAIT;
        }
        if deadline.is_some_and(|d| cx.platform().monotonic() >= d) {
            break;
        }
    }
    Ok(done)
}
