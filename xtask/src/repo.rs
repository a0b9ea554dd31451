//! The repository: where things are, and cargo as called for it.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};

/// The repository this xtask belongs to.
pub struct Repo {
    /// Its top folder.
    pub root: PathBuf,
    /// cargo's target folder.
    pub target: PathBuf,
}

impl Repo {
    /// The repository that this xtask was built from.
    pub fn find() -> Result<Repo> {
        let metadata = MetadataCommand::new()
            .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .no_deps()
            .exec()
            .context("cannot read the workspace")?;
        Ok(Repo { root: metadata.workspace_root.into(), target: metadata.target_directory.into() })
    }

    /// The whole dependency graph, from what is already downloaded.
    pub fn metadata(&self) -> Result<Metadata> {
        let mut command = MetadataCommand::new();
        command.current_dir(&self.root).other_options(["--locked".to_owned()]);
        command.exec().context("cannot read the dependency graph")
    }

    /// A call of cargo in the repository.
    pub fn cargo(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).args(args);
        command
    }

    /// An executable of the release build.
    pub fn release(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// The `offshoot` command.
    pub fn offshoot(&self) -> PathBuf {
        self.release("offshoot")
    }
}
