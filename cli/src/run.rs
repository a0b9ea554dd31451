//! `offshoot run`: from options to a family's configuration.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use monitor::Config;
use monitor::config::TraceTo;
use portkit::{Cache, Port, Progress, Root, open_root};

use crate::args::{Platform, RunArgs};
use crate::parse::{published, reason};

/// The member's kernel, beside the command.
const KERNEL: &str = "offshoot-kernel-hosted";
/// The same for Xen.
const KERNEL_XEN: &str = "offshoot-kernel-xen";
/// What programs find their commands by when nothing else says, as in docker's images.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs a family; the exit code.
pub fn run(args: RunArgs) -> Result<u8> {
    if args.platform == Platform::Xen && !monitor::xen::is_dom0() {
        bail!("not a Xen dom0: --platform xen needs one (as root); without Xen use --platform hosted");
    }
    let port = args.port.as_deref().map(open_port).transpose()?;
    let config = config(&args, port.as_ref().map(|(p, r)| (p, r.path())))?;
    let code = monitor::run(config)?;
    // The port's root stays locked until here.
    drop(port);
    Ok(code as u8)
}

fn open_port(name: &str) -> Result<(Port, Root)> {
    let port = Port::find(name)?;
    let root = open_root(&port, &Cache::open_default()?, &Progress::stderr())?;
    Ok((port, root))
}

/// The configuration that the options ask for.
fn config(args: &RunArgs, port: Option<(&Port, &Path)>) -> Result<Config> {
    let root = match (&args.root, port) {
        (Some(dir), _) => Some(root_directory(dir)?),
        (None, Some((_, path))) => Some(path.to_owned()),
        (None, None) => None,
    };
    let mut argv: Vec<OsString> =
        port.map(|(p, _)| p.command.iter().map(OsString::from).collect()).unwrap_or_default();
    argv.extend(args.command.iter().cloned());
    let Some(program) = argv.first() else {
        bail!("no program: write offshoot run [OPTIONS] PROGRAM [ARGS], or --port NAME");
    };
    let name = args.name.clone().unwrap_or_else(|| default_name(args.port.as_deref(), program));
    let contained = root.is_some();
    let hostname = match &args.hostname {
        Some(name) => name.clone(),
        None if contained => name.clone(),
        None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    let publish = match port {
        Some((p, _)) if args.publish.is_empty() => p.ports.iter().copied().map(published).collect(),
        _ => args.publish.clone(),
    };
    Ok(Config {
        env: environment(args, port.map(|(p, _)| p), contained, &hostname),
        workdir: working_directory(args, port.map(|(p, _)| p), contained)?,
        name,
        root,
        writable_root: args.root.is_some() && !args.scratch,
        volumes: args.volumes.clone(),
        argv: argv.into_iter().map(OsString::into_vec).collect(),
        hostname,
        memory: args.memory.or(port.and_then(|(p, _)| p.memory)).unwrap_or(0),
        publish,
        net: args.net.into(),
        pids: args.pids.unwrap_or(0),
        timeout: args.timeout,
        uid: args.user.0,
        gid: args.user.1,
        groups: Vec::new(),
        interactive: true,
        trace: args.trace.as_deref().map(trace_to),
        platform: match args.platform {
            Platform::Hosted => monitor::config::Platform::Hosted,
            Platform::Xen => monitor::config::Platform::Xen,
        },
        kernel: kernel(if args.platform == Platform::Xen { KERNEL_XEN } else { KERNEL })?,
    })
}

fn trace_to(path: &Path) -> TraceTo {
    if path == Path::new("-") { TraceTo::Stderr } else { TraceTo::File(path.to_owned()) }
}

fn root_directory(dir: &Path) -> Result<PathBuf> {
    let path = dir.canonicalize().map_err(|e| anyhow::anyhow!("--root {}: {}", dir.display(), reason(&e)))?;
    let list = std::fs::read_dir(&path);
    list.map_err(|e| anyhow::anyhow!("--root {}: {}", dir.display(), reason(&e)))?;
    Ok(path)
}

/// A name that no other running family has: what runs, and the monitor's process number.
fn default_name(port: Option<&str>, program: &OsStr) -> String {
    let base = port.map_or_else(
        || Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned(),
        str::to_owned,
    );
    let tame: String =
        base.chars().map(|c| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' }).collect();
    let tame = tame.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let short: String = if tame.is_empty() { "family".into() } else { tame.chars().take(40).collect() };
    format!("{short}-{}", std::process::id())
}

/// The program's environment: inherited with the host's root, a port's own, or docker's few; then -e.
fn environment(args: &RunArgs, port: Option<&Port>, contained: bool, hostname: &str) -> Vec<Vec<u8>> {
    let mut vars: Vec<(OsString, OsString)> = Vec::new();
    let mut set = |name: OsString, value: OsString| match vars.iter_mut().find(|(n, _)| *n == name) {
        Some((_, old)) => *old = value,
        None => vars.push((name, value)),
    };
    match port {
        Some(port) => port.env.iter().for_each(|(n, v)| set(n.into(), v.into())),
        None if contained => {
            set("PATH".into(), PATH.into());
            set("HOSTNAME".into(), hostname.into());
            let home = if args.user.0 == 0 { "/root" } else { "/" };
            set("HOME".into(), home.into());
            if std::io::stdin().is_terminal() {
                set("TERM".into(), env::var_os("TERM").unwrap_or_else(|| "xterm".into()));
            }
        }
        None => env::vars_os().for_each(|(n, v)| set(n, v)),
    }
    for var in &args.env {
        match var.as_bytes().iter().position(|b| *b == b'=') {
            Some(at) => {
                let (name, value) = var.as_bytes().split_at(at);
                set(OsStr::from_bytes(name).into(), OsStr::from_bytes(&value[1..]).into());
            }
            None => {
                if let Some(value) = env::var_os(var) {
                    set(var.clone(), value);
                }
            }
        }
    }
    vars.into_iter().map(|(n, v)| [n.as_bytes(), b"=", v.as_bytes()].concat()).collect()
}

fn working_directory(args: &RunArgs, port: Option<&Port>, contained: bool) -> Result<Vec<u8>> {
    if let Some(dir) = &args.workdir {
        if !dir.as_bytes().starts_with(b"/") {
            bail!("--workdir {} must begin with a slash", dir.display());
        }
        return Ok(dir.as_bytes().to_vec());
    }
    Ok(match port {
        Some(port) => port.workdir.clone().into_bytes(),
        None if contained => b"/".to_vec(),
        None => env::current_dir().map_or(b"/".to_vec(), |d| d.into_os_string().into_vec()),
    })
}

/// The member's kernel: `OFFSHOOT_KERNEL`, or the file beside the command.
fn kernel(name: &str) -> Result<PathBuf> {
    let path = match env::var_os("OFFSHOOT_KERNEL") {
        Some(path) => PathBuf::from(path),
        None => env::current_exe().context("cannot find the command's own folder")?.with_file_name(name),
    };
    if !path.is_file() {
        bail!(
            "there is no member's kernel at {}: build it with `cargo xtask build`, or set OFFSHOOT_KERNEL",
            path.display()
        );
    }
    Ok(path)
}
