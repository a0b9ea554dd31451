//! ioctl: what every descriptor has is done here; the rest goes to the file's owner.

use abi::errno::{Errno, SysResult};
use abi::fs::{F_OWNER_PGRP, F_OWNER_PID, FASYNC, O_CLOEXEC, O_NONBLOCK};
use abi::ioctl::*;
use abi::user::UserRef;
use protocol::Op;
use protocol::desc::{DescInfo, Kind};
use vfs::file::OpenFile;

use crate::arg::Fd;
use crate::cx::Cx;
use crate::fd::set_owner;

crate::syscalls! {
    SYS_ioctl ioctl(fd: Fd, request: u32, arg: u64) Partial "descriptors, terminals, pipes, sockets; no devices" => sys_ioctl;
}

/// ioctl(2).
fn sys_ioctl(cx: &mut Cx<'_>, fd: Fd, request: u32, arg: u64) -> SysResult<usize> {
    let file = cx.file(fd)?;
    if file.kind() == Kind::Path {
        return Err(Errno::EBADF);
    }
    match request {
        FIOCLEX | FIONCLEX => cx.process().fds.set_cloexec(fd.0, request == FIOCLEX).map(|()| 0),
        FIONBIO => flag(cx, &file, O_NONBLOCK, arg),
        FIOASYNC => flag(cx, &file, FASYNC, arg),
        FIOQSIZE if matches!(file.kind(), Kind::File | Kind::Dir) => {
            cx.put(UserRef::new(arg), &file.stat()?.st_size).map(|()| 0)
        }
        FIGETBSZ if matches!(file.kind(), Kind::File | Kind::Dir) => {
            cx.put(UserRef::new(arg), &(file.stat()?.st_blksize as u32)).map(|()| 0)
        }
        FIOSETOWN | SIOCSPGRP | FIOGETOWN | SIOCGPGRP if file.kind() == Kind::Socket => {
            owner(cx, &file, request, arg)
        }
        TIOCOUTQ if file.as_socket().is_some_and(|s| s.unread_bytes(&file).is_some()) => {
            let n = file.as_socket().and_then(|s| s.unread_bytes(&file)).unwrap_or(0);
            cx.put(UserRef::new(arg), &(n as i32)).map(|()| 0)
        }
        FIONREAD => match readable(&file) {
            Some(n) => cx.put(UserRef::new(arg), &(n?.min(i32::MAX as u64) as i32)).map(|()| 0),
            None => forward(cx, &file, request, arg),
        },
        TIOCGPTPEER if file.kind() == Kind::Stream => peer(cx, &file, arg),
        _ => forward(cx, &file, request, arg),
    }
}

/// TIOCGPTPEER, ioctl_tty(2): opens the slave of a pty's master.
fn peer(cx: &mut Cx<'_>, master: &OpenFile, flags: u64) -> SysResult<usize> {
    cx.process().fds.room(1, cx.fd_limit())?;
    let flags = flags as u32;
    let args = [u64::from(master.desc()), TIOCGPTPEER.into(), 0, 0, 0, 0, 0, cx.host().tty_mask()];
    let status = u64::from(flags & !O_CLOEXEC);
    let answer = cx.host().call_with(Op::IoCtl, &args, &status.to_le_bytes())?;
    let file = OpenFile::new(cx.host(), answer.get::<DescInfo>(0)?, Some(&answer), true);
    drop(answer);
    cx.install(file, flags & O_CLOEXEC != 0)
}

/// Who gets SIGIO of a socket, by the old requests: a negative number is a group.
fn owner(cx: &Cx<'_>, file: &OpenFile, request: u32, arg: u64) -> SysResult<usize> {
    let at = UserRef::<i32>::new(arg);
    if matches!(request, FIOGETOWN | SIOCGPGRP) {
        let now = file.owner();
        let id = if now.kind == F_OWNER_PGRP { -now.id } else { now.id };
        return cx.put(at, &id).map(|()| 0);
    }
    let id = cx.get(at)?;
    let kind = if id < 0 { F_OWNER_PGRP } else { F_OWNER_PID };
    set_owner(cx, file, kind, id.checked_abs().ok_or(Errno::EINVAL)?)
}

/// FIONREAD where this side knows.
fn readable(file: &OpenFile) -> Option<SysResult<u64>> {
    match file.kind() {
        Kind::File => Some(file.stat().and_then(|s| Ok((s.st_size as u64).saturating_sub(file.tell()?)))),
        Kind::Socket => file.as_socket().map(|s| s.readable_bytes(file).map(u64::from)),
        _ => file.as_pipe().map(|p| p.readable_bytes(file).map(u64::from)),
    }
}

fn flag(cx: &Cx<'_>, file: &OpenFile, bit: u32, arg: u64) -> SysResult<usize> {
    let on: i32 = cx.get(UserRef::new(arg))?;
    let now = file.flags();
    let wanted = if on != 0 { now | bit } else { now & !bit };
    if wanted != now {
        file.set_flags(wanted)?;
    }
    Ok(0)
}

/// How an argument goes to the monitor: bytes in, bytes out, or by value.
enum Shape {
    Value,
    In(usize),
    Out(usize),
    InOut(usize),
}

/// Sizes of the arguments of the old requests; newer ones have size and direction in their number (`_IOC`).
fn shape(request: u32) -> Shape {
    match request {
        TCGETS => Shape::Out(size_of::<Termios>()),
        TCSETS | TCSETSW | TCSETSF => Shape::In(size_of::<Termios>()),
        TCGETA => Shape::Out(size_of::<Termio>()),
        TCSETA | TCSETAW | TCSETAF => Shape::In(size_of::<Termio>()),
        TIOCGLCKTRMIOS => Shape::Out(size_of::<Termios>()),
        TIOCSLCKTRMIOS => Shape::In(size_of::<Termios>()),
        TIOCGWINSZ => Shape::Out(size_of::<Winsize>()),
        TIOCSWINSZ => Shape::In(size_of::<Winsize>()),
        TIOCOUTQ | FIONREAD | TIOCGPGRP | TIOCGSID | TIOCGETD | TIOCMGET | TIOCGSOFTCAR | SIOCATMARK
        | FIOGETOWN | SIOCGPGRP => Shape::Out(4),
        TIOCSPGRP | TIOCSETD | TIOCPKT | TIOCMSET | TIOCMBIS | TIOCMBIC | TIOCSSOFTCAR | FIOSETOWN
        | SIOCSPGRP => Shape::In(4),
        TIOCSTI => Shape::In(1),
        // An int by value, whatever the request's number says.
        TIOCSIG => Shape::Value,
        SIOCGIFCONF => Shape::InOut(size_of::<IfConf>()),
        SIOCGIFNAME..=SIOCGIFTXQLEN => Shape::InOut(size_of::<IfReq>()),
        _ => {
            let size = (request >> 16 & 0x3fff) as usize;
            match request >> 30 {
                1 => Shape::In(size),
                2 => Shape::Out(size),
                3 => Shape::InOut(size),
                _ => Shape::Value,
            }
        }
    }
}

fn forward(cx: &Cx<'_>, file: &OpenFile, request: u32, arg: u64) -> SysResult<usize> {
    if file.desc() == 0 {
        return Err(Errno::ENOTTY);
    }
    let (take, give) = match shape(request) {
        Shape::Value => (None, 0),
        Shape::In(n) => (Some(n), 0),
        Shape::Out(n) => (Some(0), n),
        Shape::InOut(n) => (Some(n), n),
    };
    let mut out = cx.host().begin(Op::IoCtl);
    match take {
        None => out.put(&arg.to_le_bytes())?,
        Some(n) => out.put_user(arg as usize, n)?,
    }
    let args = [u64::from(file.desc()), request.into(), 0, 0, 0, 0, 0, cx.host().tty_mask()];
    let answer = out.send(&args)?;
    let n = give.min(answer.len());
    if n > 0 {
        answer.copy_out(0, arg as usize, n)?;
    }
    Ok(answer.ret() as usize)
}
