//! The cache: apt's private state, the downloaded packages, and the finished roots.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::Progress;

/// The folder that keeps package lists (`apt/`), packages and roots (`roots/`) between builds.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// The user's cache: `$OFFSHOOT_CACHE`, else `$XDG_CACHE_HOME/offshoot`, else `~/.cache/offshoot`.
    pub fn open_default() -> Result<Cache> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let dir = set("OFFSHOOT_CACHE")
            .or_else(|| set("XDG_CACHE_HOME").map(|dir| dir.join("offshoot")))
            .or_else(|| set("HOME").map(|dir| dir.join(".cache/offshoot")));
        let Some(dir) = dir else {
            bail!("there is no HOME to keep a cache in; set OFFSHOOT_CACHE to a directory")
        };
        Cache::open(&dir)
    }

    /// The cache in this folder, which is made if it is missing.
    pub fn open(dir: &Path) -> Result<Cache> {
        let context = || format!("cannot use {} as the cache", dir.display());
        fs::create_dir_all(dir).with_context(context)?;
        // Links to a root are read by others too: they must not depend on the current directory.
        let dir = dir.canonicalize().with_context(context)?;
        for part in ["apt", "roots"] {
            fs::create_dir_all(dir.join(part)).with_context(context)?;
        }
        Ok(Cache { dir })
    }

    /// The folder itself, for whatever else is kept between runs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// apt's private folder.
    pub(crate) fn apt(&self) -> PathBuf {
        self.dir.join("apt")
    }

    /// The private folder of the apt that knows source packages.
    pub(crate) fn apt_of_sources(&self) -> PathBuf {
        self.dir.join("apt-sources")
    }

    /// The folder `name` of the cache, for what is kept beside the roots; made if it is missing.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// The folder of the finished roots.
    pub(crate) fn roots(&self) -> PathBuf {
        self.dir.join("roots")
    }

    /// Waits for other builds that use this cache, and keeps them out while the file is open.
    pub(crate) fn lock(&self, progress: &Progress) -> Result<File> {
        let path = self.dir.join("lock");
        let context = || format!("cannot lock {}", path.display());
        let file = File::create(&path).with_context(context)?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error).with_context(context),
        }
        let step = progress.step("Waiting", "for another build that uses the same cache");
        file.lock().with_context(context)?;
        step.clear();
        Ok(file)
    }
}
