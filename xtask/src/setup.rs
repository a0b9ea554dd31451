//! `setup`: the Debian packages that building, testing and measuring need.

use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

/// How much is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// To build and run a port.
    Run,
    /// To run a lab.
    Lab,
    /// To test and measure as well.
    Everything,
}

/// What must be there: a program or a file, and the package that brings it.
const RUN: [(&str, &str); 3] = [("cc", "gcc"), ("/usr/include/stdio.h", "libc6-dev"), ("dpkg-deb", "dpkg")];
const EVERYTHING: [(&str, &str); 8] = [
    ("gcc", "gcc"),
    ("musl-gcc", "musl-tools"),
    ("curl", "curl"),
    ("wrk", "wrk"),
    ("ab", "apache2-utils"),
    ("setpriv", "util-linux"),
    ("git", "git"),
    ("dpkg-source", "dpkg-dev"),
];

const LAB: [(&str, &str); 1] = [("qemu-system-x86_64", "qemu-system-x86")];

/// Installs what is missing as root; otherwise says what to install.
pub fn run(need: Need) -> Result<()> {
    if !shell::exists("apt-get") {
        bail!(
            "there is no apt here: Offshoot is developed on Debian 12, whose packages its ports are made of"
        );
    }
    let more: &[_] = match need {
        Need::Run => &[],
        Need::Lab => &LAB,
        Need::Everything => &EVERYTHING,
    };
    let mut missing: Vec<&str> = RUN
        .iter()
        .chain(more)
        .filter(|(what, _)| !shell::exists(what))
        .map(|(_, package)| *package)
        .collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() {
        bail!("missing packages; as root: apt-get install --no-install-recommends {}", missing.join(" "));
    }
    shell::heading(&format!("installing {}", missing.join(" ")));
    if install(&missing).is_err() {
        // The lists may be missing or old.
        shell::run(apt_get().arg("update"))?;
        install(&missing)?;
    }
    Ok(())
}

fn install(packages: &[&str]) -> Result<()> {
    shell::run(apt_get().args(["--yes", "--no-install-recommends", "install"]).args(packages))
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-qq").args(["-o", "DPkg::Lock::Timeout=300"]).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
