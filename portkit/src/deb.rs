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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_arrive_without_set_user_id_and_scripts_do_not_run() {
        let temp = tempfile::tempdir().unwrap();
        let (source, root) = (temp.path().join("source"), temp.path().join("root"));
        let ran = temp.path().join("ran");
        fs::create_dir_all(source.join("DEBIAN")).unwrap();
        fs::create_dir_all(source.join("usr/bin")).unwrap();
        fs::create_dir_all(&root).unwrap();
        let control = "Package: demo\nVersion: 1\nArchitecture: all\nMaintainer: Demo <d@d.example>\nDescription: demo\n";
        fs::write(source.join("DEBIAN/control"), control).unwrap();
        fs::write(source.join("DEBIAN/preinst"), format!("#!/bin/sh\ntouch {}\n", ran.display())).unwrap();
        fs::set_permissions(source.join("DEBIAN/preinst"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(source.join("DEBIAN"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(source.join("usr/bin/su"), "su").unwrap();
        fs::set_permissions(source.join("usr/bin/su"), fs::Permissions::from_mode(0o4755)).unwrap();
        fs::hard_link(source.join("usr/bin/su"), source.join("usr/bin/su2")).unwrap();
        std::os::unix::fs::symlink("/usr/bin/su", source.join("usr/bin/link")).unwrap();
        let deb = temp.path().join("demo.deb");
        let built =
            Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(&source).arg(&deb).output();
        if !built.is_ok_and(|output| output.status.success()) {
            return; // no dpkg on this machine
        }

        unpack(&deb, &Tree::open(&root).unwrap()).unwrap();
        let su = fs::metadata(root.join("usr/bin/su")).unwrap();
        assert_eq!(su.permissions().mode() & 0o7777, 0o755);
        assert_eq!(fs::read(root.join("usr/bin/su2")).unwrap(), b"su");
        assert_eq!(fs::read_link(root.join("usr/bin/link")).unwrap(), Path::new("/usr/bin/su"));
        assert!(!ran.exists());

        fs::write(&deb, "not a package").unwrap();
        let error = format!("{:#}", unpack(&deb, &Tree::open(&root).unwrap()).unwrap_err());
        assert!(error.contains("demo.deb") && !error.contains('\n'), "{error}");
    }
}
