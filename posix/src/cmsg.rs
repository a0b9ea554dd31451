//! Ancillary data as the app writes and reads it, cmsg(3): SCM_RIGHTS, SCM_CREDENTIALS; what datagrams tell of their way
//! passes as it is.

use abi::errno::{Errno, SysResult};
use abi::socket::*;
use alloc::sync::Arc;
use alloc::vec::Vec;
use protocol::anc::{Control, Received, Sent};
use protocol::desc::DescInfo;
use vfs::file::OpenFile;
use zerocopy::{FromBytes, IntoBytes};

use crate::arg::Fd;
use crate::cx::Cx;

/// The largest control buffer that is looked at (`optmem_max`).
const MAX_CONTROL: usize = 20_480;

/// What a sender attached: what goes to the monitor, and the files, which stay open meanwhile.
pub struct Outgoing {
    pub sent: Sent,
    pub files: Vec<Arc<OpenFile>>,
}

/// Parses a control buffer. Descriptors that are to be passed give their offsets back to the monitor. Only Unix sockets
/// pass descriptors and credentials: others overlook them.
pub fn parse(cx: &Cx<'_>, at: u64, len: u64, unix: bool) -> SysResult<Option<Outgoing>> {
    if at == 0 || len == 0 {
        return Ok(None);
    }
    if len as usize > MAX_CONTROL {
        return Err(Errno::ENOBUFS);
    }
    let mut buf = alloc::vec![0; len as usize];
    cx.read_bytes(at as usize, &mut buf)?;
    let mut out = Outgoing { sent: Sent::default(), files: Vec::new() };
    let mut off = 0;
    while let Some((head, _)) = buf.get(off..).and_then(|b| CmsgHdr::read_from_prefix(b).ok()) {
        let len = head.cmsg_len as usize;
        if len < size_of::<CmsgHdr>() || len > buf.len() - off {
            return Err(Errno::EINVAL);
        }
        let data = &buf[off + size_of::<CmsgHdr>()..off + len];
        if head.cmsg_level == SOL_SOCKET {
            match head.cmsg_type {
                SCM_RIGHTS | SCM_CREDENTIALS if !unix => {}
                SCM_RIGHTS => rights(cx, data, &mut out)?,
                SCM_CREDENTIALS => out.sent.creds = Some(credentials(cx, data)?),
                _ => return Err(Errno::EINVAL),
            }
        } else {
            let (level, kind) = (head.cmsg_level, head.cmsg_type);
            out.sent.control.push(Control { level, kind, data: data.to_vec() });
        }
        off += cmsg_align(len);
    }
    Ok(Some(out))
}

fn rights(cx: &Cx<'_>, data: &[u8], out: &mut Outgoing) -> SysResult<()> {
    for raw in data.chunks_exact(4) {
        let fd = i32::from_ne_bytes(raw.try_into().map_err(|_| Errno::EINVAL)?);
        let file = cx.file(Fd(fd))?;
        file.recall();
        // What lives in this member alone cannot leave it.
        if file.desc() == 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        out.sent.descs.push(file.desc());
        out.files.push(file);
        if out.sent.descs.len() > SCM_MAX_FD {
            return Err(Errno::EINVAL);
        }
    }
    Ok(())
}

/// unix(7): an unprivileged process may name only itself.
fn credentials(cx: &Cx<'_>, data: &[u8]) -> SysResult<[u32; 3]> {
    let cred = UCred::read_from_bytes(data).map_err(|_| Errno::EINVAL)?;
    let ids = cx.process().creds.lock().ids;
    let root = ids[1] == 0;
    let mine = |id, set: &[u32]| root || set[..3].contains(&id);
    if (!root && cred.pid as u32 != cx.process().pid())
        || !mine(cred.uid, &ids[..4])
        || !mine(cred.gid, &ids[4..])
    {
        return Err(Errno::EPERM);
    }
    Ok([cred.pid as u32, cred.uid, cred.gid])
}

/// Writes received ancillary data into the app's control buffer of `room` bytes at `at`. Gives the bytes used and the
/// flags to report. Descriptors that do not fit are closed.
pub fn deliver(
    cx: &Cx<'_>,
    at: u64,
    room: u64,
    got: Option<Received>,
    creds: Option<[u32; 3]>,
    cloexec: bool,
) -> SysResult<(u64, u32)> {
    let (mut used, mut flags) = (0u64, 0);
    if let Some([pid, uid, gid]) = creds {
        let cred = UCred { pid: pid as i32, uid, gid };
        used = put(cx, at, room, used, (SOL_SOCKET, SCM_CREDENTIALS), cred.as_bytes(), &mut flags)?;
    }
    let (descs, control) = got.map(|g| (g.descs, g.control)).unwrap_or_default();
    for c in control {
        used = put(cx, at, room, used, (c.level, c.kind), &c.data, &mut flags)?;
    }
    if descs.is_empty() {
        return Ok((used, flags));
    }
    let files = adopt(cx, descs);
    let fits = (room.saturating_sub(used + size_of::<CmsgHdr>() as u64) / 4) as usize;
    let mut numbers: Vec<i32> = Vec::new();
    for file in files {
        let placed = if numbers.len() < fits { cx.install(file, cloexec) } else { Err(Errno::EMFILE) };
        match placed {
            Ok(fd) => numbers.push(fd as i32),
            Err(_) => {
                flags |= MSG_CTRUNC;
                break;
            }
        }
    }
    if !numbers.is_empty() {
        used = put(cx, at, room, used, (SOL_SOCKET, SCM_RIGHTS), numbers.as_bytes(), &mut flags)?;
    }
    Ok((used, flags))
}

/// Closes what was received and nobody asked for.
pub fn discard(cx: &Cx<'_>, got: Option<Received>) {
    drop(adopt(cx, got.map(|g| g.descs).unwrap_or_default()));
}

/// The open files for received descriptions. A process holds a description once: for one that it holds already it is the
/// open file that stands for it.
fn adopt(cx: &Cx<'_>, descs: Vec<DescInfo>) -> Vec<Arc<OpenFile>> {
    let mut files: Vec<Arc<OpenFile>> = Vec::new();
    for info in descs {
        let here = files.iter().find(|f| f.desc() == info.desc).cloned();
        let known = here.or_else(|| cx.process().fds.find(info.desc));
        files.push(known.unwrap_or_else(|| OpenFile::new(cx.host(), info, None, false)));
    }
    files
}

/// Appends one element, cut to the room.
fn put(
    cx: &Cx<'_>,
    at: u64,
    room: u64,
    used: u64,
    (cmsg_level, cmsg_type): (i32, i32),
    data: &[u8],
    flags: &mut u32,
) -> SysResult<u64> {
    let head = size_of::<CmsgHdr>();
    let left = room.saturating_sub(used) as usize;
    if at == 0 || left < head {
        *flags |= MSG_CTRUNC;
        return Ok(used);
    }
    let n = data.len().min(left - head);
    if n < data.len() {
        *flags |= MSG_CTRUNC;
    }
    let header = CmsgHdr { cmsg_len: cmsg_len(n) as u64, cmsg_level, cmsg_type };
    let place = (at + used) as usize;
    cx.write_bytes(place, header.as_bytes())?;
    cx.write_bytes(place + head, &data[..n])?;
    Ok(used + cmsg_space(n).min(left) as u64)
}
