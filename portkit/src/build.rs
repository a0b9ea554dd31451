//! Assembling a root from packages, atomically, and keeping finished roots.
//!
//! `roots/NAME-KEY` is a finished root; the key is a digest of the port's folder and the resolved packages.
//! `roots/NAME.current` names the newest one and the digest of the port it was made for. A root in use is locked
//! (shared) by whoever uses it, so that a build removes only superseded roots that nobody uses.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::apt::{Apt, Package};
use crate::tree::Tree;
use crate::{Cache, Port, Progress, deb, ldcache, skeleton};

/// Counts up when roots of the same port and packages come to look different.
const LAYOUT: u32 = 1;
/// The prefix of a root that is being assembled.
const UNFINISHED: &str = ".new-";

/// A finished root. While it is alive, no build removes the folder.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    /// The folder itself, opened and locked shared.
    _lock: File,
}

impl Root {
    /// The folder: a Debian file system that belongs to the user who built it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens and locks a finished root; None if it is gone.
    fn open(path: PathBuf) -> Result<Option<Root>> {
        let context = || format!("cannot lock {}", path.display());
        let lock = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(context),
        };
        lock.lock_shared().with_context(context)?;
        // Between opening and locking it may have been pruned.
        let locked = lock.metadata().with_context(context)?;
        match fs::metadata(&path) {
            Ok(now) if (now.dev(), now.ino()) == (locked.dev(), locked.ino()) => {
                Ok(Some(Root { path, _lock: lock }))
            }
            _ => Ok(None),
        }
    }
}

/// The root that was built for the port as it is now; built first if there is none. Asks no network otherwise.
pub fn open_root(port: &Port, cache: &Cache, progress: &Progress) -> Result<Root> {
    match current(port, cache)? {
        Some(root) => Ok(root),
        None => build_root(port, cache, progress),
    }
}

/// The root for the port and the newest packages; assembled if it is not there yet.
pub fn build_root(port: &Port, cache: &Cache, progress: &Progress) -> Result<Root> {
    let _lock = cache.lock(progress)?;
    sweep(&cache.roots());
    let context = || format!("cannot build the port {}", port.name);
    let apt = Apt::new(cache.apt()).with_context(context)?;
    let (packages, files) = fetch(&apt, port, progress).with_context(context)?;

    let source = port.digest()?;
    let name = format!("{}-{}", port.name, key(&source, &packages));
    let path = cache.roots().join(&name);
    if !path.is_dir() {
        assemble(port, &files, &path, progress).with_context(context)?;
    }
    let stamp = stamp(port, cache);
    write_atomically(&stamp, &format!("{source}\n{name}\n"))?;
    let root = Root::open(path.clone())?
        .with_context(|| format!("{} vanished while it was built", path.display()))?;
    prune(port, cache, &name);
    Ok(root)
}

fn stamp(port: &Port, cache: &Cache) -> PathBuf {
    cache.roots().join(format!("{}.current", port.name))
}

fn current(port: &Port, cache: &Cache) -> Result<Option<Root>> {
    let Ok(text) = fs::read_to_string(stamp(port, cache)) else { return Ok(None) };
    match text.lines().collect::<Vec<_>>()[..] {
        [source, name] if source == port.digest()? => Root::open(cache.roots().join(name)),
        _ => Ok(None),
    }
}

/// Resolves and downloads. Lists may name packages that the archive has replaced since: then once more with new
/// lists.
fn fetch(apt: &Apt, port: &Port, progress: &Progress) -> Result<(Vec<Package>, Vec<PathBuf>)> {
    let attempt = || {
        apt.update(progress)?;
        let packages = apt.resolve(&port.packages, progress)?;
        let files = apt.download(&port.packages, &packages, progress)?;
        Ok((packages, files))
    };
    attempt().or_else(|_: anyhow::Error| {
        apt.expire_lists();
        attempt()
    })
}

fn key(source: &str, packages: &[Package]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{LAYOUT}\n{source}\n"));
    for package in packages {
        hash.update(package.file_name());
        hash.update("\n");
    }
    let mut hex = format!("{:x}", hash.finalize());
    hex.truncate(12);
    hex
}

fn assemble(port: &Port, files: &[PathBuf], path: &Path, progress: &Progress) -> Result<()> {
    let step = progress.step("Unpacking", &port.name);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let work = Unfinished(path.with_file_name(format!("{UNFINISHED}{name}")));
    fs::create_dir(&work.0).with_context(|| format!("cannot make {}", work.0.display()))?;
    let tree = Tree::open(&work.0)?;
    skeleton::lay(&tree)?;
    for (done, file) in files.iter().enumerate() {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        step.at(done as u64, files.len() as u64, name.split('_').next().unwrap_or_default());
        deb::unpack(file, &tree)?;
    }
    skeleton::add_port(&tree, port)?;
    ldcache::write(&tree)?;
    fs::rename(&work.0, path).with_context(|| format!("cannot finish {}", path.display()))?;
    step.done("Built", &format!("{} from {} packages", port.name, files.len()));
    Ok(())
}

/// A folder that is removed again unless it was renamed.
pub(crate) struct Unfinished(pub(crate) PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After the rename there is nothing to remove.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes what an interrupted build left; the lock on the cache is held.
fn sweep(roots: &Path) {
    for entry in fs::read_dir(roots).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Removes the superseded roots of the port that nobody uses.
fn prune(port: &Port, cache: &Cache, keep: &str) {
    for entry in fs::read_dir(cache.roots()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_root_of = name.rsplit_once('-').is_some_and(|(of, key)| of == port.name && key.len() == 12);
        if !is_root_of || name == keep {
            continue;
        }
        if File::open(entry.path()).is_ok_and(|dir| dir.try_lock().is_ok()) {
            let doomed = cache.roots().join(format!("{UNFINISHED}{name}"));
            if fs::rename(entry.path(), &doomed).is_ok() {
                let _ = fs::remove_dir_all(&doomed);
            }
        }
    }
}

fn write_atomically(path: &Path, content: &str) -> Result<()> {
    let temp = path.with_extension("new");
    fs::write(&temp, content)
        .and_then(|()| fs::rename(&temp, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
