//! `build`: the kernel and the `offshoot` command, side by side in `target/release`.

use std::fs;

use anyhow::{Context, Result};

use crate::repo::Repo;
use crate::shell;

/// The kernel of hosted members; the monitor looks for it beside its own executable.
pub const KERNEL: &str = "offshoot-kernel-hosted";

/// The same for members that are Xen domains.
pub const KERNEL_XEN: &str = "offshoot-kernel-xen";

/// Builds what a user runs.
pub fn product(repo: &Repo) -> Result<()> {
    kernel(repo, KERNEL)?;
    release(repo, "offshoot-cli")
}

/// Builds one of the kernels and puts it beside the command.
pub fn kernel(repo: &Repo, name: &str) -> Result<()> {
    shell::run(&mut repo.cargo(&[
        "build",
        "--profile",
        "kernel",
        "--package",
        "offshoot-kernel",
        "--bin",
        name,
    ]))?;
    // A family may be running the old one: rename, so that its file stays whole.
    let (built, place) = (repo.target.join("kernel").join(name), repo.release(name));
    let fresh = place.with_extension("new");
    fs::create_dir_all(place.parent().unwrap_or(&repo.target))
        .and_then(|()| fs::copy(&built, &fresh))
        .and_then(|_| fs::rename(&fresh, &place))
        .with_context(|| format!("cannot copy the kernel to {}", place.display()))
}

/// Builds one package of the workspace for release.
pub fn release(repo: &Repo, package: &str) -> Result<()> {
    shell::run(&mut repo.cargo(&["build", "--release", "--package", package]))
}
