//! Requests on sockets.

use abi::Errno;
use abi::process::CAP_NET_ADMIN;
use protocol::Op;
use protocol::anc::Sent;
use protocol::wire::Reader;

use super::descs::info;
use crate::call::{Answer, Call, OpResult};
use crate::family::Family;
use crate::net::{self, Name};

/// Carries out one of them.
pub fn handle(fam: &mut Family, op: Op, call: &Call) -> OpResult {
    match op {
        Op::Socket => {
            let desc = net::socket(fam, call.pid, call.arg32(0)?, call.arg32(1)?, call.arg(2) as i32)?;
            let answer = Answer::default().with_struct(&info(fam, desc));
            Ok(with_rings(fam, answer, desc))
        }
        Op::SocketPair => {
            let ([a, b], regions) =
                net::socket_pair(fam, call.pid, call.arg32(0)?, call.arg32(1)?, call.arg(2) as i32)?;
            let (a, b) = (info(fam, a), info(fam, b));
            let mut answer = Answer::default().with_struct(&a).with_struct(&b);
            for (place, region) in answer.regions.iter_mut().zip(regions) {
                *place = Some(region);
            }
            Ok(answer)
        }
        _ => {
            let desc = call.arg32(0)?;
            let id = net::of_desc(fam, desc, call.pid)?;
            on_socket(fam, op, call, desc, id)
        }
    }
}

/// Names the region of a socket's rings, if there are any.
fn with_rings(fam: &mut Family, answer: Answer, desc: u32) -> Answer {
    match info(fam, desc).region {
        0 => answer,
        region => answer.with_region(0, crate::regions::RegionId(region)),
    }
}

fn on_socket(fam: &mut Family, op: Op, call: &Call, desc: u32, id: net::SocketId) -> OpResult {
    let privileged = fam.procs.get(call.pid)?.creds.has(CAP_NET_ADMIN);
    match op {
        Op::Bind => {
            net::bind(fam, call, id, call.data, call.arg(1) as u32)?;
            Answer::ok()
        }
        Op::Listen => {
            net::listen(fam, call.pid, id, call.arg(1) as i32)?;
            Answer::ok()
        }
        Op::Connect => {
            net::connect(fam, call, desc, id, call.data)?;
            let answer = Answer::default().with_struct(&info(fam, desc));
            Ok(with_rings(fam, answer, desc))
        }
        Op::Accept => {
            let (new, peer) = net::accept(fam, call, id, call.arg32(1)?, call.arg(2) == 1)?;
            let mut answer = Answer::default().with_struct(&info(fam, new)).with_ret(0, peer.len() as u64);
            answer.data.extend_from_slice(&peer);
            Ok(with_rings(fam, answer, new))
        }
        Op::SockName => {
            let s = fam.net.get_mut(id)?;
            let name = match call.arg(1) {
                0 => &s.local,
                1 if s.is_over() => return Err(Errno::ENOTCONN),
                1 if s.is_connected() || s.mate.is_some() || s.peer != Name::None => &s.peer,
                1 => return Err(Errno::ENOTCONN),
                _ => return Err(Errno::EINVAL),
            };
            let data = name.encode(s.domain);
            Ok(Answer::value(data.len() as i64).with_data(data))
        }
        Op::GetSockOpt => {
            let data = fam.net.get_mut(id)?.get_option(call.arg(1) as i32, call.arg(2) as i32)?;
            Ok(Answer::value(0i64).with_data(data))
        }
        Op::SetSockOpt => {
            let (level, name) = (call.arg(1) as i32, call.arg(2) as i32);
            net::set_option(fam, id, level, name, call.data, privileged)?;
            Answer::ok()
        }
        Op::Shutdown => {
            net::shutdown(fam, id, call.arg(1) as i32)?;
            Answer::ok()
        }
        Op::SendTo => {
            let len = usize::try_from(call.arg(2)).map_err(|_| Errno::EINVAL)?;
            let (address, payload) = call.data.split_at_checked(len).ok_or(Errno::EINVAL)?;
            let n = net::send_to(fam, call, id, call.arg(1) as u32, address, payload, None)?;
            Ok(Answer::value(n as i64))
        }
        Op::SendAnc if call.arg(1) == u64::MAX => {
            let mut r = Reader::new(call.data);
            let mut part = || r.bytes().ok_or(Errno::EINVAL);
            let (anc, address, payload) = (part()?, part()?, part()?);
            let sent = Sent::decode(anc).ok_or(Errno::EINVAL)?;
            let n = net::send_to(fam, call, id, call.arg(2) as u32, address, payload, Some(sent))?;
            Ok(Answer::value(n as i64))
        }
        Op::SendAnc => net::send_ancillary(fam, call, id),
        Op::RecvAnc => net::receive_ancillary(fam, call, id),
        Op::RecvSpace => {
            net::arm_space(fam, id);
            Answer::ok()
        }
        Op::PollDesc => Ok(Answer::value(i64::from(net::poll(fam, call, id, call.arg(1) == 1)?))),
        Op::AttachRegion => {
            let told = info(fam, desc);
            if told.region == 0 {
                return Err(Errno::ENOTCONN);
            }
            let answer = Answer::default().with_struct(&told);
            Ok(with_rings(fam, answer, desc))
        }
        Op::IoCtl => net::ioctl(fam, call, id),
        Op::FStat => Ok(Answer::default().with_struct(&net::stat(fam, id))),
        Op::Reopen => Err(Errno::ENXIO),
        Op::Seek | Op::PRead | Op::PWrite | Op::Recall | Op::TakeOffset | Op::FAllocate => Err(Errno::ESPIPE),
        Op::GetDents => Err(Errno::ENOTDIR),
        Op::FileRegion => Err(Errno::ENODEV),
        _ => Err(Errno::EINVAL),
    }
}
