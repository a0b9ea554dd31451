//! The folders of labs: one for what all of them share, and one for each lab's own state, so that several run side by
//! side. `OFFSHOOT_LAB` or `--lab` chooses the lab by name.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use portkit::Cache;

/// One lab's folder.
#[derive(Clone, Debug)]
pub struct Place {
    dir: PathBuf,
}

impl Place {
    /// The folder of the lab of this name, made if it is missing.
    pub fn open(cache: &Cache, name: &str) -> Result<Place> {
        let fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 32 || !name.chars().all(fine) {
            bail!("`{name}` is no name for a lab: letters, digits, - and _ make one");
        }
        let place = Place { dir: cache.dir().join("labs").join(name) };
        for dir in [place.dir.clone(), place.jobs(), place.binaries()] {
            fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        Ok(place)
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What dom0 sees as /lab.
    pub fn share(&self) -> PathBuf {
        self.dir.join("share")
    }

    /// Commands to be run in dom0, a folder each.
    pub fn jobs(&self) -> PathBuf {
        self.share().join("jobs")
    }

    /// Programs for dom0, on its PATH.
    pub fn binaries(&self) -> PathBuf {
        self.share().join("bin")
    }

    /// What Xen and dom0 print.
    pub fn console(&self) -> PathBuf {
        self.dir.join("console.log")
    }

    /// What QEMU prints.
    pub fn qemu_log(&self) -> PathBuf {
        self.dir.join("qemu.log")
    }

    /// The running emulator: its pid and the agent's port, a line each.
    pub fn running(&self) -> PathBuf {
        self.dir.join("running")
    }

    /// Seconds that the last run of all tests took.
    pub fn tested(&self) -> PathBuf {
        self.dir.join("tested")
    }

    /// The emulator's monitor.
    pub fn monitor(&self) -> PathBuf {
        self.dir.join("monitor")
    }

    /// The emulated second serial line.
    pub fn terminal(&self) -> PathBuf {
        self.dir.join("terminal")
    }

    /// Locked while somebody starts or stops the lab.
    pub fn lock(&self) -> Result<fs::File> {
        let path = self.dir.join("lock");
        let file = fs::File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(file)
    }
}
