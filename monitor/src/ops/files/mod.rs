//! Requests on open files and what they refer to.

mod data;
mod locks;
mod memory;
mod notify;

#[cfg(test)]
mod tests;

use abi::Errno;
use abi::fs::{O_ACCMODE, O_PATH, O_RDONLY, O_WRONLY, S_IFDIR, S_IFMT, S_IFREG};
use abi::poll::{POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM};
use protocol::Op;
use vfs::server::walk::Loc;

use super::names;
use crate::call::{Answer, Call, OpResult};
use crate::descs::Body;
use crate::family::Family;
use crate::fs::{self, Ids, Named, OpenNode};

pub use data::ftruncate;

/// Carries out one of them.
pub fn handle(fam: &mut Family, op: Op, call: &Call) -> OpResult {
    if op != Op::Lock {
        fam.fs.locks.stop_waiting((call.pid, call.req.tid));
    }
    let result = match op {
        Op::MemFd => memory::memfd(fam, call),
        Op::INotifyOpen => notify::open(fam, call),
        Op::Reopen => names::reopen(fam, call),
        Op::FStat => fstat(fam, call),
        _ => match fam.descs.get(call.arg32(0)?, call.pid)?.body {
            Body::INotify(id) => notify::handle(fam, op, call, id),
            _ => on_node(fam, op, call),
        },
    };
    fs::settle(fam);
    result
}

fn on_node(fam: &mut Family, op: Op, call: &Call) -> OpResult {
    let path_only = fam.descs.get(call.arg32(0)?, call.pid)?.flags & O_PATH != 0;
    if path_only {
        return Err(Errno::EBADF);
    }
    match op {
        Op::Read => data::read(fam, call),
        Op::Write => data::write(fam, call),
        Op::PRead => data::pread(fam, call),
        Op::PWrite => data::pwrite(fam, call),
        Op::Seek => data::seek(fam, call),
        Op::Recall => data::recall(fam, call),
        Op::TakeOffset => data::take_offset(fam, call),
        Op::GetDents => data::getdents(fam, call),
        Op::FSync => data::fsync(fam, call),
        Op::FAllocate => data::fallocate(fam, call),
        Op::CopyRange => data::copy_range(fam, call),
        Op::FLock => locks::flock(fam, call),
        Op::Lock => locks::record(fam, call),
        Op::FileRegion => memory::file_region(fam, call),
        Op::Seals => memory::seals(fam, call),
        // Files are always ready (poll(2)).
        Op::PollDesc => Ok(Answer::value(i64::from(POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM))),
        Op::IoCtl => Err(Errno::ENOTTY),
        _ => Err(Errno::EINVAL),
    }
}

/// `Op::FStat`.
fn fstat(fam: &mut Family, call: &Call) -> OpResult {
    let desc = call.arg32(0)?;
    let loc = match &fam.descs.get(desc, call.pid)?.body {
        Body::Node(node) => node.loc.clone(),
        Body::INotify(_) => return notify::stat(),
        _ => Named::get(fam, desc).ok_or(Errno::EBADF)?,
    };
    fs::with(fam, call, Ids::Fs, |cx, vfs| {
        let volatile = !loc.dentry.node.stable();
        Ok(names::stat_answer(vfs, &vfs.stat(cx, &loc)?, &loc, volatile))
    })
}

/// An open node of the caller, with its status flags.
struct Open {
    loc: Loc,
    flags: u32,
    owner: u64,
}

impl Open {
    fn of(fam: &Family, call: &Call, desc: u32) -> Result<Self, Errno> {
        let d = fam.descs.get(desc, call.pid)?;
        let Body::Node(node) = &d.body else { return Err(Errno::EINVAL) };
        if node.path_only {
            return Err(Errno::EBADF);
        }
        Ok(Self { loc: node.loc.clone(), flags: d.flags, owner: node.owner })
    }

    fn readable(&self) -> Result<(), Errno> {
        if self.flags & O_ACCMODE == O_WRONLY { Err(Errno::EBADF) } else { Ok(()) }
    }

    fn writable(&self) -> Result<(), Errno> {
        if self.flags & O_ACCMODE == O_RDONLY { Err(Errno::EBADF) } else { Ok(()) }
    }

    fn ftype(&self) -> u32 {
        self.loc.dentry.node.file_type() & S_IFMT
    }

    fn not_dir(&self) -> Result<(), Errno> {
        if self.ftype() == S_IFDIR { Err(Errno::EISDIR) } else { Ok(()) }
    }

    fn regular(&self, otherwise: Errno) -> Result<(), Errno> {
        self.not_dir()?;
        if self.ftype() == S_IFREG { Ok(()) } else { Err(otherwise) }
    }
}

/// The caller's open node, to be changed.
fn node_mut<'a>(fam: &'a mut Family, call: &Call, desc: u32) -> Result<&'a mut OpenNode, Errno> {
    match &mut fam.descs.get_mut(desc, call.pid)?.body {
        Body::Node(node) => Ok(node),
        _ => Err(Errno::EINVAL),
    }
}
