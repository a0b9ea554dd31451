//! Requests on process descriptors.

use abi::Errno;
use abi::fs::O_NONBLOCK;
use abi::poll::PollEvents;
use protocol::Op;

use super::descs::info;
use crate::call::{Answer, Call, OpResult};
use crate::descs::Body;
use crate::family::Family;
use crate::pidfd::{self, PidFd};

/// Carries out one of them.
pub fn handle(fam: &mut Family, op: Op, call: &Call) -> OpResult {
    if op == Op::PidFdOpen {
        let (target, flags) = (call.arg32(0)?, call.arg32(1)?);
        if target == 0 || flags & !O_NONBLOCK != 0 {
            return Err(Errno::EINVAL);
        }
        let desc = pidfd::open(fam, call.pid, target, flags)?;
        return Ok(Answer::default().with_struct(&info(fam, desc)));
    }
    if op == Op::PidFdSignal
        && let Some(pid) = folder(fam, call)?
    {
        return super::signal::kill(fam, call, pid.into());
    }
    let p = named(fam, call)?;
    match op {
        Op::PidFdSignal if p.reaped => Err(Errno::ESRCH),
        Op::PidFdSignal => super::signal::kill(fam, call, p.pid.into()),
        Op::PollDesc => {
            let ready = if p.ended { PollEvents::POLLIN } else { PollEvents::empty() };
            Ok(Answer::value(ready.bits()))
        }
        Op::FStat => Ok(Answer::default().with_struct(&p.stat())),
        Op::Seek | Op::PRead | Op::PWrite => Err(Errno::ESPIPE),
        Op::IoCtl => Err(Errno::ENOTTY),
        Op::GetDents => Err(Errno::ENOTDIR),
        Op::FileRegion => Err(Errno::ENODEV),
        Op::Reopen => Err(Errno::ENXIO),
        _ => Err(Errno::EINVAL),
    }
}

/// The process whose folder of procfs a description is.
fn folder(fam: &Family, call: &Call) -> Result<Option<u32>, Errno> {
    match &fam.descs.get(call.arg32(0)?, call.pid)?.body {
        Body::Node(node) => node.loc.dentry.node.process().map(Some).ok_or(Errno::EBADF),
        _ => Ok(None),
    }
}

fn named(fam: &Family, call: &Call) -> Result<PidFd, Errno> {
    match fam.descs.get(call.arg32(0)?, call.pid)?.body {
        Body::PidFd(p) => Ok(p),
        _ => Err(Errno::EBADF),
    }
}
