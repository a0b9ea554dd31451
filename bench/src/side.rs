//! The sides that are compared: native Linux, Offshoot, and gVisor's runsc where it is installed.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::compile::{self, Link};
use crate::stop;

/// How long one run of a program may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Where a program runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Native,
    Hosted,
    Runsc,
}

/// What all measurements share.
pub struct Bench {
    offshoot: PathBuf,
    pub pairs: usize,
    pub nginx_root: Option<PathBuf>,
    out: PathBuf,
    runsc: bool,
}

impl Bench {
    /// Looks for runsc; compiled programs go beside this one.
    pub fn new(offshoot: PathBuf, pairs: usize, nginx_root: Option<PathBuf>) -> Result<Bench> {
        let own = env::current_exe().context("cannot find this program's own folder")?;
        let out = own.parent().unwrap_or(Path::new(".")).join("bench-programs");
        let runsc = Command::new("runsc").arg("--version").stdout(Stdio::null()).status().is_ok();
        Ok(Bench { offshoot, pairs, nginx_root, out, runsc })
    }

    /// Compiles one of the programs.
    pub fn program(&self, name: &str, link: Link) -> Result<PathBuf> {
        compile::program(&self.out, name, link)
    }

    /// The command that runs `program` on this side.
    pub fn command(&self, side: Side, program: &Path, args: &[&str]) -> Command {
        let mut command = match side {
            Side::Native => Command::new(program),
            Side::Hosted => {
                let mut command = self.offshoot();
                command.args(["run", "--"]).arg(program);
                command
            }
            Side::Runsc => {
                let mut command = Command::new("runsc");
                command.args(["--ignore-cgroups", "--network=none"]);
                if !rustix::process::geteuid().is_root() {
                    command.arg("--rootless");
                }
                command.arg("do").arg(program);
                command
            }
        };
        command.args(args);
        command
    }

    /// The command under test, without arguments.
    pub fn offshoot(&self) -> Command {
        Command::new(&self.offshoot)
    }

    /// The number that the program prints.
    pub fn number(&self, side: Side, program: &Path, args: &[&str]) -> Result<f64> {
        let mut command = self.command(side, program, args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = stop::output(command, LIMIT)?;
        let text = String::from_utf8_lossy(&output.stdout);
        match text.trim().parse() {
            Ok(number) if output.status.success() => Ok(number),
            _ => bail!(
                "{} ({side:?}) ended with {}, having said: {} {}",
                program.display(),
                output.status,
                text.trim(),
                String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default()
            ),
        }
    }

    /// Native and hosted in turn, `pairs` times each.
    pub fn in_turn(&self, mut run: impl FnMut(Side) -> Result<f64>) -> Result<(Vec<f64>, Vec<f64>)> {
        let (mut native, mut hosted) = (Vec::new(), Vec::new());
        for _ in 0..self.pairs {
            native.push(run(Side::Native)?);
            hosted.push(run(Side::Hosted)?);
        }
        Ok((native, hosted))
    }

    /// The same under runsc: the median of three, or nothing where it is missing or refuses.
    pub fn runsc(&self, mut run: impl FnMut(Side) -> Result<f64>) -> Option<f64> {
        if !self.runsc {
            return None;
        }
        let sample = |_| run(Side::Runsc).inspect_err(|e| eprintln!("runsc gave no figure: {e:#}")).ok();
        let samples: Vec<f64> = (0..3).map_while(sample).collect();
        (!samples.is_empty()).then(|| crate::figure::median(&samples))
    }
}
