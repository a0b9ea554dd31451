//! Unpacking one Debian package: `dpkg-deb` decompresses it, the files are written here. No script of the package
//! runs.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use tar::{Archive, Entry, EntryType};

use crate::tree::Tree;

/// Unpacks the files of `deb` into the root.
pub fn unpack(deb: &Path, tree: &Tree) -> Result<()> {
    let context = || format!("cannot unpack {}", deb.display());
    let mut child = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(deb)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run dpkg-deb, which comes with Debian's dpkg")?;
    let written = match child.stdout.take() {
        Some(stdout) => unpack_tar(stdout, tree),
        None => Ok(()),
    };
    let output = child.wait_with_output().with_context(context)?;
    // A fault of our own ends dpkg-deb through its closed pipe: ours is the one to tell.
    written.with_context(context)?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}", context(), text.lines().last().unwrap_or("dpkg-deb failed"));
    }
    Ok(())
}

fn unpack_tar(stream: impl Read, tree: &Tree) -> Result<()> {
    let mut archive = Archive::new(stream);
    for entry in archive.entries()? {
        unpack_entry(entry?, tree)?;
    }
    Ok(())
}

fn unpack_entry<R: Read>(mut entry: Entry<'_, R>, tree: &Tree) -> Result<()> {
    let path = entry.path()?.into_owned();
    let target = entry.link_name()?.map(|name| name.into_owned());
    let mode = entry.header().mode()?;
    match (entry.header().entry_type(), target) {
        // The files belong to whoever builds the root. A set-user-id bit would then lend that user's rights to
        // everybody on the host, so it is dropped; the owner must be able to change and remove the tree.
        (EntryType::Directory, _) => tree.directory(&path, mode & 0o1777 | 0o700),
        (EntryType::Regular | EntryType::Continuous, _) => tree.file(&path, mode & 0o777 | 0o600, &mut entry),
        (EntryType::Symlink, Some(target)) => tree.symlink(&path, &target),
        (EntryType::Link, Some(target)) => tree.hard_link(&path, &target),
        (kind, _) => bail!("{} is of a kind ({kind:?}) that packages do not have", path.display()),
    }
}
