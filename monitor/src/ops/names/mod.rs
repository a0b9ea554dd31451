//! Requests on paths.

mod attrs;
mod mounts;
mod open;
mod paths;

use abi::Errno;
use protocol::Op;
use protocol::op::DIR_CWD;
use protocol::wire::Reader;
use vfs::server::walk::{Loc, Stop};
use vfs::server::{Dir, Found};

use crate::call::{Answer, Call, OpResult};
use crate::descs::Body;
use crate::family::Family;
use crate::fs::{self, Ids, Named};

pub use attrs::stat_answer;
pub use open::reopen;
pub use paths::shown;

/// Carries out one of them.
pub fn handle(fam: &mut Family, op: Op, call: &Call) -> OpResult {
    fam.fs.locks.stop_waiting((call.pid, call.req.tid));
    let result = match op {
        Op::Open => open::open(fam, call),
        Op::Stat => attrs::stat(fam, call),
        Op::ReadLink => paths::read_link(fam, call),
        Op::Access => attrs::access(fam, call),
        Op::MkDir => paths::mkdir(fam, call),
        Op::MkNod => paths::mknod(fam, call),
        Op::Unlink => paths::unlink(fam, call),
        Op::Rename => paths::rename(fam, call),
        Op::Link => paths::link(fam, call),
        Op::Symlink => paths::symlink(fam, call),
        Op::ChMod => attrs::chmod(fam, call),
        Op::ChOwn => attrs::chown(fam, call),
        Op::UTimens => attrs::utimens(fam, call),
        Op::Truncate => attrs::truncate(fam, call),
        Op::ChDir => paths::chdir(fam, call),
        Op::ChRoot => paths::chroot(fam, call),
        Op::GetCwd => paths::getcwd(fam, call),
        Op::StatFs => attrs::statfs(fam, call),
        Op::XAttr => attrs::xattr(fam, call),
        Op::Mount => mounts::mount(fam, call),
        Op::INotify => mounts::inotify(fam, call),
        _ => Err(Errno::ENOSYS),
    };
    fs::settle(fam);
    result
}

/// Where the relative paths of a request start.
pub(super) enum Base {
    Cwd,
    At(Loc),
    /// A description without a place: only an empty path is of use with it.
    Nameless,
}

impl Base {
    /// From a `dir` argument. An absolute path does not look at it.
    pub(super) fn of(fam: &Family, call: &Call, dir: u64, path: &[u8]) -> Result<Self, Errno> {
        if dir == DIR_CWD || path.first() == Some(&b'/') {
            return Ok(Base::Cwd);
        }
        let desc = u32::try_from(dir).map_err(|_| Errno::EBADF)?;
        match &fam.descs.get(desc, call.pid)?.body {
            Body::Node(node) => Ok(Base::At(node.loc.clone())),
            _ => Ok(Named::get(fam, desc).map_or(Base::Nameless, Base::At)),
        }
    }

    /// For a walk; ENOTDIR for what is no place.
    pub(super) fn dir(&self) -> Result<Dir<'_>, Errno> {
        match self {
            Base::Cwd => Ok(Dir::Cwd),
            Base::At(loc) => Ok(Dir::At(loc)),
            Base::Nameless => Err(Errno::ENOTDIR),
        }
    }
}

/// The answer for a path that ended early; `which` path of the request it was.
pub(super) fn stopped(stop: Stop, which: u64) -> OpResult {
    match stop {
        Stop::Errno(e) => Err(e),
        Stop::OwnFd { fd, rest } => Ok(Answer {
            ret: -i64::from(Errno::EREMOTE.0),
            rets: [0, fd.into(), which, 0, 0, 0, 0, 0],
            data: rest,
            ..Answer::default()
        }),
    }
}

/// Two paths of a request.
pub(super) fn two_paths<'a>(call: &'a Call) -> Result<(&'a [u8], &'a [u8]), Errno> {
    let mut r = Reader::new(call.data);
    r.bytes().zip(r.bytes()).ok_or(Errno::EINVAL)
}

/// Finds the node that a request's path (its whole data) names and runs `f` on it. `flags`: AT_SYMLINK_NOFOLLOW and
/// AT_EMPTY_PATH.
pub(super) fn on_path(
    fam: &Family,
    call: &Call,
    flags: u64,
    ids: Ids,
    f: impl FnOnce(&vfs::server::cx::Cx, &vfs::server::Vfs, Found) -> OpResult,
) -> OpResult {
    let path = call.data;
    let empty = flags & u64::from(abi::fs::AT_EMPTY_PATH) != 0;
    let follow = flags & u64::from(abi::fs::AT_SYMLINK_NOFOLLOW) == 0;
    let base = Base::of(fam, call, call.arg(0), path)?;
    fs::with(fam, call, ids, |cx, vfs| match vfs.find(cx, &base.dir()?, path, follow, empty) {
        Ok(found) => f(cx, vfs, found),
        Err(stop) => stopped(stop, 0),
    })
}
