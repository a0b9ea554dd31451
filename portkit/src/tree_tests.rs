//! Tests of the confinement: whatever a package holds, the folder beside the root stays empty.

use std::fs as std_fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn tree() -> (tempfile::TempDir, Tree) {
    let temp = tempfile::tempdir().unwrap();
    std_fs::create_dir(temp.path().join("root")).unwrap();
    let tree = Tree::open(&temp.path().join("root")).unwrap();
    (temp, tree)
}

#[test]
fn absolute_and_climbing_links_stay_inside() {
    let (temp, tree) = tree();
    tree.symlink(Path::new("/var/run"), Path::new("/run")).unwrap();
    tree.directory(Path::new("/run"), 0o755).unwrap();
    tree.file(Path::new("./var/run/x.pid"), 0o644, &mut &b"1"[..]).unwrap();
    assert_eq!(std_fs::read(temp.path().join("root/run/x.pid")).unwrap(), b"1");

    tree.symlink(Path::new("/out"), Path::new("../../outside")).unwrap();
    assert!(tree.file(Path::new("/out/x"), 0o644, &mut &b"1"[..]).is_err());
    assert!(tree.file(Path::new("/../x"), 0o644, &mut &b"1"[..]).is_err());
    assert_eq!(std_fs::read_dir(temp.path()).unwrap().count(), 1);
}

#[test]
fn a_file_replaces_a_link_instead_of_following_it() {
    let (temp, tree) = tree();
    tree.file(Path::new("/a"), 0o600, &mut &b"old"[..]).unwrap();
    tree.symlink(Path::new("/b"), Path::new("a")).unwrap();
    tree.file(Path::new("/b"), 0o755, &mut &b"new"[..]).unwrap();
    assert_eq!(std_fs::read(temp.path().join("root/a")).unwrap(), b"old");
    let b = temp.path().join("root/b");
    assert_eq!(std_fs::read(&b).unwrap(), b"new");
    assert_eq!(std_fs::symlink_metadata(&b).unwrap().permissions().mode() & 0o7777, 0o755);
}

#[test]
fn directories_links_and_modes() {
    let (temp, tree) = tree();
    tree.symlink(Path::new("/bin"), Path::new("usr/bin")).unwrap();
    tree.directory(Path::new("/usr/bin"), 0o755).unwrap();
    tree.directory(Path::new("./bin/"), 0o755).unwrap();
    tree.file(Path::new("./bin/sh"), 0o755, &mut &b"#!"[..]).unwrap();
    tree.hard_link(Path::new("./bin/dash"), Path::new("./bin/sh")).unwrap();
    tree.directory(Path::new("/tmp"), 0o1777).unwrap();
    assert!(tree.exists("usr/bin/dash") && tree.exists("bin/sh") && !tree.exists("sh"));
    let mode = std_fs::metadata(temp.path().join("root/tmp")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o1777);
}
