//! Requests on any description.

use std::collections::BTreeSet;

use abi::Errno;
use abi::fs::{FASYNC, O_APPEND, O_DIRECT, O_NOATIME, O_NONBLOCK};
use protocol::Op;
use protocol::desc::DescInfo;

use crate::call::{Answer, Call, OpResult};
use crate::descs::Body;
use crate::family::Family;
use crate::regions::RegionId;
use crate::{epoll, fs, ipc, net, objects, streams};

/// Carries out one of them.
pub fn handle(fam: &mut Family, op: Op, call: &Call) -> OpResult {
    match op {
        Op::Close => {
            let desc = call.arg32(0)?;
            fam.descs.get(desc, call.pid)?;
            fam.close_desc(desc, call.pid);
            Answer::ok()
        }
        Op::SetFlags => set_flags(fam, call),
        Op::Holdings => {
            let (kept, _) = call.data.as_chunks::<4>();
            let kept: BTreeSet<u32> = kept.iter().map(|n| u32::from_le_bytes(*n)).collect();
            for desc in fam.descs.held_by(call.pid) {
                if !kept.contains(&desc) {
                    fam.close_desc(desc, call.pid);
                }
            }
            Answer::ok()
        }
        Op::DescInfo => {
            let desc = call.arg32(0)?;
            fam.descs.holder_for(desc, call.pid).ok_or(Errno::EBADF)?;
            Ok(Answer::default().with_struct(&info(fam, desc)))
        }
        Op::Detach => {
            fam.regions.detach(RegionId(call.arg(0)), call.slot);
            Answer::ok()
        }
        _ => Err(Errno::ENOSYS),
    }
}

/// F_SETFL, fcntl(2): only these flags change.
fn set_flags(fam: &mut Family, call: &Call) -> OpResult {
    const SETTABLE: u32 = O_APPEND | O_NONBLOCK | FASYNC | O_DIRECT | O_NOATIME;
    let desc = call.arg32(0)?;
    let old = fam.descs.get(desc, call.pid)?.flags;
    fam.descs.set_flags(desc, old & !SETTABLE | call.arg(1) as u32 & SETTABLE);
    Answer::ok()
}

/// What members are told of a description; zeroes when there is none.
pub fn info(fam: &mut Family, desc: u32) -> DescInfo {
    let Some(d) = fam.descs.any(desc) else { return DescInfo::default() };
    let flags = d.flags;
    let info = match d.body {
        Body::Node(_) | Body::INotify(_) => fs::node_info(fam, desc),
        Body::Pipe(_) | Body::EventFd(_) => objects::info(fam, desc),
        Body::Socket(_) => net::info(fam, desc),
        Body::Stream(_) | Body::Pty(_) => streams::info(fam, desc),
        Body::PidFd(p) => p.info(),
        Body::MQueue(id) => ipc::mqueue::info(fam, id),
        Body::Epoll(ref e) => epoll::info(e),
    };
    let info = DescInfo { desc, flags, ..info };
    fs::named_info(fam, info)
}
