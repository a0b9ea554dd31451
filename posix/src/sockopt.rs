//! getsockopt and setsockopt. Timeouts and SO_PASSCRED act in the member and live there; all else is the monitor's.

use abi::errno::{Errno, SysResult};
use abi::socket::*;
use abi::time::Timeval;
use abi::user::UserRef;
use protocol::Op;
use vfs::file::{OpenFile, Socket};
use zerocopy::{FromBytes, IntoBytes};

use crate::arg::{Addr, Fd};
use crate::cx::Cx;
use crate::socket::of;

crate::syscalls! {
    SYS_getsockopt getsockopt(fd: Fd, level: i32, name: i32, value: Addr, len: UserRef<i32>) Partial "the options that the monitor knows" => sys_getsockopt;
    SYS_setsockopt setsockopt(fd: Fd, level: i32, name: i32, value: Addr, len: i32) Partial "the options that the monitor knows" => sys_setsockopt;
}

/// The largest option value that is passed on (IP_MSFILTER and its like are larger, and unknown).
const MAX_VALUE: usize = 4096;

/// getsockopt(2).
fn sys_getsockopt(
    cx: &mut Cx<'_>,
    fd: Fd,
    level: i32,
    name: i32,
    value: Addr,
    len: UserRef<i32>,
) -> SysResult<usize> {
    let file = cx.file(fd)?;
    let socket = of(&file)?;
    let room = usize::try_from(cx.get(len)?).map_err(|_| Errno::EINVAL)?;
    let mut found = match own(socket, level, name) {
        Some(bytes) => bytes,
        None => {
            let args = [u64::from(file.desc()), level as u64, name as u64, room as u64];
            cx.host().call(Op::GetSockOpt, &args)?.to_vec()
        }
    };
    found.truncate(room);
    cx.write_bytes(value.0, &found)?;
    cx.put(len, &(found.len() as i32)).map(|()| 0)
}

fn own(socket: &Socket, level: i32, name: i32) -> Option<alloc::vec::Vec<u8>> {
    if level != SOL_SOCKET {
        return None;
    }
    let time = |reading| Timeval::from_ns(socket.timeout(reading).unwrap_or(0)).as_bytes().to_vec();
    match name {
        SO_RCVTIMEO | SO_RCVTIMEO_NEW => Some(time(true)),
        SO_SNDTIMEO | SO_SNDTIMEO_NEW => Some(time(false)),
        SO_PASSCRED if socket.is_unix() => Some(i32::from(socket.pass_creds()).as_bytes().to_vec()),
        _ => None,
    }
}

/// setsockopt(2).
fn sys_setsockopt(cx: &mut Cx<'_>, fd: Fd, level: i32, name: i32, value: Addr, len: i32) -> SysResult<usize> {
    let file = cx.file(fd)?;
    let socket = of(&file)?;
    let len = usize::try_from(len).map_err(|_| Errno::EINVAL)?.min(MAX_VALUE);
    let mut bytes = alloc::vec![0; len];
    cx.read_bytes(value.0, &mut bytes)?;
    if level == SOL_SOCKET {
        match name {
            SO_RCVTIMEO | SO_RCVTIMEO_NEW => return set_timeout(socket, true, &bytes),
            SO_SNDTIMEO | SO_SNDTIMEO_NEW => return set_timeout(socket, false, &bytes),
            SO_PASSCRED => return set_pass_creds(&file, socket, &bytes),
            _ => {}
        }
    }
    let args = [u64::from(file.desc()), level as u64, name as u64];
    cx.host().call_with(Op::SetSockOpt, &args, &bytes).map(|_| 0)
}

/// SO_RCVTIMEO and SO_SNDTIMEO, socket(7): EDOM for microseconds out of range; a negative time is no time at all.
fn set_timeout(socket: &Socket, reading: bool, bytes: &[u8]) -> SysResult<usize> {
    let (time, _) = Timeval::read_from_prefix(bytes).map_err(|_| Errno::EINVAL)?;
    if !(0..1_000_000).contains(&time.tv_usec) {
        return Err(Errno::EDOM);
    }
    let limit = match time.tv_sec {
        s if s < 0 => Some(0),
        _ => Some(time.to_ns()?).filter(|ns| *ns > 0),
    };
    socket.set_timeout(reading, limit);
    Ok(0)
}

fn set_pass_creds(file: &OpenFile, socket: &Socket, bytes: &[u8]) -> SysResult<usize> {
    let (on, _) = i32::read_from_prefix(bytes).map_err(|_| Errno::EINVAL)?;
    let args = [u64::from(file.desc()), SOL_SOCKET as u64, SO_PASSCRED as u64];
    file.host().call_with(Op::SetSockOpt, &args, bytes)?;
    socket.set_pass_creds(on != 0);
    Ok(0)
}
