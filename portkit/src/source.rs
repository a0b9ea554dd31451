//! Debian's source packages, unpacked with Debian's patches: `sources/NAME_VERSION` in the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::apt::Apt;
use crate::build::Unfinished;
use crate::{Cache, Progress};

/// An unpacked source package.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its top folder.
    pub path: PathBuf,
    /// Its version, with revision.
    pub version: String,
}

/// The newest version of the source package `name`, fetched if it is not here. Without a network an older one will do.
pub fn open_source(name: &str, cache: &Cache, progress: &Progress) -> Result<Source> {
    let _lock = cache.lock(progress)?;
    let context = || format!("cannot fetch the source of {name}");
    let sources = cache.folder("sources")?;
    match newest(name, cache, progress) {
        Ok((apt, version)) => {
            let path = sources.join(format!("{name}_{version}"));
            if !path.is_dir() {
                unpack(&apt, name, &path, progress).with_context(context)?;
            }
            Ok(Source { path, version })
        }
        Err(error) => kept(&sources, name).ok_or(error).with_context(context),
    }
}

fn newest(name: &str, cache: &Cache, progress: &Progress) -> Result<(Apt, String)> {
    let apt = Apt::for_sources(cache.apt_of_sources())?;
    apt.update(progress)?;
    let files = apt.source_files(name, progress)?;
    let stem = files[0].strip_suffix(".dsc").and_then(|stem| stem.split_once('_'));
    let version = stem.with_context(|| format!("{} is no name of a source package", files[0]))?.1.to_owned();
    Ok((apt, version))
}

/// What an earlier run unpacked.
fn kept(sources: &Path, name: &str) -> Option<Source> {
    let mut all: Vec<Source> = fs::read_dir(sources)
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let file = entry.file_name().to_string_lossy().into_owned();
            let (of, version) = file.split_once('_')?;
            (of == name).then(|| Source { path: entry.path(), version: version.to_owned() })
        })
        .collect();
    all.sort_by(|one, other| one.version.cmp(&other.version));
    all.pop()
}

/// `dpkg-source` applies Debian's patches; nothing of the package runs.
fn unpack(apt: &Apt, name: &str, path: &Path, progress: &Progress) -> Result<()> {
    let work = Unfinished(path.with_file_name(format!(".new-{name}")));
    // An interrupted run may have left one.
    let _ = fs::remove_dir_all(&work.0);
    fs::create_dir_all(&work.0).with_context(|| format!("cannot make {}", work.0.display()))?;
    apt.download_source(name, &work.0, progress)?;
    let description = fs::read_dir(&work.0)?
        .flatten()
        .map(|entry| entry.path())
        .find(|file| file.extension().is_some_and(|end| end == "dsc"))
        .context("apt brought no description of it")?;
    let mut command = Command::new("dpkg-source");
    command.args(["--no-check", "-q", "-x"]).arg(&description).arg("tree").current_dir(&work.0);
    let output =
        command.stdin(Stdio::null()).output().context("cannot run dpkg-source, which comes with dpkg-dev")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        bail!("dpkg-source: {}", text.lines().last().unwrap_or("failed"));
    }
    fs::rename(work.0.join("tree"), path).with_context(|| format!("cannot finish {}", path.display()))
}
