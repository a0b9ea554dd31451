//! The bed of a test: which files are tested, by whom, and where they may write.
//!
//! For an ordinary user everything that is tested is copied to a folder that everybody can read: the repository
//! may lie in another user's home.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::build::KERNEL;
use crate::repo::Repo;
use crate::shell;

/// `nobody`, on Debian and most others.
const ORDINARY: u32 = 65534;

/// Files and user of a test.
pub struct Bed {
    /// The command under test, with the kernel beside it.
    pub offshoot: PathBuf,
    /// The runner of the differential cases.
    pub runner: PathBuf,
    /// The folder of the ports.
    pub ports: PathBuf,
    /// The sources of the cases and what is expected of them.
    pub compat: PathBuf,
    /// Where compiled cases are kept.
    pub compiled: PathBuf,
    /// A folder of the user's own, removed at the end.
    pub scratch: TempDir,
    /// Whether commands run as an ordinary user.
    ordinary: bool,
}

impl Bed {
    /// The files of the build, tested by whoever runs this.
    pub fn here(repo: &Repo) -> Result<Bed> {
        Ok(Bed {
            offshoot: repo.offshoot(),
            runner: repo.release("offshoot-compat-tests"),
            ports: repo.root.join("ports"),
            compat: repo.root.join("compat-tests"),
            compiled: repo.target.join("compat"),
            scratch: scratch()?,
            ordinary: false,
        })
    }

    /// Copies of the same files, tested by an ordinary user without capabilities; only root can become one.
    pub fn ordinary(repo: &Repo) -> Result<Bed> {
        let here = Bed::here(repo)?;
        let scratch = scratch()?;
        let top = scratch.path();
        fs::set_permissions(top, fs::Permissions::from_mode(0o755))?;
        let kernel = repo.release(KERNEL);
        fs::create_dir(top.join("bin"))?;
        copy(&[&here.offshoot, &kernel, &here.runner], &top.join("bin"))?;
        copy(&[&here.ports, &here.compat], top)?;
        copy(&[&here.compiled], top)?;
        for own in ["home", "tmp", "compat"] {
            fs::create_dir_all(top.join(own))?;
            give(&top.join(own))?;
        }
        let copied = |path: &Path| top.join(path.file_name().unwrap_or_default());
        Ok(Bed {
            offshoot: top.join("bin/offshoot"),
            runner: top.join("bin/offshoot-compat-tests"),
            ports: copied(&here.ports),
            compat: copied(&here.compat),
            compiled: copied(&here.compiled),
            scratch,
            ordinary: true,
        })
    }

    /// A folder for one test, which the test's user owns.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.scratch.path().join("tmp").join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        if self.ordinary {
            give(&path)?;
        }
        Ok(path)
    }

    /// A call of a program as the bed's user, with signals as a terminal's programs have them: whoever started us
    /// in the background may have us ignore some.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("env");
        command.arg("--default-signal");
        if self.ordinary {
            let user = ORDINARY.to_string();
            command.args(["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups", "--no-new-privs"]);
            command.args(["--inh-caps=-all", "--bounding-set=-all"]);
            let top = self.scratch.path();
            command
                .current_dir(top.join("home"))
                .env("HOME", top.join("home"))
                .env("TMPDIR", top.join("tmp"));
            command.env("OFFSHOOT_CACHE", top.join("home/cache")).env_remove("XDG_RUNTIME_DIR");
            command.env_remove("XDG_CACHE_HOME");
        }
        command.env("OFFSHOOT_PORTS", &self.ports);
        command.arg(program);
        command
    }

    /// Whether this is the ordinary user's.
    pub fn is_ordinary(&self) -> bool {
        self.ordinary || !rustix::process::geteuid().is_root()
    }
}

fn scratch() -> Result<TempDir> {
    let dir = tempfile::Builder::new()
        .prefix("offshoot-test-")
        .tempdir()
        .context("cannot make a temporary folder")?;
    fs::create_dir(dir.path().join("tmp"))?;
    Ok(dir)
}

/// Copies files and folders with their times, so that nothing seems to need a new build.
fn copy(what: &[&Path], place: &Path) -> Result<()> {
    let there: Vec<&&Path> = what.iter().filter(|path| path.exists()).collect();
    if there.is_empty() {
        return Ok(());
    }
    shell::run(Command::new("cp").arg("--archive").arg("--no-preserve=ownership").args(there).arg(place))?;
    shell::run(Command::new("chmod").args(["--recursive", "go+rX"]).arg(place))
}

fn give(path: &Path) -> Result<()> {
    let mut command = Command::new("chown");
    command.args(["--recursive", &format!("{ORDINARY}:{ORDINARY}")]).arg(path);
    chown(path, Some(ORDINARY), Some(ORDINARY))
        .with_context(|| format!("cannot give {} away", path.display()))?;
    shell::run(&mut command)
}
