//! Requests by kind.

pub mod descs;
pub mod files;
pub mod futex;
pub mod names;
pub mod objects;
pub mod pidfd;
pub mod process;
pub mod schedule;
pub mod signal;
pub mod sockets;
pub mod sysv;
pub mod wait;

#[cfg(test)]
mod tests;

use abi::Errno;
use protocol::Op;

use crate::call::{Call, OpResult};
use crate::descs::Body;
use crate::family::Family;
use crate::{epoll, ipc};

/// Carries a request out.
pub fn dispatch(fam: &mut Family, call: &Call) -> OpResult {
    let Some(op) = Op::from_u16(call.req.op) else { return Err(Errno::ENOSYS) };
    match op {
        Op::ForkPrepare
        | Op::ForkDone
        | Op::SpawnExec
        | Op::Exit
        | Op::Stopped
        | Op::Continued
        | Op::SetPgid
        | Op::GetPgid
        | Op::SetSid
        | Op::GetSid
        | Op::ProcInfo
        | Op::SetCreds
        | Op::SetAttr
        | Op::GetProc
        | Op::Unknown
        | Op::Trace
        | Op::Crash
        | Op::Prlimit
        | Op::ChildTimes
        | Op::SysInfo
        | Op::HostName => process::handle(fam, op, call),
        Op::Sched => schedule::handle(fam, call),
        Op::PidFdOpen | Op::PidFdSignal => pidfd::handle(fam, op, call),
        Op::Wait => wait::handle(fam, call),
        Op::Kill | Op::KillThread => signal::handle(fam, op, call),

        Op::Open
        | Op::Stat
        | Op::ReadLink
        | Op::Access
        | Op::MkDir
        | Op::MkNod
        | Op::Unlink
        | Op::Rename
        | Op::Link
        | Op::Symlink
        | Op::ChMod
        | Op::ChOwn
        | Op::UTimens
        | Op::Truncate
        | Op::ChDir
        | Op::ChRoot
        | Op::GetCwd
        | Op::StatFs
        | Op::XAttr
        | Op::Mount
        | Op::INotify => names::handle(fam, op, call),

        Op::Close | Op::SetFlags | Op::DescInfo | Op::Detach | Op::Holdings => descs::handle(fam, op, call),
        Op::Reopen
        | Op::FStat
        | Op::Read
        | Op::Write
        | Op::PRead
        | Op::PWrite
        | Op::Seek
        | Op::Recall
        | Op::TakeOffset
        | Op::GetDents
        | Op::FSync
        | Op::FAllocate
        | Op::FLock
        | Op::Lock
        | Op::FileRegion
        | Op::AttachRegion
        | Op::PollDesc
        | Op::IoCtl
        | Op::CopyRange
        | Op::Seals => by_body(fam, op, call),

        Op::MemFd | Op::INotifyOpen => files::handle(fam, op, call),
        Op::Pipe | Op::EventFd | Op::TimerFd | Op::SharedAnon | Op::PtyOpen | Op::PipeSize => {
            objects::handle(fam, op, call)
        }
        Op::Socket
        | Op::SocketPair
        | Op::Bind
        | Op::Listen
        | Op::Connect
        | Op::Accept
        | Op::SockName
        | Op::GetSockOpt
        | Op::SetSockOpt
        | Op::Shutdown
        | Op::SendTo
        | Op::SendAnc
        | Op::RecvAnc
        | Op::RecvSpace => sockets::handle(fam, op, call),

        Op::FutexWait | Op::FutexWake | Op::FutexCancel | Op::FutexRequeue => futex::handle(fam, op, call),
        Op::MQueue => ipc::mqueue::handle(fam, call),
        Op::Epoll => epoll::handle(fam, call),
        Op::SysVShm | Op::SysVSem | Op::SysVMsg => sysv::handle(fam, op, call),
    }
}

/// Requests on a description (a0) go to the module that owns its body; EBADF unless the caller holds it.
pub(crate) fn by_body(fam: &mut Family, op: Op, call: &Call) -> OpResult {
    let desc = call.arg32(0)?;
    // For execution: what is no file says so as one.
    let program = op == Op::Reopen && call.arg(2) == 1;
    if program || matches!(op, Op::FStat | Op::Reopen) && crate::fs::Named::get(fam, desc).is_some() {
        return files::handle(fam, op, call);
    }
    // Whether a file is ready may be asked of what an epoll instance watches, though another process holds it.
    let pid = match op {
        Op::PollDesc | Op::AttachRegion => fam.descs.holder_for(desc, call.pid).ok_or(Errno::EBADF)?,
        _ => call.pid,
    };
    let call = &Call { pid, ..*call };
    match fam.descs.get(desc, pid)?.body {
        Body::Node(_) | Body::INotify(_) => files::handle(fam, op, call),
        Body::Socket(_) => sockets::handle(fam, op, call),
        Body::PidFd(_) => pidfd::handle(fam, op, call),
        Body::MQueue(_) => ipc::mqueue::on_desc(fam, op, call),
        Body::Pipe(_) | Body::EventFd(_) | Body::Stream(_) | Body::Pty(_) | Body::Epoll(_) => {
            objects::handle(fam, op, call)
        }
    }
}
