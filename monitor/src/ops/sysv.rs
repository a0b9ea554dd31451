//! Requests on System V objects.

use abi::Errno;
use protocol::Op;

use crate::call::{Call, OpResult};
use crate::family::Family;
use crate::ipc::{self, msg, sem, shm};

/// Carries out one of them.
pub fn handle(fam: &mut Family, op: Op, call: &Call) -> OpResult {
    let creds = fam.procs.get(call.pid)?.creds.clone();
    match (op, call.arg(0)) {
        (Op::SysVShm, 0) => shm::get(fam, call, &creds),
        (Op::SysVShm, 1) => shm::attach(fam, call, &creds),
        (Op::SysVShm, 2) => shm::detach(fam, call),
        (Op::SysVShm, 3) => shm::control(fam, call, &creds),
        (Op::SysVSem, 0) => sem::get(fam, call, &creds),
        (Op::SysVSem, 1) => sem::operate(fam, call, &creds),
        (Op::SysVSem, 2) => sem::control(fam, call, &creds),
        (Op::SysVSem, 3) | (Op::SysVMsg, 4) => ipc::gave_up(fam, call),
        (Op::SysVMsg, 0) => msg::get(fam, call, &creds),
        (Op::SysVMsg, 1) => msg::send(fam, call, &creds),
        (Op::SysVMsg, 2) => msg::receive(fam, call, &creds),
        (Op::SysVMsg, 3) => msg::control(fam, call, &creds),
        _ => Err(Errno::EINVAL),
    }
}
