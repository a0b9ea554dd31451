//! Semaphore sets: semget(2), semop(2), semctl(2).

use abi::errno::{Errno, SysResult};
use abi::ipc::*;
use abi::time::Timespec;
use abi::user::UserRef;
use protocol::Op;

use super::{command, control, outcome, wait};
use crate::arg::Addr;
use crate::cx::Cx;

crate::syscalls! {
    SYS_semget semget(key: i32, count: i32, flags: i32) Full "" => sys_semget;
    SYS_semop semop(id: i32, operations: Addr, count: usize) Full "" => sys_semop;
    SYS_semtimedop semtimedop(id: i32, operations: Addr, count: usize, timeout: UserRef<Timespec>) Full "" => sys_semtimedop;
    SYS_semctl semctl(id: i32, number: i32, cmd: i32, arg: Addr) Full "" => sys_semctl;
}

/// Requests of `Op::SysVSem`.
const GET: u64 = 0;
const OPERATE: u64 = 1;
const CONTROL: u64 = 2;
const GAVE_UP: u64 = 3;

/// semget(2).
fn sys_semget(cx: &mut Cx<'_>, key: i32, count: i32, flags: i32) -> SysResult<usize> {
    let answer = cx.host().call(Op::SysVSem, &[GET, key as u64, count as u64, flags as u64])?;
    Ok(answer.ret() as usize)
}

/// semop(2).
fn sys_semop(cx: &mut Cx<'_>, id: i32, operations: Addr, count: usize) -> SysResult<usize> {
    operate(cx, id, operations, count, None)
}

/// semtimedop(2): the time is relative.
fn sys_semtimedop(
    cx: &mut Cx<'_>,
    id: i32,
    operations: Addr,
    count: usize,
    timeout: UserRef<Timespec>,
) -> SysResult<usize> {
    let deadline = match cx.get_opt(timeout)? {
        Some(time) => Some(cx.platform().monotonic().saturating_add(time.to_ns()?)),
        None => None,
    };
    operate(cx, id, operations, count, deadline)
}

/// A signal ends it with EINTR whatever SA_RESTART says, signal(7).
fn operate(cx: &Cx<'_>, id: i32, operations: Addr, count: usize, deadline: Option<u64>) -> SysResult<usize> {
    if count == 0 || id < 0 {
        return Err(Errno::EINVAL);
    }
    if count > SEMOPM as usize {
        return Err(Errno::E2BIG);
    }
    wait(cx, deadline, Errno::EINTR, (Op::SysVSem, GAVE_UP), || {
        let mut out = cx.host().begin(Op::SysVSem);
        let put = out.put_user(operations.0, count * size_of::<SemBuf>());
        outcome(put.and_then(|()| out.send(&[OPERATE, id as u64])), |_| Ok(0))
    })
}

/// semctl(2).
fn sys_semctl(cx: &mut Cx<'_>, id: i32, number: i32, cmd: i32, arg: Addr) -> SysResult<usize> {
    let args = [CONTROL, id as u64, number as u64, cmd as u64];
    match command(cmd) {
        SETVAL => {
            let value = arg.0 as i32;
            cx.host().call_with(Op::SysVSem, &args, &value.to_le_bytes()).map(|_| 0)
        }
        SETALL => {
            // Without values the answer is their number.
            let count = cx.host().call(Op::SysVSem, &args)?.ret() as usize;
            control(cx, Op::SysVSem, &args, arg, count * size_of::<u16>())
        }
        IPC_SET => control(cx, Op::SysVSem, &args, arg, size_of::<SemidDs>()),
        _ => control(cx, Op::SysVSem, &args, arg, 0),
    }
}
