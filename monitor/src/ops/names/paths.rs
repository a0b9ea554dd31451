//! Requests that make, remove and follow names.

use abi::Errno;
use abi::fs::{AT_EMPTY_PATH, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, S_IFLNK, Stat};
use protocol::Op;
use vfs::server::inode::Magic;
use vfs::server::walk::{Loc, Stop};
use vfs::server::{Dir, path};
use zerocopy::FromBytes;

use super::{Base, on_path, stopped, two_paths};
use crate::call::{Answer, Call, OpResult};
use crate::descs::Body;
use crate::family::Family;
use crate::fs::{self, Ids, Named};
use crate::{objects, ops};

fn done(result: Result<(), Stop>) -> OpResult {
    match result {
        Ok(()) => Answer::ok(),
        Err(stop) => stopped(stop, 0),
    }
}

fn text(target: Vec<u8>) -> OpResult {
    Ok(Answer::value(target.len() as i64).with_data(target))
}

/// `Op::ReadLink`.
pub(super) fn read_link(fam: &mut Family, call: &Call) -> OpResult {
    if call.arg(1) == 1 {
        let name = desc_name(fam, call)?;
        return text(name);
    }
    let empty = call.data.is_empty();
    let flags = u64::from(abi::fs::AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
    if empty && call.arg(0) == protocol::op::DIR_CWD {
        return Err(Errno::ENOENT);
    }
    on_path(fam, call, flags, Ids::Fs, |cx, _, found| {
        let node = &found.loc.dentry.node;
        if node.file_type() != S_IFLNK {
            return Err(if empty { Errno::ENOENT } else { Errno::EINVAL });
        }
        if let Some(Magic::OwnFd(fd)) = node.magic(cx) {
            return Ok(Answer::default().with_ret(0, u64::MAX).with_ret(1, fd.into()));
        }
        text(node.read_link(cx)?)
    })
}

/// The name that procfs shows of a description.
fn desc_name(fam: &mut Family, call: &Call) -> Result<Vec<u8>, Errno> {
    let desc = call.arg32(0)?;
    let prefix = match &fam.descs.get(desc, call.pid)?.body {
        Body::Node(node) => return Ok(shown(fam, call.pid, &node.loc)),
        Body::INotify(_) => return Ok(b"anon_inode:inotify".to_vec()),
        Body::EventFd(e) if objects::is_timer(fam, *e) => return Ok(b"anon_inode:[timerfd]".to_vec()),
        Body::EventFd(_) => return Ok(b"anon_inode:[eventfd]".to_vec()),
        Body::Epoll(_) => return Ok(b"anon_inode:[eventpoll]".to_vec()),
        Body::PidFd(_) => return Ok(b"anon_inode:[pidfd]".to_vec()),
        Body::MQueue(id) => return Ok([b"/", crate::ipc::mqueue::name(fam, *id)].concat()),
        Body::Pipe(_) => "pipe",
        Body::Socket(_) => "socket",
        Body::Stream(_) | Body::Pty(_) => "stream",
    };
    if let Some(loc) = Named::get(fam, desc) {
        return Ok(shown(fam, call.pid, &loc));
    }
    let answer = ops::by_body(fam, Op::FStat, call)?;
    let stat = Stat::read_from_prefix(&answer.data).map(|(s, _)| s).unwrap_or_default();
    let prefix = match stat.st_mode & abi::fs::S_IFMT {
        abi::fs::S_IFIFO => "pipe",
        abi::fs::S_IFSOCK => "socket",
        abi::fs::S_IFCHR if major_of(&stat) == 1 => return Ok(b"/dev/null".to_vec()),
        abi::fs::S_IFCHR => return Ok(b"/dev/console".to_vec()),
        _ => prefix,
    };
    Ok(format!("{prefix}:[{}]", stat.st_ino).into_bytes())
}

fn major_of(stat: &Stat) -> u32 {
    abi::fs::major(stat.st_rdev)
}

/// The path of a place as a process sees it.
pub fn shown(fam: &Family, pid: u32, loc: &Loc) -> Vec<u8> {
    path::shown(&fam.fs.vfs.place(pid).root, loc)
}

/// `Op::MkDir`.
pub(super) fn mkdir(fam: &mut Family, call: &Call) -> OpResult {
    let base = Base::of(fam, call, call.arg(0), call.data)?;
    done(fs::with(fam, call, Ids::Fs, |cx, vfs| vfs.mkdir(cx, &base.dir()?, call.data, call.arg(1) as u32)))
}

/// `Op::MkNod`.
pub(super) fn mknod(fam: &mut Family, call: &Call) -> OpResult {
    let base = Base::of(fam, call, call.arg(0), call.data)?;
    let (mode, rdev) = (call.arg(1) as u32, call.arg(2));
    done(fs::with(fam, call, Ids::Fs, |cx, vfs| {
        vfs.mknod(cx, &base.dir()?, call.data, mode, rdev).map(|_| ())
    }))
}

/// `Op::Unlink`.
pub(super) fn unlink(fam: &mut Family, call: &Call) -> OpResult {
    let rmdir = call.arg(1) == u64::from(AT_REMOVEDIR);
    if call.arg(1) != 0 && !rmdir {
        return Err(Errno::EINVAL);
    }
    let base = Base::of(fam, call, call.arg(0), call.data)?;
    done(fs::with(fam, call, Ids::Fs, |cx, vfs| vfs.unlink(cx, &base.dir()?, call.data, rmdir)))
}

/// `Op::Rename`.
pub(super) fn rename(fam: &mut Family, call: &Call) -> OpResult {
    let (old, new) = two_paths(call)?;
    let (from, to) = (Base::of(fam, call, call.arg(0), old)?, Base::of(fam, call, call.arg(1), new)?);
    let flags = call.arg32(2)?;
    fs::with(fam, call, Ids::Fs, |cx, vfs| {
        let (from, to) = (from.dir()?, to.dir()?);
        match vfs.rename(cx, (&from, old), (&to, new), flags) {
            Ok(()) => Answer::ok(),
            Err(stop) => stopped(stop, u64::from(!vfs.stops_at_fd(cx, &from, old))),
        }
    })
}

/// `Op::Link`.
pub(super) fn link(fam: &mut Family, call: &Call) -> OpResult {
    let (old, new) = two_paths(call)?;
    let flags = call.arg(2);
    if flags & !u64::from(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let (from, to) = (Base::of(fam, call, call.arg(0), old)?, Base::of(fam, call, call.arg(1), new)?);
    let follow = flags & u64::from(AT_SYMLINK_FOLLOW) != 0;
    let empty = flags & u64::from(AT_EMPTY_PATH) != 0;
    fs::with(fam, call, Ids::Fs, |cx, vfs| {
        let node = match vfs.find(cx, &from.dir()?, old, follow, empty) {
            Ok(found) => found.loc,
            Err(stop) => return stopped(stop, 0),
        };
        match vfs.link(cx, &node, &to.dir()?, new) {
            Ok(()) => Answer::ok(),
            Err(stop) => stopped(stop, 1),
        }
    })
}

/// `Op::Symlink`.
pub(super) fn symlink(fam: &mut Family, call: &Call) -> OpResult {
    let (target, new) = two_paths(call)?;
    let base = Base::of(fam, call, call.arg(0), new)?;
    match fs::with(fam, call, Ids::Fs, |cx, vfs| vfs.symlink(cx, target, &base.dir()?, new)) {
        Ok(()) => Answer::ok(),
        Err(stop) => stopped(stop, 1),
    }
}

/// `Op::ChDir`: by path or by description.
pub(super) fn chdir(fam: &mut Family, call: &Call) -> OpResult {
    if call.arg(1) == 1 {
        let loc = match &fam.descs.get(call.arg32(2)?, call.pid)?.body {
            Body::Node(node) => node.loc.clone(),
            _ => return Err(Errno::ENOTDIR),
        };
        fs::with(fam, call, Ids::Fs, |cx, vfs| vfs.chdir(cx, &loc))?;
        return Answer::ok();
    }
    done(fs::with(fam, call, Ids::Fs, |cx, vfs| {
        let loc = vfs.find(cx, &Dir::Cwd, call.data, true, false)?.loc;
        Ok(vfs.chdir(cx, &loc)?)
    }))
}

/// `Op::ChRoot`.
pub(super) fn chroot(fam: &mut Family, call: &Call) -> OpResult {
    done(fs::with(fam, call, Ids::Fs, |cx, vfs| {
        let loc = vfs.find(cx, &Dir::Cwd, call.data, true, false)?.loc;
        Ok(vfs.chroot(cx, &loc)?)
    }))
}

/// `Op::GetCwd`.
pub(super) fn getcwd(fam: &mut Family, call: &Call) -> OpResult {
    text(fam.fs.vfs.getcwd(call.pid)?)
}
