//! `run PORT`: from a fresh clone to a running family in one command.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};
use portkit::{Cache, Port, Progress, build_root};

use crate::repo::Repo;
use crate::{build, setup, shell};

/// Builds, then becomes `offshoot run`: signals of the terminal reach it directly.
pub fn run(repo: &Repo, name: &str, args: &[String]) -> Result<bool> {
    let port = Port::load(&repo.root.join("ports").join(name)).or_else(|_| Port::find(name))?;
    setup::run(setup::Need::Run)?;
    shell::heading("building Offshoot");
    build::product(repo)?;
    shell::heading(&format!("building the root of {name}"));
    let root = build_root(&port, &Cache::open_default()?, &Progress::stderr())?;
    drop(root);

    shell::heading(&format!("running {name}: {}", port.description));
    for publish in &port.ports {
        eprintln!("    http://127.0.0.1:{}/   (try curl; Ctrl-C stops the family)", publish.host);
    }
    let mut command = Command::new(repo.offshoot());
    command.args(["run", "--port", name]).env("OFFSHOOT_PORTS", repo.root.join("ports"));
    if !args.is_empty() {
        command.arg("--").args(args);
    }
    let error = command.exec();
    Err(error).context(format!("cannot run {}", repo.offshoot().display()))
}
