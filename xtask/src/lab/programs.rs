//! The programs that dom0 needs: built static, so that they need no library there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::place::Place;
use crate::repo::Repo;
use crate::shell;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What is built for dom0: cargo's words, and the program's name.
const PROGRAMS: [(&[&str], &str); 5] = [
    (&["--package", "offshoot-cli"], "offshoot"),
    (&["--package", "offshoot-compat-tests"], "offshoot-compat-tests"),
    (&["--package", "offshoot-xenctl", "--example", "xenctl-selftest"], "examples/xenctl-selftest"),
    (&["--package", "offshoot-xenctl", "--example", "full-copy"], "examples/full-copy"),
    (&["--package", "offshoot-xenctl", "--example", "hog"], "examples/hog"),
];

/// The kernel of members on Xen; the monitor looks for it beside its own executable.
pub const KERNEL: &str = "offshoot-kernel-xen";
/// One that lies, for a test.
const HOSTILE: &str = "offshoot-kernel-hostile";

/// The command as tests know it, with members on Xen.
const ON_XEN: &str = "#!/bin/sh\n\
    [ \"$1\" = run ] || exec /lab/bin/offshoot \"$@\"\n\
    shift\n\
    exec /lab/bin/offshoot run --platform xen \"$@\"\n";

/// The programs in C, by their names and where they are.
const IN_C: [(&str, &str); 2] =
    [(MEASURER, "xtask/lab/bench.c"), ("offshoot-lab-tries", "xtask/lab/tries.c")];

/// The program whose figures `lab bench` shows, in C: it runs as a guest's only program too.
pub const MEASURER: &str = "offshoot-lab-bench";

/// Builds them and puts them where dom0 sees them.
pub fn build(repo: &Repo, place: &Place) -> Result<()> {
    shell::run(&mut repo.cargo(&[
        "build",
        "--profile",
        "kernel",
        "--package",
        "offshoot-kernel",
        "--bin",
        KERNEL,
        "--bin",
        HOSTILE,
    ]))?;
    for kernel in [KERNEL, HOSTILE] {
        put(&repo.target.join("kernel").join(kernel), place)?;
    }
    let on_xen = place.binaries().join("offshoot-xen");
    fs::write(&on_xen, ON_XEN)
        .and_then(|()| fs::set_permissions(&on_xen, fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot write {}", on_xen.display()))?;
    for (name, source) in IN_C {
        let mut compiler = Command::new("cc");
        compiler.args(["-O2", "-static", "-o"]).arg(place.binaries().join(name));
        shell::run(compiler.arg(repo.root.join(source)))?;
    }
    for (words, program) in PROGRAMS {
        let mut command = repo.cargo(&["build", "--release", "--target", TARGET]);
        // In a folder of its own, so that it does not disturb what the host's build has compiled.
        command.args(words).env("RUSTFLAGS", "-C target-feature=+crt-static");
        shell::run(&mut command)?;
        put(&repo.target.join(TARGET).join("release").join(program), place)?;
    }
    Ok(())
}

/// Copies a program to dom0's folder, unless it is there already.
fn put(from: &Path, place: &Place) -> Result<()> {
    let to = place.binaries().join(from.file_name().unwrap_or_default());
    let same = |a: fs::Metadata, b: fs::Metadata| {
        Some(a.len() == b.len() && a.modified().ok()? <= b.modified().ok()?)
    };
    if let (Ok(a), Ok(b)) = (fs::metadata(from), fs::metadata(&to))
        && same(a, b) == Some(true)
    {
        return Ok(());
    }
    // Dom0 may be running the old one: rename, so that its file stays whole.
    let fresh = to.with_extension("new");
    fs::copy(from, &fresh)
        .and_then(|_| fs::rename(&fresh, &to))
        .with_context(|| format!("cannot copy {} for the lab", from.display()))
}
