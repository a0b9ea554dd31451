//! A folder that exists as long as its value does.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A fresh folder of mode 0777 (a case may give up its identity), removed on drop.
pub struct TempDir(PathBuf);

impl TempDir {
    /// Creates a folder in the host's folder for temporary files.
    pub fn new(label: &str) -> Result<TempDir> {
        TempDir::within(&env::temp_dir(), label)
    }

    /// Creates one elsewhere.
    pub fn within(folder: &Path, label: &str) -> Result<TempDir> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("compat-{label}-{}-{number}", process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777))?;
        Ok(TempDir(path))
    }

    /// Removes folders that this program left when it was killed.
    pub fn sweep(folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if left_by(&name).is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                drop(TempDir(entry.path()));
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        make_removable(&self.0);
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The process whose folder has this name: `compat-LABEL-PID-NUMBER`.
fn left_by(name: &str) -> Option<&str> {
    let mut parts = name.strip_prefix("compat-")?.rsplit('-');
    let number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    parts.next().filter(number)?;
    parts.next().filter(number)
}

/// A case may leave folders that their owner cannot search.
fn make_removable(dir: &Path) {
    let _ = fs::set_permissions(dir, fs::Permissions::from_mode(0o777));
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_removable(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_own_names() {
        assert_eq!(super::left_by("compat-suite-123-4"), Some("123"));
        assert_eq!(super::left_by("compat-suite-x-4"), None);
        assert_eq!(super::left_by("other-123-4"), None);
    }
}
