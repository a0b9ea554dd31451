//! What members are told of open files.

use abi::Errno;
use abi::fs::{O_PATH, S_IFCHR, S_IFDIR, S_IFMT, S_IFREG, Stat, major, minor};
use protocol::desc::{DescInfo, Kind};
use vfs::server::attr::Attr;
use vfs::server::inode::Inode;

use super::{Ids, notify, with_process};
use crate::descs::Body;
use crate::family::Family;
use crate::procs::INIT_PID;

/// Devices that members serve by themselves.
pub fn device(rdev: u64) -> Option<Kind> {
    match (major(rdev), minor(rdev)) {
        (1, 3) => Some(Kind::Null),
        (1, 5) => Some(Kind::Zero),
        (1, 7) => Some(Kind::Full),
        (1, 8 | 9) => Some(Kind::Random),
        _ => None,
    }
}

/// How members use a node.
fn kind(flags: u32, attr: &Attr, generated: bool) -> Kind {
    if flags & O_PATH != 0 {
        return Kind::Path;
    }
    match attr.mode & S_IFMT {
        S_IFDIR => Kind::Dir,
        S_IFREG if generated => Kind::Generated,
        S_IFCHR => device(attr.rdev).unwrap_or(Kind::Null),
        _ => Kind::File,
    }
}

/// What members are told of an open file (`desc` and `flags` are filled in by the caller).
pub fn node_info(fam: &mut Family, desc: u32) -> DescInfo {
    let fam = &*fam;
    let Some(d) = fam.descs.any(desc) else { return DescInfo::default() };
    match &d.body {
        Body::INotify(id) => DescInfo {
            kind: Kind::Stream as u32,
            object: notify::object(fam, *id),
            mode: 0o600,
            ..DescInfo::default()
        },
        Body::Node(node) => {
            let pid = fam.descs.holders(desc).next().unwrap_or(INIT_PID);
            let inode = &node.loc.dentry.node;
            let attr = with_process(fam, pid, 0, Ids::Fs, |cx, _| inode.attr(cx).unwrap_or_default());
            describe(&**inode, &attr, d.flags)
        }
        _ => DescInfo::default(),
    }
}

/// What a description with these flags tells of its node.
pub fn describe(node: &dyn Inode, attr: &Attr, flags: u32) -> DescInfo {
    DescInfo {
        kind: kind(flags, attr, node.is_generated()) as u32,
        mode: attr.mode,
        ino: attr.ino,
        dev: attr.dev,
        rdev: node.process().map_or(attr.rdev, u64::from),
        size: attr.size,
        ..DescInfo::default()
    }
}

/// fstat(2) of a description that was opened by name.
pub fn stat_of(fam: &Family, pid: u32, loc: &vfs::server::walk::Loc) -> Result<Stat, Errno> {
    with_process(fam, pid, 0, Ids::Fs, |cx, vfs| Ok(vfs.stat(cx, loc)?.to_stat()))
}
