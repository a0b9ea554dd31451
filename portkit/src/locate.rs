//! Where ports are: `$OFFSHOOT_PORTS`, else a `ports/` above the executable, else `./ports`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::Port;

/// The folder that holds the ports.
///
/// `OFFSHOOT_PORTS` decides when it is set. Otherwise the folders above the running executable are searched from
/// the inside out (a build lies in the repository's `target/`), and then the current directory.
pub fn ports_dir() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("OFFSHOOT_PORTS") {
        let dir = PathBuf::from(dir);
        if !dir.is_dir() {
            bail!("OFFSHOOT_PORTS is {}, which is not a directory", dir.display());
        }
        return Ok(dir);
    }
    let exe = env::current_exe().unwrap_or_default();
    let above = exe.ancestors().skip(1).map(|dir| dir.join("ports"));
    above
        .chain([PathBuf::from("ports")])
        .find(|dir| !names_in(dir).is_empty())
        .ok_or_else(|| anyhow::anyhow!("there is no ports/ folder here; set OFFSHOOT_PORTS to one"))
}

/// All ports, sorted by name.
pub fn list_ports() -> Result<Vec<Port>> {
    let dir = ports_dir()?;
    names_in(&dir).iter().map(|name| Port::load(&dir.join(name))).collect()
}

/// The names of the folders in `dir` that hold a `port.toml`, sorted.
pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join("port.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
