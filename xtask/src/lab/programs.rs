//! The programs that dom0 needs: built static, so that they need no library there.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};

use super::machine::Machine;
use super::place::Place;
use crate::repo::Repo;
use crate::shell;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What is built for dom0: cargo's words, and the program's name.
const PROGRAMS: [(&[&str], &str); 5] = [
    (&["--package", "offshoot-cli", "--bin", "offshoot"], "offshoot"),
    (&["--package", "offshoot-compat-tests", "--bin", "offshoot-compat-tests"], "offshoot-compat-tests"),
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
const IN_C: [(&str, &str); 4] = [
    (MEASURER, "xtask/lab/bench.c"),
    ("offshoot-lab-maps", "xtask/lab/maps.c"),
    ("offshoot-lab-rests", "xtask/lab/rests.c"),
    ("offshoot-lab-tries", "xtask/lab/tries.c"),
];

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
        let mut command = repo.cargo(&["rustc", "--release", "--target", TARGET]);
        // In a folder of its own, so that it does not disturb what the host's build has compiled.
        command.args(words).env("RUSTFLAGS", "-C target-feature=+crt-static");
        // At fixed addresses: otherwise each start writes addresses into tens of pages, and waits for each of them.
        command.args(["--", "-C", "relocation-model=static"]);
        shell::run(&mut command)?;
        put(&repo.target.join(TARGET).join("release").join(program), place)?;
    }
    Ok(())
}

/// Copies a program to dom0's folder, unless it is there already: to a file of its own, named by its time, with a link to
/// it. While a program runs, dom0 keeps the name of its file and those pages that it has read, and would mix them with
/// those of another file under that name.
fn put(from: &Path, place: &Place) -> Result<()> {
    let copied = || -> io::Result<()> {
        let name = from.file_name().unwrap_or_default().to_string_lossy();
        let time = fs::metadata(from)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (own, link) = (format!(".{name}.{}", time.as_nanos()), place.binaries().join(&*name));
        if fs::read_link(&link).is_ok_and(|target| target == Path::new(&own)) {
            return Ok(());
        }
        if Machine::running(place).is_none() {
            forget(place, &format!(".{name}."))?;
        }
        let fresh = link.with_extension("new");
        fs::copy(from, &fresh)?;
        fs::rename(&fresh, place.binaries().join(&own))?;
        symlink(&own, &fresh)?;
        fs::rename(&fresh, &link)
    };
    copied().with_context(|| format!("cannot copy {} for the lab", from.display()))
}

/// Removes the files of earlier builds.
fn forget(place: &Place, prefix: &str) -> io::Result<()> {
    for entry in fs::read_dir(place.binaries())? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
