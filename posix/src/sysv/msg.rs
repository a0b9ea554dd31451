//! Message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2).

use abi::errno::{Errno, SysResult};
use abi::ipc::*;
use protocol::Op;

use super::{command, control, outcome, wait};
use crate::arg::Addr;
use crate::cx::Cx;

crate::syscalls! {
    SYS_msgget msgget(key: i32, flags: i32) Full "" => sys_msgget;
    SYS_msgsnd msgsnd(id: i32, message: Addr, size: usize, flags: i32) Full "" => sys_msgsnd;
    SYS_msgrcv msgrcv(id: i32, message: Addr, size: usize, kind: i64, flags: i32) Full "" => sys_msgrcv;
    SYS_msgctl msgctl(id: i32, cmd: i32, data: Addr) Full "" => sys_msgctl;
}

/// Requests of `Op::SysVMsg`.
const GET: u64 = 0;
const SEND: u64 = 1;
const RECEIVE: u64 = 2;
const CONTROL: u64 = 3;
const GAVE_UP: u64 = 4;
/// The type, which stands before a message's text.
const TYPE: usize = size_of::<i64>();

/// msgget(2).
fn sys_msgget(cx: &mut Cx<'_>, key: i32, flags: i32) -> SysResult<usize> {
    let answer = cx.host().call(Op::SysVMsg, &[GET, key as u64, flags as u64])?;
    Ok(answer.ret() as usize)
}

/// msgsnd(2): restarted after a stop, but not after a handler.
fn sys_msgsnd(cx: &mut Cx<'_>, id: i32, message: Addr, size: usize, flags: i32) -> SysResult<usize> {
    let mut kind = [0; TYPE];
    cx.read_bytes(message.0, &mut kind)?;
    if size > MSGMAX || id < 0 || i64::from_le_bytes(kind) < 1 {
        return Err(Errno::EINVAL);
    }
    let text = message.0 + TYPE;
    wait(cx, None, Errno::ERESTARTNOHAND, (Op::SysVMsg, GAVE_UP), || {
        let mut out = cx.host().begin(Op::SysVMsg);
        let put = out.put(&kind).and_then(|()| out.put_user(text, size));
        outcome(put.and_then(|()| out.send(&[SEND, id as u64, flags as u64])), |_| Ok(0))
    })
}

/// msgrcv(2): as msgsnd.
fn sys_msgrcv(
    cx: &mut Cx<'_>,
    id: i32,
    message: Addr,
    size: usize,
    kind: i64,
    flags: i32,
) -> SysResult<usize> {
    if id < 0 || size > isize::MAX as usize {
        return Err(Errno::EINVAL);
    }
    let args = [RECEIVE, id as u64, size as u64, kind as u64, flags as u64];
    wait(cx, None, Errno::ERESTARTNOHAND, (Op::SysVMsg, GAVE_UP), || {
        outcome(cx.host().call(Op::SysVMsg, &args), |answer| {
            answer.copy_out(0, message.0, answer.len())?;
            Ok(answer.ret() as usize)
        })
    })
}

/// msgctl(2).
fn sys_msgctl(cx: &mut Cx<'_>, id: i32, cmd: i32, data: Addr) -> SysResult<usize> {
    let size = if command(cmd) == IPC_SET { size_of::<MsqidDs>() } else { 0 };
    control(cx, Op::SysVMsg, &[CONTROL, id as u64, cmd as u64], data, size)
}
