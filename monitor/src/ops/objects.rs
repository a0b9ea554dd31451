//! Requests on pipes, eventfds, streams and terminals.

use abi::Errno;
use abi::fs::{O_ACCMODE, O_APPEND, O_CLOEXEC, O_DIRECT, O_DSYNC, O_NONBLOCK, O_RDWR, O_SYNC};
use abi::ioctl::FIONREAD;
use abi::process::CAP_SYS_RESOURCE;
use protocol::Op;
use protocol::ring::Ring;

use super::descs::info;
use crate::call::{Answer, Call, OpResult};
use crate::descs::Body;
use crate::family::Family;
use crate::{objects, streams};

/// Carries out one of them.
pub fn handle(fam: &mut Family, op: Op, call: &Call) -> OpResult {
    match op {
        Op::Pipe => {
            let ([r, w], region) = objects::open_pipe(fam, call.pid, call.arg32(0)? & !O_CLOEXEC)?;
            let (r, w) = (info(fam, r), info(fam, w));
            Ok(Answer::default().with_struct(&r).with_struct(&w).with_region(0, region))
        }
        Op::EventFd => {
            let (desc, region) = objects::open_eventfd(fam, call.pid, call.arg(0), call.arg32(1)?)?;
            Ok(Answer::default().with_struct(&info(fam, desc)).with_region(0, region))
        }
        Op::TimerFd => {
            let (desc, region) = objects::open_timerfd(fam, call.pid, call.arg(0) == 1, call.arg32(1)?)?;
            Ok(Answer::default().with_struct(&info(fam, desc)).with_region(0, region))
        }
        Op::SharedAnon => shared_anon(fam, call),
        Op::PtyOpen => {
            let end = streams::open_ptmx(fam, call.pid)?;
            let desc = fam.open_desc(call.pid, Body::Pty(end), O_RDWR)?;
            Ok(Answer::default().with_struct(&info(fam, desc)))
        }
        Op::PipeSize => pipe_size(fam, call),
        _ => on_body(fam, op, call),
    }
}

/// Anonymous shared memory: the answer's, then its users'.
fn shared_anon(fam: &mut Family, call: &Call) -> OpResult {
    let len = call.arg(0);
    if len == 0 || len > i64::MAX as u64 {
        return Err(Errno::EINVAL);
    }
    let region = fam.regions.create("offshoot-shared", len)?;
    Ok(Answer { handoff: true, ..Answer::default() }.with_region(0, region))
}

fn pipe_size(fam: &mut Family, call: &Call) -> OpResult {
    let desc = call.arg32(0)?;
    let Body::Pipe(end) = fam.descs.get(desc, call.pid)?.body else { return Err(Errno::EBADF) };
    let privileged = fam.procs.get(call.pid)?.creds.has(CAP_SYS_RESOURCE);
    let (cap, region) = objects::resize(fam, end, call.arg(1), privileged)?;
    Ok(Answer::value(i64::from(cap)).with_struct(&info(fam, desc)).with_region(0, region))
}

/// Requests on a description.
fn on_body(fam: &mut Family, op: Op, call: &Call) -> OpResult {
    let desc = call.arg32(0)?;
    let body = &fam.descs.get(desc, call.pid)?.body;
    let stream = matches!(body, Body::Stream(_) | Body::Pty(_));
    match op {
        Op::FStat => {
            let stat = if stream { streams::stat(fam, body) } else { objects::stat(fam, body) };
            Ok(Answer::default().with_struct(&stat))
        }
        Op::AttachRegion => {
            let region = objects::region_of(fam, body).ok_or(Errno::EINVAL)?;
            Ok(Answer::default().with_struct(&info(fam, desc)).with_region(0, region))
        }
        Op::Read if stream => streams::read(fam, call, usize::try_from(call.arg(1)).unwrap_or(usize::MAX)),
        Op::Write if stream => streams::write(fam, call, call.data),
        Op::PollDesc if stream => streams::poll(fam, call),
        Op::IoCtl if stream => streams::ioctl(fam, call),
        Op::IoCtl => pipe_ioctl(fam, call),
        Op::Seek if stream => streams::seek(fam, call),
        Op::Seek | Op::PRead | Op::PWrite | Op::Recall | Op::TakeOffset => Err(Errno::ESPIPE),
        Op::GetDents => Err(Errno::ENOTDIR),
        Op::Reopen => reopen(fam, call),
        // fsync(2), fallocate(2), mmap(2) … of something that cannot do it.
        Op::FAllocate if !stream => Err(Errno::ESPIPE),
        Op::FileRegion => Err(Errno::ENODEV),
        _ => Err(Errno::EINVAL),
    }
}

/// /proc/PID/fd/N opened: a description of its own of the same pipe, stream or terminal.
fn reopen(fam: &mut Family, call: &Call) -> OpResult {
    let flags = call.arg32(1)?;
    let body = match &fam.descs.get(call.arg32(0)?, call.pid)?.body {
        Body::Pipe(end) => {
            let end = *end;
            Body::Pipe(objects::reopen_pipe(fam, end, flags)?)
        }
        Body::Stream(id) => {
            let body = Body::Stream(*id);
            streams::reopen(fam, call.pid, &body, flags)?
        }
        Body::Pty(end) => {
            let body = Body::Pty(*end);
            streams::reopen(fam, call.pid, &body, flags)?
        }
        _ => return Err(Errno::ENXIO),
    };
    let region = objects::region_of(fam, &body);
    let status = flags & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECT | O_DSYNC | O_SYNC);
    let desc = fam.open_desc(call.pid, body, status)?;
    let mut answer = Answer::default().with_struct(&info(fam, desc));
    answer.regions[0] = region;
    Ok(answer)
}

fn pipe_ioctl(fam: &mut Family, call: &Call) -> OpResult {
    let desc = call.arg32(0)?;
    let Body::Pipe(end) = fam.descs.get(desc, call.pid)?.body else { return Err(Errno::ENOTTY) };
    if call.arg32(1)? != FIONREAD {
        return Err(Errno::ENOTTY);
    }
    let told = objects::pipe_info(fam, end);
    let view = fam.regions.view(crate::regions::RegionId(told.region))?;
    let used = Ring::new(&*view, 0, told.ring_cap).used().map_err(|_| Errno::EIO)?;
    Ok(Answer::default().with_data(used.to_le_bytes().to_vec()))
}
