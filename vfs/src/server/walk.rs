//! The path walk, path_resolution(7): one component after the other, with symbolic links, mounts, `..`, chroot, the
//! RESOLVE_* limits of openat2(2), and Linux's choice of error number for everything that can be wrong.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::ops::Range;

use abi::Errno;
use abi::fs::{
    NAME_MAX, PATH_MAX, RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS,
    RESOLVE_NO_XDEV, S_IFDIR, S_IFLNK, SYMLOOP_MAX,
};

use crate::server::cx::Cx;
use crate::server::dentry::Dentry;
use crate::server::inode::Magic;
use crate::server::mount::{Mount, Mounts};
use crate::server::perm;

/// A name in a mount.
#[derive(Clone)]
pub struct Loc {
    pub mount: Rc<Mount>,
    pub dentry: Rc<Dentry>,
}

impl Loc {
    /// True for the same name in the same mount.
    pub fn same(&self, other: &Loc) -> bool {
        Rc::ptr_eq(&self.mount, &other.mount) && Rc::ptr_eq(&self.dentry, &other.dentry)
    }

    /// True for a directory.
    pub fn is_dir(&self) -> bool {
        self.dentry.node.file_type() == S_IFDIR
    }
}

/// Root and working directory of a process.
#[derive(Clone)]
pub struct Place {
    pub root: Loc,
    pub cwd: Loc,
}

/// Why a walk ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It failed.
    Errno(Errno),
    /// It reached a magic link to the caller's own descriptor, with this much of the path left.
    OwnFd { fd: u32, rest: Vec<u8> },
}

impl From<Errno> for Stop {
    fn from(e: Errno) -> Self {
        Stop::Errno(e)
    }
}

/// The last component of a path whose directory was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Last {
    /// The path ended at the directory itself: only slashes, or a magic link.
    Here,
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// A name, and whether slashes follow it.
    Name { at: Range<usize>, slash: bool },
}

/// A walk under way.
pub struct Walker<'a> {
    mounts: &'a Mounts,
    cx: &'a Cx<'a>,
    root: Loc,
    /// Where the walk is.
    pub cur: Loc,
    rest: Vec<u8>,
    pos: usize,
    links: usize,
    resolve: u64,
    beneath: Option<Loc>,
    /// Something on the way may change behind the server's back: the result must not be cached.
    pub volatile: bool,
}

impl<'a> Walker<'a> {
    /// Starts at `dir` (for a relative path; the working directory usually).
    pub fn new(
        mounts: &'a Mounts,
        cx: &'a Cx<'a>,
        place: &Place,
        dir: &Loc,
        path: &[u8],
        resolve: u64,
    ) -> Result<Self, Stop> {
        if path.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        if path.contains(&0) {
            return Err(Errno::EINVAL.into());
        }
        if path.len() >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG.into());
        }
        let beneath = (resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT) != 0).then(|| dir.clone());
        let root = if resolve & RESOLVE_IN_ROOT != 0 { dir.clone() } else { place.root.clone() };
        let mut w = Walker {
            mounts,
            cx,
            root,
            cur: dir.clone(),
            rest: path.to_vec(),
            pos: 0,
            links: 0,
            resolve,
            beneath,
            volatile: !dir.dentry.node.stable(),
        };
        if path[0] == b'/' {
            w.go_to_root()?;
        } else if !w.cur.is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        Ok(w)
    }

    /// Bytes of a component.
    pub fn name(&self, at: &Range<usize>) -> &[u8] {
        &self.rest[at.clone()]
    }

    fn go_to_root(&mut self) -> Result<(), Errno> {
        if self.resolve & RESOLVE_BENEATH != 0 {
            return Err(Errno::EXDEV);
        }
        if self.resolve & RESOLVE_NO_XDEV != 0 && !Rc::ptr_eq(&self.root.mount, &self.cur.mount) {
            return Err(Errno::EXDEV);
        }
        self.cur = self.root.clone();
        Ok(())
    }

    fn component(&mut self) -> Option<(Range<usize>, bool)> {
        while self.rest.get(self.pos) == Some(&b'/') {
            self.pos += 1;
        }
        if self.pos == self.rest.len() {
            return None;
        }
        let start = self.pos;
        let end = self.rest[start..].iter().position(|&b| b == b'/').map_or(self.rest.len(), |n| start + n);
        self.pos = end;
        let last = self.rest[end..].iter().all(|&b| b == b'/');
        Some((start..end, last))
    }

    /// Walks everything but the last component.
    pub fn parent(&mut self) -> Result<Last, Stop> {
        loop {
            let Some((at, last)) = self.component() else { return Ok(Last::Here) };
            let slash = self.pos < self.rest.len();
            match &self.rest[at.clone()] {
                b"." if last => return Ok(Last::Dot),
                b".." if last => return Ok(Last::DotDot),
                b"." => self.search()?,
                b".." => self.up()?,
                _ if last => return Ok(Last::Name { at, slash }),
                _ => {
                    let child = self.lookup(&at)?;
                    if child.dentry.node.file_type() == S_IFLNK {
                        self.follow(&child)?;
                        if !self.cur.is_dir() {
                            return Err(Errno::ENOTDIR.into());
                        }
                    } else if !child.is_dir() {
                        return Err(Errno::ENOTDIR.into());
                    } else {
                        self.cur = child;
                    }
                }
            }
        }
    }

    /// Walks to the end; `follow`: through a symbolic link at the end too.
    pub fn finish(&mut self, follow: bool) -> Result<Loc, Stop> {
        loop {
            match self.parent()? {
                Last::Here => return Ok(self.cur.clone()),
                Last::Dot => {
                    self.search()?;
                    return Ok(self.cur.clone());
                }
                Last::DotDot => {
                    self.up()?;
                    return Ok(self.cur.clone());
                }
                Last::Name { at, slash } => {
                    let child = self.lookup(&at)?;
                    if child.dentry.node.file_type() == S_IFLNK && (follow || slash) {
                        self.follow(&child)?;
                        continue;
                    }
                    if slash && !child.is_dir() {
                        return Err(Errno::ENOTDIR.into());
                    }
                    self.cur = child.clone();
                    return Ok(child);
                }
            }
        }
    }

    /// ENOTDIR or EACCES unless names may be looked up here.
    pub fn search(&self) -> Result<(), Errno> {
        if !self.cur.is_dir() {
            return Err(Errno::ENOTDIR);
        }
        perm::check(&self.cur.dentry.node.attr(self.cx)?, self.cx.creds, perm::EXEC)
    }

    /// Looks a component up in the current directory, and crosses into what is mounted there.
    pub fn lookup(&mut self, at: &Range<usize>) -> Result<Loc, Errno> {
        self.search()?;
        let name = &self.rest[at.clone()];
        if name.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let dir = &self.cur.dentry;
        let stable = dir.node.stable();
        let found = match dir.cached(name) {
            Some(d) if stable || d.mounts.get() > 0 => d,
            _ => match dir.node.lookup(self.cx, name) {
                Ok(node) => dir.child(name, node),
                Err(e) => {
                    if !stable && e == Errno::ENOENT {
                        dir.forget(name);
                    }
                    self.volatile |= !stable;
                    return Err(e);
                }
            },
        };
        self.volatile |= !found.node.stable();
        let below = Loc { mount: self.cur.mount.clone(), dentry: found };
        let loc = self.mounts.cross(below);
        if self.resolve & RESOLVE_NO_XDEV != 0 && !Rc::ptr_eq(&loc.mount, &self.cur.mount) {
            return Err(Errno::EXDEV);
        }
        Ok(loc)
    }

    fn up(&mut self) -> Result<(), Errno> {
        self.search()?;
        if self.cur.same(&self.root) {
            return Ok(());
        }
        if self.resolve & RESOLVE_BENEATH != 0 && self.beneath.as_ref().is_some_and(|b| b.same(&self.cur)) {
            return Err(Errno::EXDEV);
        }
        let mut at = self.cur.clone();
        while Rc::ptr_eq(&at.dentry, &at.mount.root) {
            let below = at.mount.at.borrow().clone();
            let Some(below) = below else { return Ok(()) };
            at = below;
            if at.same(&self.root) {
                break;
            }
        }
        if let Some(parent) = at.dentry.parent()
            && !at.same(&self.root)
        {
            at.dentry = parent;
        }
        let up = self.mounts.cross(at);
        if self.resolve & RESOLVE_NO_XDEV != 0 && !Rc::ptr_eq(&up.mount, &self.cur.mount) {
            return Err(Errno::EXDEV);
        }
        self.cur = up;
        Ok(())
    }

    /// Follows the symbolic link `link`, found in the current directory: the rest of the walk goes on from there.
    pub fn follow(&mut self, link: &Loc) -> Result<(), Stop> {
        self.links += 1;
        if self.links > SYMLOOP_MAX || self.resolve & RESOLVE_NO_SYMLINKS != 0 {
            return Err(Errno::ELOOP.into());
        }
        let node = &link.dentry.node;
        match node.magic(self.cx) {
            Some(_) if self.resolve & RESOLVE_NO_MAGICLINKS != 0 => return Err(Errno::ELOOP.into()),
            Some(_) if self.beneath.is_some() => return Err(Errno::EXDEV.into()),
            Some(Magic::Place(loc)) => {
                if self.resolve & RESOLVE_NO_XDEV != 0 && !Rc::ptr_eq(&loc.mount, &self.cur.mount) {
                    return Err(Errno::EXDEV.into());
                }
                self.cur = loc;
                return Ok(());
            }
            Some(Magic::OwnFd(fd)) => {
                let rest = &self.rest[self.pos..];
                let skip = rest.iter().take_while(|&&b| b == b'/').count();
                // A slash behind the link asks for a directory, even when nothing else follows.
                let rest = if skip > 0 && skip == rest.len() { b".".to_vec() } else { rest[skip..].to_vec() };
                return Err(Stop::OwnFd { fd, rest });
            }
            None => {}
        }
        let mut target = node.read_link(self.cx)?;
        if target.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        if target[0] == b'/' {
            self.go_to_root()?;
        }
        target.extend_from_slice(&self.rest[self.pos..]);
        self.rest = target;
        self.pos = 0;
        Ok(())
    }
}
