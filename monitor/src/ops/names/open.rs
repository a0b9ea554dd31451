//! Opening by name, and opening anew what is open already.

use abi::Errno;
use abi::fs::{
    IN_OPEN, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_LARGEFILE, O_NOCTTY, O_NOFOLLOW, O_PATH, O_TRUNC,
    S_IFBLK, S_IFCHR, S_IFIFO, S_IFREG, S_IFSOCK, major, minor,
};
use protocol::desc::DescInfo;
use vfs::server::Vfs;
use vfs::server::cx::Cx;
use vfs::server::open::{FOR_EXEC, writes};
use vfs::server::texts::Claim;
use vfs::server::walk::{Loc, Stop};

use super::{Base, stopped};
use crate::call::{Answer, Call, OpResult};
use crate::descs::Body;
use crate::family::Family;
use crate::fs::backing::HostFile;
use crate::fs::info::{describe, device};
use crate::fs::{self, Ids, Named, OpenNode};
use crate::ops::descs::info;
use crate::{objects, streams};

/// The open flags in one argument; another says that it is for execution.
fn flags(call: &Call, at: usize, exec: usize) -> u32 {
    let for_exec = if call.arg(exec) == 1 { FOR_EXEC } else { 0 };
    call.arg(at) as u32 & !FOR_EXEC | for_exec
}

/// `Op::Open`.
pub(super) fn open(fam: &mut Family, call: &Call) -> OpResult {
    let (flags, mode, path) = (flags(call, 1, 4), call.arg(2) as u32, call.data);
    let base = Base::of(fam, call, call.arg(0), path)?;
    let opened =
        fs::with(fam, call, Ids::Fs, |cx, vfs| vfs.open(cx, &base.dir()?, path, flags, mode, call.arg(3)));
    match opened {
        Ok(opened) => open_loc(fam, call, opened.loc, flags),
        Err(Stop::OwnFd { fd, rest }) if rest.is_empty() => {
            if flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL {
                return Err(Errno::EEXIST);
            }
            Ok(Answer::default().with_ret(0, 1).with_ret(1, fd.into()))
        }
        Err(stop) => stopped(stop, 0),
    }
}

/// `Op::Reopen`.
pub fn reopen(fam: &mut Family, call: &Call) -> OpResult {
    let (desc, flags) = (call.arg32(0)?, flags(call, 1, 2));
    let nameless = if flags & FOR_EXEC == 0 { Errno::ENXIO } else { Errno::EACCES };
    let loc = match &fam.descs.get(desc, call.pid)?.body {
        Body::Node(node) => node.loc.clone(),
        _ => Named::get(fam, desc).ok_or(nameless)?,
    };
    if flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL {
        return Err(Errno::EEXIST);
    }
    fs::with(fam, call, Ids::Fs, |cx, vfs| vfs.may_open(cx, &loc, flags, false))?;
    let result = open_loc(fam, call, loc, flags);
    fs::settle(fam);
    result
}

/// The status flags that F_GETFL shows of a description opened with `flags`.
fn status(flags: u32) -> u32 {
    if flags & O_PATH != 0 {
        return flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW);
    }
    flags & !(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC | FOR_EXEC) | O_LARGEFILE
}

/// What a description of a regular file has a claim to: writing, or execution.
fn claim(fam: &Family, cx: &Cx, vfs: &Vfs, loc: &Loc, flags: u32) -> Result<Option<Claim>, Errno> {
    let run = flags & FOR_EXEC != 0;
    let node = &loc.dentry.node;
    if !(run || writes(flags)) || node.file_type() != S_IFREG {
        return Ok(None);
    }
    // A mapping for writing outlives its descriptor. Those of memory files do not count, nor do their first descriptors.
    if run && node.seals().is_none() && vfs.is_content_mapped(node.key()) {
        let backing = node.backing(cx, true)?.downcast::<HostFile>();
        if backing.is_ok_and(|file| file.is_mapped_for_writing(&fam.regions, &fam.members)) {
            return Err(Errno::ETXTBSY);
        }
    }
    vfs.texts.claim(node.key(), run).map(Some)
}

/// Makes a description of a node that the caller may open.
pub fn open_loc(fam: &mut Family, call: &Call, loc: Loc, flags: u32) -> OpResult {
    let ftype = loc.dentry.node.file_type();
    if flags & O_PATH == 0 {
        match ftype {
            S_IFIFO => return open_fifo(fam, call, loc, flags),
            S_IFCHR => {
                let rdev = fs::with(fam, call, Ids::Fs, |cx, _| loc.dentry.node.attr(cx))?.rdev;
                if device(rdev).is_none() {
                    return open_terminal(fam, call, loc, flags, rdev);
                }
            }
            S_IFBLK | S_IFSOCK => return Err(Errno::ENXIO),
            _ => {}
        }
    }
    let path_only = flags & O_PATH != 0;
    let shown = status(flags);
    let (node, told, own) = fs::with(fam, call, Ids::Fs, |cx, vfs| {
        let inode = loc.dentry.node.clone();
        let attr = inode.attr(cx)?;
        let claim = if path_only { None } else { claim(fam, cx, vfs, &loc, flags)? };
        let mut node = OpenNode::new(fam, cx, loc, writes(flags), path_only)?;
        node.claim = claim;
        if !path_only {
            vfs.tell(&node.loc.dentry, IN_OPEN);
        }
        let own = if path_only { None } else { inode.own_kind(cx) };
        Ok::<_, Errno>((node, describe(&*inode, &attr, shown), own))
    })?;
    let desc = fam.open_desc(call.pid, Body::Node(node), shown)?;
    let info = DescInfo { desc, flags: shown, ..told };
    let mut answer = Answer::default().with_struct(&info);
    if let Some((which, n)) = own {
        answer = answer.with_ret(0, 2).with_ret(1, which).with_ret(2, n);
    }
    Ok(answer)
}

/// FIFOs: the ring is the object server's, the name and the attributes are the node's.
fn open_fifo(fam: &mut Family, call: &Call, loc: Loc, flags: u32) -> OpResult {
    let number = fam.fs.number(loc.dentry.key());
    let end = objects::fifo_open(fam, call, number, flags)?;
    let shown = status(flags);
    named(fam, call, loc, Body::Pipe(end), shown)
}

/// Terminals by device number.
fn open_terminal(fam: &mut Family, call: &Call, loc: Loc, flags: u32, rdev: u64) -> OpResult {
    let body = match (major(rdev), minor(rdev)) {
        (5, 0 | 1) => streams::open_controlling(fam, call.pid)?,
        (5, 2) => Body::Pty(streams::open_ptmx(fam, call.pid)?),
        (m @ 136..=143, n) => Body::Pty(streams::open_pts(fam, call.pid, (m - 136) * 256 + n, flags)?),
        _ => return Err(Errno::ENXIO),
    };
    let shown = status(flags);
    named(fam, call, loc, body, shown)
}

fn named(fam: &mut Family, call: &Call, loc: Loc, body: Body, flags: u32) -> OpResult {
    fam.fs.vfs.tell(&loc.dentry, IN_OPEN);
    let region = objects::region_of(fam, &body);
    let desc = fam.open_desc(call.pid, body, flags)?;
    Named::insert(fam, desc, loc);
    let mut answer = Answer::default().with_struct(&info(fam, desc));
    answer.regions[0] = region;
    Ok(answer)
}
