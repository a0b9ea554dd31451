//! The mount table: which file system's root covers which name.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use abi::Errno;
use abi::fs::{MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_RELATIME, ST_RDONLY};

use crate::server::dentry::Dentry;
use crate::server::path;
use crate::server::walk::Loc;

/// One mount.
pub struct Mount {
    pub id: u32,
    /// What is seen at the mount point.
    pub root: Rc<Dentry>,
    /// The covered place; `None` for the family's root.
    pub at: RefCell<Option<Loc>>,
    /// MS_RDONLY, MS_NODEV and so on.
    pub flags: Cell<u64>,
    /// As /proc/mounts shows it.
    pub fstype: Box<[u8]>,
    pub source: Box<[u8]>,
}

impl Mount {
    /// A mount that is in no table: for nodes without a name, as those of memfd_create(2).
    pub fn detached(root: Rc<Dentry>, fstype: &[u8]) -> Rc<Self> {
        Rc::new(Self {
            id: 1,
            root,
            at: RefCell::new(None),
            flags: Cell::new(0),
            fstype: fstype.into(),
            source: fstype.into(),
        })
    }

    /// EROFS on a read-only mount.
    pub fn writable(&self) -> Result<(), Errno> {
        if self.flags.get() & MS_RDONLY != 0 { Err(Errno::EROFS) } else { Ok(()) }
    }

    /// The f_flags of statfs(2); the values are those of the mount flags but for ST_VALID.
    pub fn statfs_flags(&self) -> u64 {
        let f = self.flags.get() & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
        debug_assert_eq!(MS_RDONLY, ST_RDONLY);
        f | abi::fs::ST_VALID | if self.flags.get() & MS_RELATIME != 0 { abi::fs::ST_RELATIME } else { 0 }
    }

    fn options(&self) -> Vec<u8> {
        let f = self.flags.get();
        let mut out = Vec::from(if f & MS_RDONLY != 0 { &b"ro"[..] } else { b"rw" });
        for (bit, text) in [
            (MS_NOSUID, &b",nosuid"[..]),
            (MS_NODEV, b",nodev"),
            (MS_NOEXEC, b",noexec"),
            (MS_RELATIME, b",relatime"),
        ] {
            if f & bit != 0 {
                out.extend_from_slice(text);
            }
        }
        out
    }
}

/// All mounts of a family, in the order they were made.
#[derive(Default)]
pub struct Mounts {
    list: RefCell<Vec<Rc<Mount>>>,
    next: Cell<u32>,
}

impl Mounts {
    /// Mounts `root` at `at` (or as the family's root).
    pub fn add(
        &self,
        at: Option<Loc>,
        root: Rc<Dentry>,
        flags: u64,
        fstype: &[u8],
        source: &[u8],
    ) -> Rc<Mount> {
        // Small numbers are left free: mount ids of real systems start near 20 as well.
        let id = self.next.get() + 1;
        self.next.set(id);
        if let Some(at) = &at {
            at.dentry.mounts.set(at.dentry.mounts.get() + 1);
        }
        let mount = Rc::new(Mount {
            id: id + 20,
            root,
            at: RefCell::new(at),
            flags: Cell::new(flags),
            fstype: fstype.into(),
            source: source.into(),
        });
        self.list.borrow_mut().push(mount.clone());
        mount
    }

    /// Unmounts; EBUSY when other mounts sit on it (unless `detach`, which takes them along).
    pub fn remove(&self, mount: &Rc<Mount>, detach: bool) -> Result<(), Errno> {
        let above: Vec<Rc<Mount>> = self
            .list
            .borrow()
            .iter()
            .filter(|m| m.at.borrow().as_ref().is_some_and(|at| Rc::ptr_eq(&at.mount, mount)))
            .cloned()
            .collect();
        if !above.is_empty() && !detach {
            return Err(Errno::EBUSY);
        }
        for m in above {
            self.remove(&m, true)?;
        }
        if let Some(at) = mount.at.borrow().as_ref() {
            at.dentry.mounts.set(at.dentry.mounts.get().saturating_sub(1));
        }
        self.list.borrow_mut().retain(|m| !Rc::ptr_eq(m, mount));
        Ok(())
    }

    /// The topmost mount on a place, followed upwards.
    pub fn cross(&self, mut loc: Loc) -> Loc {
        while loc.dentry.mounts.get() > 0 {
            let on = self
                .list
                .borrow()
                .iter()
                .rev()
                .find(|m| m.at.borrow().as_ref().is_some_and(|at| at.same(&loc)))
                .cloned();
            let Some(mount) = on else { break };
            loc = Loc { dentry: mount.root.clone(), mount };
        }
        loc
    }

    /// All mounts.
    pub fn all(&self) -> Vec<Rc<Mount>> {
        self.list.borrow().clone()
    }

    /// Drops unused cached names of all file systems.
    pub fn prune(&self) -> usize {
        self.all().iter().map(|m| m.root.prune()).sum()
    }

    /// The lines of /proc/PID/mounts, or of mountinfo, as seen from `root` (proc_pid_mountinfo(5)).
    pub fn lines(&self, root: &Loc, info: bool) -> Vec<u8> {
        let mut out = Vec::new();
        for m in self.all() {
            let top = Loc { mount: m.clone(), dentry: m.root.clone() };
            let Some(at) = path::visible(root, &top) else { continue };
            let options = m.options();
            if info {
                let parent = m.at.borrow().as_ref().map_or(1, |at| at.mount.id);
                let dev = m.root.key().0;
                push(&mut out, &[&num(m.id), b" ", &num(parent), b" ", &num(abi::fs::major(dev))]);
                push(&mut out, &[b":", &num(abi::fs::minor(dev)), b" / ", &escape(&at), b" ", &options]);
                push(&mut out, &[b" - ", &m.fstype, b" ", &escape(&m.source), b" ", &options[..2], b"\n"]);
            } else {
                push(&mut out, &[&escape(&m.source), b" ", &escape(&at), b" ", &m.fstype, b" ", &options]);
                out.extend_from_slice(b" 0 0\n");
            }
        }
        out
    }
}

fn num(n: u32) -> Vec<u8> {
    alloc::format!("{n}").into_bytes()
}

fn push(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for p in parts {
        out.extend_from_slice(p);
    }
}

/// Blanks and backslashes as octal escapes, fstab(5).
fn escape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for &b in text {
        match b {
            b' ' | b'\t' | b'\n' | b'\\' => out.extend_from_slice(alloc::format!("\\{b:03o}").as_bytes()),
            _ => out.push(b),
        }
    }
    out
}
