//! Writing into a root that is being assembled, confined to it.
//!
//! Packages may ship symbolic links to absolute paths and files behind them; each path is therefore resolved by
//! the kernel as if the root were `/` (openat2(2), RESOLVE_IN_ROOT), so that nothing is written outside.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{self, AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// A root that is being assembled.
pub struct Tree {
    dir: OwnedFd,
}

impl Tree {
    /// Opens the directory that becomes the root.
    pub fn open(path: &Path) -> Result<Tree> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = fs::open(path, flags, Mode::empty())
            .with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Tree { dir })
    }

    fn resolve(&self, path: &Path) -> Result<OwnedFd, Errno> {
        if path.as_os_str().is_empty() {
            return fs::openat2(
                &self.dir,
                ".",
                OFlags::PATH | OFlags::CLOEXEC,
                Mode::empty(),
                ResolveFlags::IN_ROOT,
            );
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        fs::openat2(&self.dir, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)
    }

    /// Makes a directory and the ones above it. An existing one keeps its place and takes the mode.
    pub fn directory(&self, path: &Path, mode: u32) -> Result<()> {
        let path = relative(path)?;
        let dir = self.make_all(&path)?;
        // An O_PATH descriptor cannot be chmod-ed itself, "." below it can.
        fs::chmodat(&dir, ".", Mode::from_raw_mode(mode), AtFlags::empty()).context(place(&path))
    }

    /// Opens a directory, after making what is missing of it with mode 0755.
    fn make_all(&self, path: &Path) -> Result<OwnedFd> {
        match self.resolve(path) {
            Err(Errno::NOENT) => {}
            other => return other.context(place(path)),
        }
        let (parent, name) = split(path)?;
        let above = self.make_all(parent)?;
        match fs::mkdirat(&above, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error).context(place(path)),
        }
        self.resolve(path).context(place(path))
    }

    /// Writes a file, replacing what is there.
    pub fn file(&self, path: &Path, mode: u32, content: &mut dyn Read) -> Result<()> {
        let path = relative(path)?;
        let (parent, name) = split(&path)?;
        let dir = self.make_all(parent)?;
        remove(&dir, name).context(place(&path))?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&dir, name, flags, Mode::from_raw_mode(0o600)).context(place(&path))?;
        let mut file = File::from(fd);
        io::copy(content, &mut file).context(place(&path))?;
        fs::fchmod(&file, Mode::from_raw_mode(mode)).context(place(&path))
    }

    /// Makes a symbolic link, replacing what is there unless that is a directory, as dpkg does.
    pub fn symlink(&self, path: &Path, target: &Path) -> Result<()> {
        let path = relative(path)?;
        let (parent, name) = split(&path)?;
        let dir = self.make_all(parent)?;
        match remove(&dir, name) {
            Err(Errno::ISDIR) => return Ok(()),
            other => other.context(place(&path))?,
        }
        fs::symlinkat(target, &dir, name).context(place(&path))
    }

    /// Gives a file a second name.
    pub fn hard_link(&self, path: &Path, existing: &Path) -> Result<()> {
        let (path, existing) = (relative(path)?, relative(existing)?);
        let (from_parent, from) = split(&existing)?;
        let (parent, name) = split(&path)?;
        let from_dir = self.resolve(from_parent).context(place(&existing))?;
        let dir = self.make_all(parent)?;
        remove(&dir, name).context(place(&path))?;
        fs::linkat(&from_dir, from, &dir, name, AtFlags::empty()).context(place(&path))
    }

    /// Whether there is something, following links.
    pub fn exists(&self, path: &str) -> bool {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        fs::openat2(&self.dir, path, flags, Mode::empty(), ResolveFlags::IN_ROOT).is_ok()
    }

    /// Opens a file or directory for reading.
    pub fn read(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(File::from(fs::openat2(&self.dir, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)?))
    }
}

/// A path below the root as packages name it (`./usr/bin/x`, `/usr/bin/x`), without its dots.
fn relative(path: &Path) -> Result<PathBuf> {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => clean.push(name),
            Component::ParentDir | Component::Prefix(_) => {
                bail!("the path {} climbs with `..`", path.display())
            }
        }
    }
    Ok(clean)
}

fn split(path: &Path) -> Result<(&Path, &OsStr)> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((parent, name)),
        _ => bail!("the root itself cannot be replaced"),
    }
}

fn place(path: &Path) -> String {
    format!("cannot write /{} in the root", OsStr::from_bytes(path.as_os_str().as_bytes()).display())
}

fn remove(dir: &OwnedFd, name: &OsStr) -> Result<(), Errno> {
    match fs::unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
