//! /dev: a small memory file system, and /dev/pts with the pseudo-terminals that exist.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::RefCell;

use abi::Errno;
use abi::fs::{DEVPTS_SUPER_MAGIC, DT_CHR, S_IFCHR, S_IFDIR, S_IFLNK, Statfs, makedev};
use hashbrown::HashMap;

use crate::server::attr::{Attr, SetAttr, Time};
use crate::server::cx::{Cx, PtyInfo};
use crate::server::inode::{Create, DirEntry, DirSink, Inode, NodeKey, NodeRef};
use crate::server::memfs::MemFs;

/// Character devices by name: (name, major, minor, mode).
const DEVICES: [(&[u8], u32, u32, u32); 8] = [
    (b"null", 1, 3, 0o666),
    (b"zero", 1, 5, 0o666),
    (b"full", 1, 7, 0o666),
    (b"random", 1, 8, 0o666),
    (b"urandom", 1, 9, 0o666),
    (b"tty", 5, 0, 0o666),
    (b"console", 5, 1, 0o600),
    (b"ptmx", 5, 2, 0o666),
];

const LINKS: [(&[u8], &[u8]); 4] = [
    (b"fd", b"/proc/self/fd"),
    (b"stdin", b"/proc/self/fd/0"),
    (b"stdout", b"/proc/self/fd/1"),
    (b"stderr", b"/proc/self/fd/2"),
];

/// Major number of pseudo-terminals' slaves.
pub const PTS_MAJOR: u32 = 136;

/// The root of a new /dev, with mount points `pts`, `shm` and `mqueue`.
pub fn root(cx: &Cx, fs: &Rc<MemFs>) -> Result<NodeRef, Errno> {
    let root: NodeRef = fs.root(0o755, cx.now);
    let make = |name: &[u8], mode: u32, rdev: u64, target: &[u8]| {
        root.create(cx, name, &Create { mode, uid: 0, gid: 0, rdev, target }).map(|_| ())
    };
    for (name, major, minor, mode) in DEVICES {
        make(name, S_IFCHR | mode, makedev(major, minor), &[])?;
    }
    for (name, target) in LINKS {
        make(name, S_IFLNK | 0o777, 0, target)?;
    }
    for (name, mode) in [(&b"pts"[..], 0o755), (b"shm", 0o1777), (b"mqueue", 0o1777)] {
        make(name, S_IFDIR | mode, 0, &[])?;
    }
    Ok(root)
}

/// Changes made to a slave's attributes, and since when the slave exists (a number is used again).
type Changes = HashMap<u32, (Time, SetAttr)>;

/// /dev/pts.
pub struct PtsDir {
    dev: u64,
    changes: Rc<RefCell<Changes>>,
}

impl PtsDir {
    /// The root of a devpts file system.
    pub fn new(dev: u64) -> Rc<Self> {
        Rc::new(Self { dev, changes: Rc::default() })
    }

    fn slave(&self, pty: PtyInfo) -> NodeRef {
        Rc::new(Slave { dev: self.dev, pty, changes: self.changes.clone() })
    }
}

fn statfs() -> Statfs {
    Statfs { f_type: DEVPTS_SUPER_MAGIC, f_bsize: 4096, f_frsize: 4096, f_namelen: 255, ..Statfs::default() }
}

impl Inode for PtsDir {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn key(&self) -> NodeKey {
        (self.dev, 1)
    }
    fn file_type(&self) -> u32 {
        S_IFDIR
    }
    fn attr(&self, cx: &Cx) -> Result<Attr, Errno> {
        Ok(Attr {
            dev: self.dev,
            ino: 1,
            mode: S_IFDIR | 0o755,
            nlink: 2,
            blksize: 1024,
            atime: cx.now,
            mtime: cx.now,
            ctime: cx.now,
            ..Attr::default()
        })
    }
    fn lookup(&self, cx: &Cx, name: &[u8]) -> Result<NodeRef, Errno> {
        let n: u32 = core::str::from_utf8(name).ok().and_then(|s| s.parse().ok()).ok_or(Errno::ENOENT)?;
        if alloc::format!("{n}").as_bytes() != name {
            return Err(Errno::ENOENT);
        }
        cx.world.ptys().into_iter().find(|p| p.number == n).map(|p| self.slave(p)).ok_or(Errno::ENOENT)
    }
    fn read_dir(&self, cx: &Cx, from: u64, sink: DirSink) -> Result<(), Errno> {
        let mut ptys: Vec<PtyInfo> = cx.world.ptys();
        ptys.sort_by_key(|p| p.number);
        for p in ptys {
            let at = u64::from(p.number) + 2;
            let name = alloc::format!("{}", p.number).into_bytes();
            let entry = DirEntry { ino: u64::from(p.number) + 3, dtype: DT_CHR, next: at + 1, name };
            if at >= from && !sink(entry) {
                break;
            }
        }
        Ok(())
    }
    fn statfs(&self) -> Result<Statfs, Errno> {
        Ok(statfs())
    }
}

/// One slave's node.
struct Slave {
    dev: u64,
    pty: PtyInfo,
    changes: Rc<RefCell<Changes>>,
}

impl Inode for Slave {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn key(&self) -> NodeKey {
        (self.dev, u64::from(self.pty.number) + 3)
    }
    fn file_type(&self) -> u32 {
        S_IFCHR
    }
    fn attr(&self, cx: &Cx) -> Result<Attr, Errno> {
        let p = &self.pty;
        let mut attr = Attr {
            dev: self.dev,
            ino: u64::from(p.number) + 3,
            mode: S_IFCHR | (p.mode & 0o777),
            nlink: 1,
            uid: p.uid,
            gid: p.gid,
            rdev: makedev(PTS_MAJOR, p.number),
            blksize: 1024,
            atime: cx.now,
            mtime: cx.now,
            ctime: p.since,
            ..Attr::default()
        };
        if let Some((since, change)) = self.changes.borrow().get(&p.number)
            && *since == p.since
        {
            attr.apply(change, p.since);
        }
        Ok(attr)
    }
    fn set_attr(&self, _cx: &Cx, change: &SetAttr) -> Result<(), Errno> {
        let mut changes = self.changes.borrow_mut();
        let entry = changes.entry(self.pty.number).or_insert((self.pty.since, SetAttr::default()));
        if entry.0 != self.pty.since {
            *entry = (self.pty.since, SetAttr::default());
        }
        let all = &mut entry.1;
        all.mode = change.mode.or(all.mode);
        all.uid = change.uid.or(all.uid);
        all.gid = change.gid.or(all.gid);
        Ok(())
    }
    fn statfs(&self) -> Result<Statfs, Errno> {
        Ok(statfs())
    }
}
