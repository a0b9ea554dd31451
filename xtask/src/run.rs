//! `run PORT`: from a fresh clone to a running family in one command.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;
use portkit::{Cache, Port, Progress, build_root};

use crate::repo::Repo;
use crate::{build, setup, shell};

/// What members are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Platform {
    /// Sandboxed processes of this machine.
    Hosted,
    /// Xen domains: of this machine if it is a dom0, or else of a lab that is booted for it.
    Xen,
}

/// A lab of its own, in which the port runs; ended however that ends: the shell's trap leaves it alive when Ctrl-C ends
/// what runs inside it.
const IN_A_LAB: &str = r#"trap : INT TERM HUP
xtask=$1 lab=$2; shift 2
publish=; while [ "$1" != -- ]; do publish="$publish --publish $1"; shift; done; shift
"$xtask" lab --lab "$lab" $publish up || { status=$?; "$xtask" lab --lab "$lab" down 2>/dev/null; exit $status; }
"$xtask" lab --lab "$lab" --no-build run -- "$@"; status=$?
"$xtask" lab --lab "$lab" down
exit $status"#;

/// Whether this is the control domain of a Xen host.
pub fn is_dom0() -> bool {
    fs::read_to_string("/proc/xen/capabilities").is_ok_and(|text| text.contains("control_d"))
}

/// Builds, then becomes `offshoot run`: signals of the terminal reach it directly.
pub fn run(repo: &Repo, name: &str, platform: Platform, args: &[String]) -> Result<bool> {
    let port = Port::load(&repo.root.join("ports").join(name)).or_else(|_| Port::find(name))?;
    setup::run(setup::Need::Run)?;
    let lab = platform == Platform::Xen && !is_dom0();
    if !lab {
        shell::heading("building Offshoot");
        build::product(repo)?;
        if platform == Platform::Xen {
            build::kernel(repo, build::KERNEL_XEN)?;
        }
    }
    shell::heading(&format!("building the root of {name}"));
    let root = build_root(&port, &Cache::open_default()?, &Progress::stderr())?;
    drop(root);

    shell::heading(&format!("running {name}: {}", port.description));
    for publish in &port.ports {
        eprintln!("    127.0.0.1:{} leads to it; Ctrl-C stops the family", publish.host);
    }
    let mut words: Vec<String> = ["run", "--port", name].map(str::to_owned).into();
    if platform == Platform::Xen {
        words.extend(["--platform", "xen"].map(str::to_owned));
    }
    if !args.is_empty() {
        words.push("--".to_owned());
        words.extend_from_slice(args);
    }
    let mut command = if lab {
        let mut sh = Command::new("sh");
        sh.args(["-c", IN_A_LAB, "sh"]).arg(std::env::current_exe()?).arg(format!("run-{name}"));
        sh.args(port.ports.iter().map(|p| format!("{0}:{0}", p.host)));
        sh.args(["--", "offshoot"]);
        sh
    } else {
        let mut offshoot = Command::new(repo.offshoot());
        offshoot.env("OFFSHOOT_PORTS", repo.root.join("ports"));
        offshoot
    };
    let error = command.args(words).exec();
    Err(error).context(format!("cannot run {name}"))
}
