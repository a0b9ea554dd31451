//! The nodes of procfs and sysfs.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;

use abi::Errno;
use abi::fs::{DT_DIR, DT_LNK, DT_REG, PROC_SUPER_MAGIC, S_IFDIR, S_IFLNK, S_IFREG, SYSFS_MAGIC, Statfs};
use protocol::op::{OWN_FD, OWN_FDINFO, OWN_FDINFO_N};

use super::pid::{PID_LINKS, PID_ROWS, PidRow};
use super::{Row, machine, sysctl, sysfs};
use crate::server::attr::Attr;
use crate::server::cx::Cx;
use crate::server::inode::{DirEntry, DirSink, Inode, Magic, NodeKey, NodeRef};

/// What a node is.
#[derive(Clone)]
enum What {
    /// A directory that follows from the rows' paths: its path with a trailing slash, or "" for the root.
    Dir(String),
    File(&'static Row),
    /// A link with a fixed target, or one that depends on who asks.
    Link(&'static str),
    SelfLink,
    ThreadSelfLink,
    /// /proc/PID, or /proc/PID/task/TID with a thread.
    Process(u32, Option<u32>),
    Tasks(u32),
    ProcessFile(u32, &'static PidRow),
    /// cwd, root or exe.
    ProcessLink(u32, &'static str),
    Fds(u32),
    Fd(u32, u32),
    FdInfos(u32),
    FdInfo(u32, u32),
    /// /proc/PID/net and a file in it.
    Net(u32),
    NetFile(u32, &'static str),
}

/// Files of /proc/PID/net.
const NET: [&str; 9] = ["dev", "if_inet6", "ipv6_route", "route", "tcp", "tcp6", "udp", "udp6", "unix"];

/// A node of a generated file system.
pub struct Generated {
    dev: u64,
    sys: bool,
    what: What,
}

/// The root of a procfs.
pub fn proc_root(dev: u64) -> NodeRef {
    Rc::new(Generated { dev, sys: false, what: What::Dir(String::new()) })
}

/// The root of a sysfs.
pub fn sys_root(dev: u64) -> NodeRef {
    Rc::new(Generated { dev, sys: true, what: What::Dir(String::new()) })
}

/// Number from a name: digits without leading zeros.
fn decimal(name: &[u8]) -> Option<u32> {
    let s = core::str::from_utf8(name).ok()?;
    let n: u32 = s.parse().ok()?;
    (format!("{n}") == s).then_some(n)
}

impl Generated {
    fn node(&self, what: What) -> NodeRef {
        Rc::new(Generated { dev: self.dev, sys: self.sys, what })
    }

    fn rows(&self, cx: &Cx) -> impl Iterator<Item = &'static Row> {
        let (a, b): (&'static [Row], &'static [Row]) =
            if self.sys { (&sysfs::ROWS, sysfs::topology(cx)) } else { (&machine::ROWS, &sysctl::ROWS) };
        a.iter().chain(b)
    }

    /// A text that is different for each node.
    fn path(&self) -> String {
        let task = |pid: u32, tid: Option<u32>| match tid {
            Some(t) => format!("{pid}/task/{t}"),
            None => format!("{pid}"),
        };
        match &self.what {
            What::Dir(p) => format!("/{p}"),
            What::File(r) => format!("/{}", r.path),
            What::Link(t) => format!("->{t}"),
            What::SelfLink => "self".into(),
            What::ThreadSelfLink => "thread-self".into(),
            What::Process(p, t) => task(*p, *t),
            What::Tasks(p) => format!("{p}/task"),
            What::ProcessFile(p, r) => format!("{p}/{}", r.name),
            What::ProcessLink(p, n) => format!("{p}/{n}"),
            What::Fds(p) => format!("{p}/fd"),
            What::Fd(p, n) => format!("{p}/fd/{n}"),
            What::FdInfos(p) => format!("{p}/fdinfo"),
            What::FdInfo(p, n) => format!("{p}/fdinfo/{n}"),
            What::Net(p) => format!("{p}/net"),
            What::NetFile(p, n) => format!("{p}/net/{n}"),
        }
    }

    fn ino(&self) -> u64 {
        if matches!(&self.what, What::Dir(p) if p.is_empty()) {
            return 1;
        }
        // FNV-1a: numbers only need to stay the same and rarely meet.
        let hash = self
            .path()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        (hash >> 16) | 1 << 44
    }

    fn pid(&self) -> Option<u32> {
        match self.what {
            What::Process(p, _)
            | What::Tasks(p)
            | What::ProcessFile(p, _)
            | What::ProcessLink(p, _)
            | What::Fds(p)
            | What::Fd(p, _)
            | What::FdInfos(p)
            | What::FdInfo(p, _)
            | What::Net(p)
            | What::NetFile(p, _) => Some(p),
            _ => None,
        }
    }

    fn dir_lookup(&self, cx: &Cx, prefix: &str, name: &[u8]) -> Option<What> {
        let text = core::str::from_utf8(name).ok()?;
        if prefix.is_empty() && !self.sys {
            match text {
                "self" => return Some(What::SelfLink),
                "thread-self" => return Some(What::ThreadSelfLink),
                "mounts" => return Some(What::Link("self/mounts")),
                "net" => return Some(What::Link("self/net")),
                _ => {}
            }
            if let Some(pid) = decimal(name) {
                return cx.world.process(pid).map(|_| What::Process(pid, None));
            }
        }
        let full = format!("{prefix}{text}");
        let dir = format!("{full}/");
        self.rows(cx).find_map(|r| {
            if r.path == full {
                Some(What::File(r))
            } else {
                r.path.starts_with(&dir).then(|| What::Dir(dir.clone()))
            }
        })
    }

    fn process_lookup(pid: u32, task: Option<u32>, name: &str) -> Option<What> {
        if let Some(r) = PID_ROWS.iter().find(|r| r.name == name) {
            return Some(What::ProcessFile(pid, r));
        }
        if let Some(n) = PID_LINKS.iter().find(|n| **n == name) {
            return Some(What::ProcessLink(pid, n));
        }
        match name {
            "fd" => Some(What::Fds(pid)),
            "fdinfo" => Some(What::FdInfos(pid)),
            "net" => Some(What::Net(pid)),
            "task" if task.is_none() => Some(What::Tasks(pid)),
            _ => None,
        }
    }

    /// Threads as far as they are known here: those that the process shows, and the caller.
    fn threads(cx: &Cx, pid: u32) -> Vec<u32> {
        let mut tids = cx.world.process(pid).map(|p| p.tids).unwrap_or_default();
        if !tids.contains(&pid) {
            tids.insert(0, pid);
        }
        if cx.pid == pid && cx.tid != 0 && !tids.contains(&cx.tid) {
            tids.push(cx.tid);
        }
        tids
    }

    fn entries(&self, cx: &Cx) -> Result<Vec<(String, u8, What)>, Errno> {
        let mut out: Vec<(String, u8, What)> = Vec::new();
        match &self.what {
            What::Dir(prefix) => {
                if prefix.is_empty() && !self.sys {
                    for pid in cx.world.pids() {
                        out.push((format!("{pid}"), DT_DIR, What::Process(pid, None)));
                    }
                    out.push(("self".into(), DT_LNK, What::SelfLink));
                    out.push(("thread-self".into(), DT_LNK, What::ThreadSelfLink));
                    out.push(("mounts".into(), DT_LNK, What::Link("self/mounts")));
                    out.push(("net".into(), DT_LNK, What::Link("self/net")));
                }
                for r in self.rows(cx) {
                    let Some(rest) = r.path.strip_prefix(prefix.as_str()) else { continue };
                    match rest.split_once('/') {
                        None => out.push((rest.into(), DT_REG, What::File(r))),
                        Some((dir, _)) if out.iter().all(|(n, _, _)| n != dir) => {
                            out.push((dir.into(), DT_DIR, What::Dir(format!("{prefix}{dir}/"))));
                        }
                        Some(_) => {}
                    }
                }
            }
            What::Process(pid, task) => {
                for r in PID_ROWS.iter() {
                    out.push((r.name.into(), DT_REG, What::ProcessFile(*pid, r)));
                }
                for n in PID_LINKS {
                    out.push((n.into(), DT_LNK, What::ProcessLink(*pid, n)));
                }
                out.push(("fd".into(), DT_DIR, What::Fds(*pid)));
                out.push(("fdinfo".into(), DT_DIR, What::FdInfos(*pid)));
                out.push(("net".into(), DT_DIR, What::Net(*pid)));
                if task.is_none() {
                    out.push(("task".into(), DT_DIR, What::Tasks(*pid)));
                }
            }
            What::Tasks(pid) => {
                for tid in Self::threads(cx, *pid) {
                    out.push((format!("{tid}"), DT_DIR, What::Process(*pid, Some(tid))));
                }
            }
            What::Net(pid) => {
                for name in NET.iter().filter(|n| cx.world.net_table(n).is_some()) {
                    out.push(((*name).into(), DT_REG, What::NetFile(*pid, name)));
                }
            }
            // The caller's own are listed by its kernel (`own_kind`); those of others are known to theirs alone.
            What::Fds(pid) | What::FdInfos(pid) if *pid == cx.pid => {}
            What::Fds(_) | What::FdInfos(_) => return Err(Errno::EACCES),
            _ => return Err(Errno::ENOTDIR),
        }
        Ok(out)
    }

    /// Who may look into a process: its own user, and root.
    fn may_see(&self, cx: &Cx, pid: u32) -> Result<(), Errno> {
        let info = cx.world.process(pid).ok_or(Errno::ENOENT)?;
        if cx.pid == pid || cx.creds.is_root() || cx.creds.uid == info.ids[1] {
            Ok(())
        } else {
            Err(Errno::EACCES)
        }
    }
}

impl Inode for Generated {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn key(&self) -> NodeKey {
        (self.dev, self.ino())
    }
    fn file_type(&self) -> u32 {
        match &self.what {
            What::Dir(_)
            | What::Process(..)
            | What::Tasks(_)
            | What::Fds(_)
            | What::FdInfos(_)
            | What::Net(_) => S_IFDIR,
            What::Link(_) | What::SelfLink | What::ThreadSelfLink | What::ProcessLink(..) | What::Fd(..) => {
                S_IFLNK
            }
            What::File(_) | What::ProcessFile(..) | What::FdInfo(..) | What::NetFile(..) => S_IFREG,
        }
    }
    fn attr(&self, cx: &Cx) -> Result<Attr, Errno> {
        let perm = match &self.what {
            What::Dir(_) | What::Process(..) | What::Tasks(_) | What::Net(_) => 0o555,
            What::Fds(_) | What::FdInfos(_) => 0o500,
            What::Fd(..) => 0o700,
            What::File(r) => {
                if r.write.is_some() {
                    0o644
                } else {
                    0o444
                }
            }
            What::ProcessFile(_, r) => r.mode,
            What::FdInfo(..) | What::NetFile(..) => 0o444,
            _ => 0o777,
        };
        let mut attr = Attr {
            dev: self.dev,
            ino: self.ino(),
            mode: self.file_type() | perm,
            nlink: if self.file_type() == S_IFDIR { 2 } else { 1 },
            blksize: 1024,
            atime: cx.now,
            mtime: cx.now,
            ctime: cx.now,
            ..Attr::default()
        };
        if let Some(pid) = self.pid() {
            let info = cx.world.process(pid).ok_or(Errno::ENOENT)?;
            (attr.uid, attr.gid) = (info.ids[1], info.ids[5]);
        }
        if self.sys && self.file_type() == S_IFREG {
            attr.size = 4096;
        }
        Ok(attr)
    }
    fn set_attr(&self, _cx: &Cx, _change: &crate::server::attr::SetAttr) -> Result<(), Errno> {
        Err(Errno::EPERM)
    }

    fn lookup(&self, cx: &Cx, name: &[u8]) -> Result<NodeRef, Errno> {
        let text = core::str::from_utf8(name).map_err(|_| Errno::ENOENT);
        if let Some(pid) = self.pid() {
            cx.world.process(pid).ok_or(Errno::ENOENT)?;
        }
        let what = match &self.what {
            What::Dir(prefix) => self.dir_lookup(cx, prefix, name),
            What::Process(pid, task) => Self::process_lookup(*pid, *task, text?),
            What::Tasks(pid) => decimal(name)
                .filter(|t| Self::threads(cx, *pid).contains(t))
                .map(|t| What::Process(*pid, Some(t))),
            What::Net(pid) => NET
                .iter()
                .find(|n| n.as_bytes() == name && cx.world.net_table(n).is_some())
                .map(|n| What::NetFile(*pid, n)),
            What::Fds(pid) if *pid == cx.pid => decimal(name).map(|n| What::Fd(*pid, n)),
            What::FdInfos(pid) if *pid == cx.pid => decimal(name).map(|n| What::FdInfo(*pid, n)),
            What::Fds(_) | What::FdInfos(_) => return Err(Errno::EACCES),
            _ => return Err(Errno::ENOTDIR),
        };
        what.map(|w| self.node(w)).ok_or(Errno::ENOENT)
    }
    fn read_dir(&self, cx: &Cx, from: u64, sink: DirSink) -> Result<(), Errno> {
        let is_root = matches!(&self.what, What::Dir(p) if p.is_empty()) && !self.sys;
        let mut fixed = 1 << 32;
        for (name, dtype, what) in self.entries(cx)? {
            // In /proc a process's cookie follows from its pid, so that others' ends skip nobody.
            let at = match what {
                What::Process(pid, None) if is_root => u64::from(pid) + 2,
                _ if is_root => {
                    fixed += 1;
                    fixed
                }
                _ => {
                    fixed += 1;
                    fixed - (1 << 32) + 1
                }
            };
            if at < from {
                continue;
            }
            let ino = Generated { dev: self.dev, sys: self.sys, what }.ino();
            if !sink(DirEntry { ino, dtype, next: at + 1, name: name.into_bytes() }) {
                break;
            }
        }
        Ok(())
    }

    fn read_link(&self, cx: &Cx) -> Result<Vec<u8>, Errno> {
        match &self.what {
            What::Link(t) => Ok(t.as_bytes().to_vec()),
            What::SelfLink => Ok(format!("{}", cx.pid).into_bytes()),
            What::ThreadSelfLink => {
                Ok(format!("{}/task/{}", cx.pid, if cx.tid == 0 { cx.pid } else { cx.tid }).into_bytes())
            }
            What::ProcessLink(pid, name) => {
                self.may_see(cx, *pid)?;
                if *name == "exe" {
                    let info = cx.world.process(*pid).ok_or(Errno::ENOENT)?;
                    return if info.exe.is_empty() { Err(Errno::ENOENT) } else { Ok(info.exe) };
                }
                let place = cx.world.place(*pid).ok_or(Errno::ENOENT)?;
                let mine = cx.world.place(cx.pid).unwrap_or_else(|| place.clone());
                let to = if *name == "cwd" { &place.cwd } else { &place.root };
                Ok(crate::server::path::shown(&mine.root, to))
            }
            What::Fd(..) => Err(Errno::EINVAL),
            _ => Err(Errno::EINVAL),
        }
    }
    fn magic(&self, cx: &Cx) -> Option<Magic> {
        match &self.what {
            What::Fd(_, n) => Some(Magic::OwnFd(*n)),
            What::ProcessLink(pid, name) if *name != "exe" => {
                self.may_see(cx, *pid).ok()?;
                let place = cx.world.place(*pid)?;
                Some(Magic::Place(if *name == "cwd" { place.cwd } else { place.root }))
            }
            _ => None,
        }
    }
    fn process(&self) -> Option<u32> {
        match self.what {
            What::Process(pid, None) => Some(pid),
            _ => None,
        }
    }
    fn own_kind(&self, cx: &Cx) -> Option<(u64, u64)> {
        match &self.what {
            What::Fds(p) if *p == cx.pid => Some((OWN_FD, 0)),
            What::FdInfos(p) if *p == cx.pid => Some((OWN_FDINFO, 0)),
            What::FdInfo(p, n) if *p == cx.pid => Some((OWN_FDINFO_N, u64::from(*n))),
            What::ProcessFile(p, r) if *p == cx.pid && r.own != 0 => Some((r.own, 0)),
            _ => None,
        }
    }
    fn open_check(&self, cx: &Cx, read: bool, write: bool) -> Result<(), Errno> {
        match &self.what {
            What::File(r) if write && r.write.is_none() => Err(Errno::EACCES),
            What::ProcessFile(pid, r) => {
                if write && r.write.is_none() {
                    return Err(Errno::EACCES);
                }
                if read && r.private { self.may_see(cx, *pid) } else { Ok(()) }
            }
            What::FdInfo(..) | What::NetFile(..) if write => Err(Errno::EACCES),
            What::Fds(p) | What::FdInfos(p) if *p != cx.pid => Err(Errno::EACCES),
            _ => Ok(()),
        }
    }
    fn is_generated(&self) -> bool {
        self.file_type() == S_IFREG
    }
    fn generate(&self, cx: &Cx) -> Option<Result<Vec<u8>, Errno>> {
        match &self.what {
            What::File(r) => Some(Ok(r.read.text(cx).into_bytes())),
            What::ProcessFile(pid, r) => {
                Some(cx.world.process(*pid).ok_or(Errno::ESRCH).map(|info| (r.read)(cx, &info)))
            }
            What::NetFile(_, name) => Some(cx.world.net_table(name).ok_or(Errno::ENOENT)),
            What::FdInfo(..) => Some(Ok(Vec::new())),
            _ => None,
        }
    }
    fn write_at(&self, cx: &Cx, _off: u64, buf: &[u8]) -> Result<usize, Errno> {
        match &self.what {
            What::File(Row { write: Some(write), .. }) => write(cx, buf)?,
            What::ProcessFile(pid, PidRow { write: Some(write), .. }) => write(cx, *pid, buf)?,
            _ => return Err(Errno::EINVAL),
        }
        Ok(buf.len())
    }
    fn statfs(&self) -> Result<Statfs, Errno> {
        let f_type = if self.sys { SYSFS_MAGIC } else { PROC_SUPER_MAGIC };
        Ok(Statfs { f_type, f_bsize: 4096, f_frsize: 4096, f_namelen: 255, ..Statfs::default() })
    }
}
