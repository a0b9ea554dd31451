//! Building what a suite needs with the machine's C compiler, in the cache, and never in the unpacked sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, bail};
use portkit::{Cache, Port, Progress, Root, open_root};

/// How many compilers run at once.
const COMPILERS: usize = 2;

/// A folder for what is built of a suite, and whether an earlier run finished it. `key` names what it is built of.
pub struct Built {
    /// The folder.
    pub path: PathBuf,
    /// Whether it is complete.
    pub done: bool,
}

impl Built {
    /// The folder for this key; what other keys left is removed.
    pub fn open(cache: &Cache, suite: &str, key: &str) -> Result<Built> {
        let all = cache.folder(&format!("compat/{suite}"))?;
        for entry in fs::read_dir(&all)?.flatten() {
            if entry.file_name().to_string_lossy() != key {
                // What cannot be removed only takes room.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let path = all.join(key);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Built { done: path.join(".done").is_file(), path })
    }

    /// Marks it complete.
    pub fn finish(&self) -> Result<()> {
        fs::write(self.path.join(".done"), "")
            .with_context(|| format!("cannot write in {}", self.path.display()))
    }
}

/// The root of a suite's port, which is described by a text that belongs to this program.
pub fn root(cache: &Cache, name: &str, text: &str, progress: &Progress) -> Result<Root> {
    let dir = cache.folder("compat/ports")?.join(name);
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let file = dir.join("port.toml");
    if fs::read_to_string(&file).ok().as_deref() != Some(text) {
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    open_root(&Port::load(&dir)?, cache, progress)
}

/// Compiles one program; the compiler's first complaint is the error.
pub fn compile(sources: &[&Path], program: &Path, options: &[&str]) -> Result<()> {
    let mut command = Command::new("cc");
    command.args(["-O1", "-w", "-o"]).arg(program).args(sources).args(options).stdin(Stdio::null());
    let output = command.env("LC_ALL", "C").output().context("cannot run the C compiler cc")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let line = text.lines().find(|line| line.contains("error") || line.contains("undefined"));
        bail!("{}", line.or(text.lines().next()).unwrap_or("the compiler failed"));
    }
    Ok(())
}

/// Makes a locale of the sources that a root has.
pub fn locale(root: &Path, language: &str, charset: &str, to: &Path) -> Result<()> {
    let mut command = Command::new("localedef");
    command.args(["--no-archive", "--force", "-i", language, "-f", charset]).arg(to).stdin(Stdio::null());
    let output =
        command.env("I18NPATH", root.join("usr/share/i18n")).output().context("cannot run localedef")?;
    // Warnings make it end with 1, though the locale is there.
    if !to.is_dir() {
        bail!(
            "no locale {language}: {}",
            String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("")
        );
    }
    Ok(())
}

/// Does `work` for all items, a few at once, and gives the failures with their place in the list.
pub fn each<T: Sync>(
    items: &[T],
    progress: &Progress,
    what: &str,
    work: impl Fn(&T) -> Result<()> + Sync,
) -> Vec<(usize, String)> {
    let step = progress.step("Compiling", what);
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..COMPILERS.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    step.at(at as u64, items.len() as u64, what);
                    if let Err(error) = work(item) {
                        let mut failures = failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        failures.push((at, format!("{error:#}")));
                    }
                }
            });
        }
    });
    step.done("Compiled", what);
    failures.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Copies a file or folder with its modes.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp").arg("-a").arg("--no-preserve=ownership").arg(from).arg(to).status();
    match status.context("cannot run cp")?.success() {
        true => Ok(()),
        false => bail!("cannot copy {}", from.display()),
    }
}
