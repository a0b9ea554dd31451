//! The family's file tree as the configuration asks for it.

use std::cell::{Cell, OnceCell, RefCell};
use std::path::Path;
use std::rc::Rc;

use abi::Errno;
use abi::fs::{
    MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_RELATIME, OVERLAYFS_SUPER_MAGIC, S_IFDIR, S_IFREG,
    TMPFS_MAGIC,
};
use anyhow::{Context, bail};
use vfs::server::cx::{Creds, Cx};
use vfs::server::dentry::Dentry;
use vfs::server::devfs::{self, PtsDir};
use vfs::server::inode::NodeRef;
use vfs::server::memfs::MemFs;
use vfs::server::walk::{Loc, Stop};
use vfs::server::{Dir, Vfs, procfs};

use super::host::{HostFs, HostNode};
use super::store::Store;
use super::{Server, world};
use crate::config::{Config, Volume};
use crate::family::Family;

/// Device number `n` of a file system without a device.
fn dev(n: &mut u64) -> u64 {
    *n += 1;
    abi::fs::makedev(0, 40 + *n as u32)
}

/// Runs `f` as root, before there is any process.
fn as_root<T>(f: impl FnOnce(&Cx) -> T) -> T {
    let creds = Creds::default();
    f(&Cx { pid: 1, tid: 1, creds: &creds, now: super::now(), world: &world::Nobody })
}

fn plain(stop: Stop) -> Errno {
    match stop {
        Stop::Errno(e) => e,
        Stop::OwnFd { .. } => Errno::ENOENT,
    }
}

fn open_host(path: &Path, dev: Option<u64>, writable: bool, store: &Store) -> anyhow::Result<Rc<HostNode>> {
    HostFs::open(path, dev, writable, store.spent.clone())
        .map_err(|e| anyhow::anyhow!("cannot use {}: {}", path.display(), e.message()))
}

/// The server as configured.
pub(super) fn build(config: &Config) -> anyhow::Result<Server> {
    as_root(|cx| build_as(cx, config))
}

fn build_as(cx: &Cx, config: &Config) -> anyhow::Result<Server> {
    let store = Rc::new(Store { spent: Rc::new(RefCell::default()) });
    let mut n = 0;
    let mem = |n: &mut u64, magic| MemFs::new(dev(n), magic, store.clone(), u64::MAX);
    let lower_path = config.root.as_deref().unwrap_or(Path::new("/"));
    let vfs = if config.writable_root {
        let root: NodeRef = open_host(lower_path, Some(dev(&mut n)), true, &store)?;
        if !root.attr(cx)?.is_dir() {
            bail!("the root {} is not a directory", lower_path.display());
        }
        Vfs::new(Dentry::root(root, b""), b"bind", b"root", MS_RELATIME)
    } else {
        let lower: NodeRef = open_host(lower_path, None, false, &store)?;
        if lower.file_type() != S_IFDIR {
            bail!("the root {} is not a directory", lower_path.display());
        }
        // Found out now, so that the message names the directory.
        lower
            .open_check(cx, true, false)
            .map_err(|e| anyhow::anyhow!("cannot read the root {}: {}", lower_path.display(), e.message()))?;
        let root = mem(&mut n, OVERLAYFS_SUPER_MAGIC).over(cx, lower)?;
        Vfs::new(Dentry::root(root, b""), b"overlay", b"overlay", MS_RELATIME)
    };
    let tmpfs = |n: &mut u64, mode: u32| -> NodeRef { mem(n, TMPFS_MAGIC).root(mode, cx.now) };

    let dev_root = devfs::root(cx, &mem(&mut n, TMPFS_MAGIC))?;
    let hard = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    let mount = |at: &[u8], root: NodeRef, flags: u64, fstype: &[u8]| {
        mount_at(cx, &vfs, at, Dentry::root(root, b""), flags | MS_RELATIME, fstype, fstype)
    };
    mount(b"/proc", procfs::proc_root(dev(&mut n)), hard, b"proc")?;
    mount(b"/sys", procfs::sys_root(dev(&mut n)), hard | MS_RDONLY, b"sysfs")?;
    mount(b"/dev", dev_root, MS_NOSUID, b"tmpfs")?;
    mount(b"/dev/pts", PtsDir::new(dev(&mut n)), MS_NOSUID | MS_NOEXEC, b"devpts")?;
    mount(b"/dev/shm", tmpfs(&mut n, 0o1777), MS_NOSUID | MS_NODEV, b"tmpfs")?;
    if config.root.is_none() {
        // The host's own sockets and run-time files are none of the family's business.
        mount(b"/run", tmpfs(&mut n, 0o755), MS_NOSUID | MS_NODEV, b"tmpfs")?;
    }
    for volume in &config.volumes {
        add_volume(cx, &vfs, volume, dev(&mut n), &store)?;
    }
    if config.root.is_some() {
        make_dir(cx, &vfs, b"/tmp", 0o1777)?;
    }
    Ok(Server {
        anonymous: mem(&mut n, TMPFS_MAGIC),
        vfs,
        locks: Default::default(),
        named: RefCell::default(),
        notify: Default::default(),
        store,
        numbers: RefCell::default(),
        oom: RefCell::default(),
        next_dev: Cell::new(100),
        told: Cell::new(0),
        facts: OnceCell::new(),
    })
}

fn find(cx: &Cx, vfs: &Vfs, path: &[u8]) -> Result<Loc, Errno> {
    vfs.find(cx, &Dir::Cwd, path, true, false).map(|f| f.loc).map_err(plain)
}

/// Makes a directory that does not exist yet.
fn make_dir(cx: &Cx, vfs: &Vfs, path: &[u8], mode: u32) -> anyhow::Result<()> {
    match vfs.mkdir(cx, &Dir::Cwd, path, mode).map_err(plain) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(e) => bail!("cannot make {} in the guest: {}", String::from_utf8_lossy(path), e.message()),
    }
}

/// Makes the mount point `path` and everything above it, and finds it.
fn mount_point(cx: &Cx, vfs: &Vfs, path: &[u8], dir: bool) -> anyhow::Result<Loc> {
    if let Ok(loc) = find(cx, vfs, path) {
        return Ok(loc);
    }
    let ends = path.iter().enumerate().filter(|(i, b)| *i > 0 && **b == b'/').map(|(i, _)| i);
    for end in ends {
        if find(cx, vfs, &path[..end]).is_err() {
            make_dir(cx, vfs, &path[..end], 0o755)?;
        }
    }
    let name = String::from_utf8_lossy(path);
    if dir {
        make_dir(cx, vfs, path, 0o755)?;
    } else {
        vfs.mknod(cx, &Dir::Cwd, path, S_IFREG | 0o644, 0)
            .map_err(plain)
            .with_context(|| format!("cannot make {name} in the guest"))?;
    }
    find(cx, vfs, path).with_context(|| format!("cannot mount on {name} in the guest"))
}

fn mount_at(
    cx: &Cx,
    vfs: &Vfs,
    path: &[u8],
    root: Rc<Dentry>,
    flags: u64,
    fstype: &[u8],
    source: &[u8],
) -> anyhow::Result<()> {
    let at = mount_point(cx, vfs, path, root.node.file_type() == S_IFDIR)?;
    vfs.mount_on(&at, root, flags, fstype, source)
        .with_context(|| format!("cannot mount on {} in the guest", String::from_utf8_lossy(path)))?;
    Ok(())
}

fn add_volume(cx: &Cx, vfs: &Vfs, v: &Volume, dev: u64, store: &Store) -> anyhow::Result<()> {
    let root: NodeRef = open_host(&v.host, Some(dev), !v.read_only, store)?;
    if !matches!(root.file_type(), S_IFDIR | S_IFREG) {
        bail!("cannot mount {}: it is neither a file nor a directory", v.host.display());
    }
    let flags = if v.read_only { MS_RDONLY } else { 0 } | MS_NODEV | MS_NOSUID | MS_RELATIME;
    let source = v.host.as_os_str().as_encoded_bytes();
    mount_at(cx, vfs, &v.guest, Dentry::root(root, b""), flags, b"bind", source)
}

/// The first process starts in the configured directory, which is made if it is missing.
pub(super) fn first_process(fam: &mut Family, pid: u32) -> anyhow::Result<()> {
    let dir = if fam.config.workdir.is_empty() { b"/".to_vec() } else { fam.config.workdir.clone() };
    let vfs = &fam.fs.vfs;
    let loc = as_root(|cx| mount_point(cx, vfs, &dir, true))?;
    if !loc.is_dir() {
        bail!("the working directory {} is not a directory", String::from_utf8_lossy(&dir));
    }
    vfs.set_place(pid, |p| p.cwd = loc);
    Ok(())
}
