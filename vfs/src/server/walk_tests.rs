//! The path walk.

extern crate std;

use alloc::rc::Rc;
use alloc::vec::Vec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::string::String;

use abi::Errno;
use abi::fs::{
    O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_WRONLY, RESOLVE_BENEATH, RESOLVE_IN_ROOT,
    RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV,
};

use super::cx::Cx;
use super::dentry::Dentry;
use super::fake::{as_root, as_user, memfs, vfs};
use super::walk::{Loc, Stop};
use super::{Dir, Vfs, path};

fn find(v: &Vfs, cx: &Cx, p: &str) -> Result<Loc, Errno> {
    v.find(cx, &Dir::Cwd, p.as_bytes(), true, false).map(|f| f.loc).map_err(errno)
}

fn errno(stop: Stop) -> Errno {
    match stop {
        Stop::Errno(e) => e,
        Stop::OwnFd { .. } => Errno::EREMOTE,
    }
}

fn mkdir(v: &Vfs, cx: &Cx, p: &str) {
    v.mkdir(cx, &Dir::Cwd, p.as_bytes(), 0o755).expect("mkdir");
}

fn file(v: &Vfs, cx: &Cx, p: &str) {
    v.open(cx, &Dir::Cwd, p.as_bytes(), O_CREAT | O_WRONLY, 0o644, 0).map(|_| ()).expect("create");
}

fn link(v: &Vfs, cx: &Cx, target: &str, p: &str) {
    v.symlink(cx, target.as_bytes(), &Dir::Cwd, p.as_bytes()).expect("symlink");
}

fn open(v: &Vfs, cx: &Cx, p: &str, flags: u32, resolve: u64) -> Result<Loc, Errno> {
    v.open(cx, &Dir::Cwd, p.as_bytes(), flags, 0o644, resolve).map(|o| o.loc).map_err(errno)
}

fn name(v: &Vfs, loc: &Loc) -> String {
    String::from_utf8(path::shown(&v.root(), loc)).expect("text")
}

#[test]
fn the_right_error_for_each_wrong_path() {
    let v = vfs();
    as_root(|cx| {
        mkdir(&v, cx, "/d");
        file(&v, cx, "/f");
        link(&v, cx, "/nowhere", "/dangling");
        link(&v, cx, "loop", "/loop");
        link(&v, cx, "f", "/to-f");
        for (p, e) in [
            ("", Errno::ENOENT),
            ("/x", Errno::ENOENT),
            ("/x/y", Errno::ENOENT),
            ("/f/", Errno::ENOTDIR),
            ("/f/x", Errno::ENOTDIR),
            ("/f/.", Errno::ENOTDIR),
            ("/f/..", Errno::ENOTDIR),
            ("/to-f/", Errno::ENOTDIR),
            ("/to-f/x", Errno::ENOTDIR),
            ("/dangling", Errno::ENOENT),
            ("/loop", Errno::ELOOP),
            ("/loop/x", Errno::ELOOP),
        ] {
            assert_eq!(find(&v, cx, p).err(), Some(e), "{p}");
        }
        let long: String = "n".repeat(256);
        assert_eq!(find(&v, cx, &long).err(), Some(Errno::ENAMETOOLONG));
        assert_eq!(find(&v, cx, &"/d".repeat(2048)).err(), Some(Errno::ENAMETOOLONG));
        for p in ["/d/", "/d/.", "//d//", "/d/../d", "/../../d", "d/./../d/"] {
            assert_eq!(name(&v, &find(&v, cx, p).expect(p)), "/d", "{p}");
        }
    });
}

#[test]
fn forty_links_are_followed_and_no_more() {
    let v = vfs();
    as_root(|cx| {
        file(&v, cx, "/l0");
        for i in 1..=41 {
            link(&v, cx, &std::format!("l{}", i - 1), &std::format!("/l{i}"));
        }
        assert!(find(&v, cx, "/l40").is_ok());
        assert_eq!(find(&v, cx, "/l41").err(), Some(Errno::ELOOP));
    });
}

#[test]
fn open_flags_decide_about_the_last_component() {
    let v = vfs();
    as_root(|cx| {
        mkdir(&v, cx, "/d");
        file(&v, cx, "/f");
        link(&v, cx, "d/new", "/to-new");
        link(&v, cx, "d", "/to-d");
        assert_eq!(open(&v, cx, "/to-d", O_NOFOLLOW, 0).err(), Some(Errno::ELOOP));
        assert_eq!(open(&v, cx, "/to-d", O_NOFOLLOW | O_DIRECTORY, 0).err(), Some(Errno::ENOTDIR));
        assert!(open(&v, cx, "/to-d", O_NOFOLLOW | O_PATH, 0).is_ok());
        assert!(open(&v, cx, "/to-d/", O_NOFOLLOW, 0).is_ok());
        assert_eq!(open(&v, cx, "/f", O_DIRECTORY, 0).err(), Some(Errno::ENOTDIR));
        assert_eq!(open(&v, cx, "/d", O_WRONLY, 0).err(), Some(Errno::EISDIR));
        assert_eq!(open(&v, cx, "/d", O_CREAT, 0).err(), Some(Errno::EISDIR));
        assert_eq!(open(&v, cx, "/g/", O_CREAT, 0).err(), Some(Errno::EISDIR));
        assert_eq!(open(&v, cx, "/to-new", O_CREAT | O_EXCL, 0).err(), Some(Errno::EEXIST));
        let made = open(&v, cx, "/to-new", O_CREAT | O_WRONLY, 0).expect("through the link");
        assert_eq!(name(&v, &made), "/d/new");
    });
}

#[test]
fn resolve_limits_hold() {
    let v = vfs();
    as_root(|cx| {
        mkdir(&v, cx, "/jail");
        mkdir(&v, cx, "/jail/in");
        file(&v, cx, "/secret");
        file(&v, cx, "/jail/secret");
        link(&v, cx, "/secret", "/jail/abs");
        link(&v, cx, "../secret", "/jail/up");
        let jail = find(&v, cx, "/jail").expect("jail");
        let at = |p: &str, resolve| {
            v.open(cx, &Dir::At(&jail), p.as_bytes(), 0, 0, resolve).map(|o| name(&v, &o.loc)).map_err(errno)
        };
        for p in ["/secret", "abs", "up", "..", "in/../../secret"] {
            assert_eq!(at(p, RESOLVE_BENEATH), Err(Errno::EXDEV), "{p}");
        }
        assert_eq!(at("in/../secret", RESOLVE_BENEATH).as_deref(), Ok("/jail/secret"));
        for p in ["/secret", "abs", "up", "../../secret", "in/../../secret"] {
            assert_eq!(at(p, RESOLVE_IN_ROOT).as_deref(), Ok("/jail/secret"), "{p}");
        }
        assert_eq!(at("abs", RESOLVE_NO_SYMLINKS), Err(Errno::ELOOP));
        assert_eq!(at("in", RESOLVE_BENEATH | RESOLVE_IN_ROOT), Err(Errno::EINVAL));
        assert_eq!(at("in", 1 << 40), Err(Errno::EINVAL));
    });
}

#[test]
fn mounts_are_crossed_both_ways() {
    let v = vfs();
    as_root(|cx| {
        mkdir(&v, cx, "/mnt");
        mkdir(&v, cx, "/mnt/below");
        let other = Dentry::root(memfs(9).root(0o755, cx.now), b"");
        let mnt = find(&v, cx, "/mnt").expect("mnt");
        v.mount_on(&mnt, other, 0, b"tmpfs", b"none").expect("mount");
        assert_eq!(find(&v, cx, "/mnt/below").err(), Some(Errno::ENOENT));
        mkdir(&v, cx, "/mnt/sub");
        let sub = find(&v, cx, "/mnt/sub").expect("sub");
        assert_eq!((sub.dentry.key().0, name(&v, &sub).as_str()), (9, "/mnt/sub"));
        assert_eq!(name(&v, &find(&v, cx, "/mnt/sub/../..").expect("up")), "/");
        assert_eq!(name(&v, &find(&v, cx, "/mnt/..").expect("up")), "/");
        assert_eq!(open(&v, cx, "/mnt", 0, RESOLVE_NO_XDEV).err(), Some(Errno::EXDEV));
        let rename = v.rename(cx, (&Dir::Cwd, b"/mnt/sub"), (&Dir::Cwd, b"/sub"), 0);
        assert_eq!(rename, Err(Stop::Errno(Errno::EXDEV)));
        assert_eq!(v.unlink(cx, &Dir::Cwd, b"/mnt", true), Err(Stop::Errno(Errno::EBUSY)));
        let lines = String::from_utf8(v.mounts.lines(&v.root(), false)).expect("text");
        assert_eq!(lines, "tmpfs / tmpfs rw 0 0\nnone /mnt tmpfs rw 0 0\n");
        // Someone is inside: busy. Then nobody.
        let top = find(&v, cx, "/mnt").expect("top");
        assert_eq!(v.umount(top, 0), Err(Errno::EBUSY));
        drop(sub);
        v.umount(find(&v, cx, "/mnt").expect("top"), 0).expect("umount");
        assert!(find(&v, cx, "/mnt/below").is_ok());
    });
}

#[test]
fn nobody_leaves_a_chroot_by_dots() {
    let v = vfs();
    as_root(|cx| {
        mkdir(&v, cx, "/jail");
        mkdir(&v, cx, "/jail/in");
        link(&v, cx, "/in", "/jail/abs");
        let jail = find(&v, cx, "/jail").expect("jail");
        v.chroot(cx, &jail).expect("chroot");
        v.chdir(cx, &find(&v, cx, "/in").expect("in")).expect("chdir");
        assert_eq!(v.getcwd(2).as_deref(), Ok(&b"/in"[..]));
        assert!(find(&v, cx, "../../../..").expect("top").same(&jail));
        assert_eq!(name(&v, &find(&v, cx, "/abs").expect("abs")), "/jail/in");
        v.unlink(cx, &Dir::Cwd, b"/in", true).expect("rmdir");
        assert_eq!(v.getcwd(2), Err(Errno::ENOENT));
        assert_eq!(find(&v, cx, "x").err(), Some(Errno::ENOENT));
    });
}

#[test]
fn searching_needs_the_execute_bit() {
    let v = vfs();
    as_root(|cx| {
        mkdir(&v, cx, "/private");
        v.chmod(cx, &find(&v, cx, "/private").expect("dir"), 0o700).expect("chmod");
        file(&v, cx, "/private/f");
    });
    as_user(5, 5, |cx| {
        assert_eq!(find(&v, cx, "/private/f").err(), Some(Errno::EACCES));
        assert_eq!(find(&v, cx, "/private/none").err(), Some(Errno::EACCES));
        assert!(find(&v, cx, "/private").is_ok());
        assert_eq!(find(&v, cx, "/private/.").err(), Some(Errno::EACCES));
        let made = v.mkdir(cx, &Dir::Cwd, b"/mine", 0o755);
        assert_eq!(made, Err(Stop::Errno(Errno::EACCES)));
    });
}

/// Paths of a few names, dots and slashes.
fn paths() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(std::vec!["a", "b", "c", ".", "..", ""]), 1..10)
}

proptest! {
    /// In a tree without links the walk is what removing dots by hand gives.
    #[test]
    fn dots_are_what_they_are_on_paper(dirs in prop::collection::vec(paths(), 0..8), ask in paths()) {
        let v = vfs();
        as_root(|cx| {
            let mut there: BTreeSet<Vec<&str>> = BTreeSet::from([Vec::new()]);
            for d in dirs {
                let mut at = Vec::new();
                for c in d.into_iter().filter(|c| !matches!(*c, "." | ".." | "")) {
                    at.push(c);
                    let p = std::format!("/{}", at.join("/"));
                    let made = v.mkdir(cx, &Dir::Cwd, p.as_bytes(), 0o755);
                    prop_assert_eq!(made.is_ok(), there.insert(at.clone()));
                }
            }
            let text = std::format!("/{}", ask.join("/"));
            let mut at: Vec<&str> = Vec::new();
            let mut fails = false;
            for c in &ask {
                match *c {
                    "" | "." => {}
                    ".." => { at.pop(); }
                    name => at.push(name),
                }
                fails |= !there.contains(&at);
            }
            match find(&v, cx, &text) {
                Ok(loc) => {
                    prop_assert!(!fails);
                    prop_assert_eq!(name(&v, &loc), std::format!("/{}", at.join("/")));
                }
                Err(e) => prop_assert!(fails && e == Errno::ENOENT),
            }
            Ok(())
        })?;
        prop_assert!(Rc::strong_count(&v.root().dentry) > 1);
    }
}
