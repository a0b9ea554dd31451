//! File pages as regions, and memfd_create(2).

use abi::Errno;
use abi::fs::{
    F_SEAL_EXEC, F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE, O_ACCMODE,
    O_LARGEFILE, O_RDWR, O_WRONLY,
};
use vfs::server::dentry::Dentry;
use vfs::server::memfs::MemNode;
use vfs::server::mount::Mount;
use vfs::server::walk::Loc;

use super::Open;
use crate::call::{Answer, Call, OpResult};
use crate::descs::Body;
use crate::family::Family;
use crate::fs::backing::HostFile;
use crate::fs::{self, Ids, OpenNode};
use crate::ops::descs::info;
use crate::ops::names::shown;

const MFD_CLOEXEC: u32 = 1;
const MFD_ALLOW_SEALING: u32 = 2;
const MFD_NOEXEC_SEAL: u32 = 8;
const MFD_EXEC: u32 = 16;
/// Longest name: NAME_MAX less `memfd:`.
const NAME_MAX: usize = 249;

/// `Op::FileRegion`.
pub(super) fn file_region(fam: &mut Family, call: &Call) -> OpResult {
    let open = Open::of(fam, call, call.arg32(0)?)?;
    let write = call.arg(1) == 1;
    let mode = open.flags & O_ACCMODE;
    if mode == O_WRONLY || write && mode != O_RDWR {
        return Err(Errno::EACCES);
    }
    open.regular(Errno::ENODEV).map_err(|_| Errno::ENODEV)?;
    let (backing, size) = fs::with(fam, call, Ids::Fs, |cx, vfs| {
        let node = &open.loc.dentry.node;
        let backing = node.backing(cx, write)?;
        if write {
            let attr = node.attr(cx)?;
            vfs.content_mapped((attr.dev, attr.ino));
        }
        Ok::<_, Errno>((backing, node.size(cx)?))
    })?;
    let file = backing.downcast::<HostFile>().map_err(|_| Errno::ENODEV)?;
    let region = file.region(&mut fam.regions, write, size)?;
    let path = shown(fam, call.pid, &open.loc);
    Ok(Answer::default().with_ret(0, size).with_region(0, region).with_data(path))
}

/// `Op::MemFd`.
pub(super) fn memfd(fam: &mut Family, call: &Call) -> OpResult {
    let flags = call.arg32(0)?;
    if flags & !(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC) != 0
        || flags & (MFD_EXEC | MFD_NOEXEC_SEAL) == MFD_EXEC | MFD_NOEXEC_SEAL
        || call.data.len() > NAME_MAX
    {
        return Err(Errno::EINVAL);
    }
    let noexec = flags & MFD_NOEXEC_SEAL != 0;
    let node = fs::with(fam, call, Ids::Fs, |cx, _| {
        let mode = if noexec { 0o666 } else { 0o777 };
        let inode = MemNode::memfd(&fam.fs.anonymous, cx, mode, noexec || flags & MFD_ALLOW_SEALING != 0);
        let dentry = Dentry::root(inode, &[b"/memfd:", call.data].concat());
        dentry.set_deleted();
        if noexec {
            dentry.node.add_seals(F_SEAL_EXEC)?;
        }
        let loc = Loc { mount: Mount::detached(dentry.clone(), b"tmpfs"), dentry };
        OpenNode::new(fam, cx, loc, true, false)
    })?;
    let desc = fam.open_desc(call.pid, Body::Node(node), O_RDWR | O_LARGEFILE)?;
    Ok(Answer::default().with_struct(&info(fam, desc)))
}

/// `Op::Seals`.
pub(super) fn seals(fam: &mut Family, call: &Call) -> OpResult {
    const ALL: u32 =
        F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC;
    let open = Open::of(fam, call, call.arg32(0)?)?;
    let node = &open.loc.dentry.node;
    let now = node.seals().ok_or(Errno::EINVAL)?;
    if call.arg(1) == u64::MAX {
        return Ok(Answer::value(now));
    }
    let add = call.arg32(1)?;
    open.writable().map_err(|_| Errno::EPERM)?;
    if add & !ALL != 0 {
        return Err(Errno::EINVAL);
    }
    if add & F_SEAL_WRITE != 0 && now & F_SEAL_WRITE == 0 {
        let backing = fs::with(fam, call, Ids::Fs, |cx, _| node.backing(cx, false))?;
        if backing.downcast::<HostFile>().is_ok_and(|f| f.is_mapped_for_writing(&fam.regions, &fam.members)) {
            return Err(Errno::EBUSY);
        }
    }
    node.add_seals(add)?;
    Ok(Answer::value(now | add))
}
