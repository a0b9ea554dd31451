//! Making, removing and renaming names.

extern crate std;

use std::string::String;

use abi::Errno;
use abi::fs::{
    IN_ALL_EVENTS, O_CREAT, O_EXCL, O_RDWR, O_TMPFILE, O_WRONLY, RENAME_EXCHANGE, RENAME_NOREPLACE, S_IFCHR,
    S_IFIFO, S_ISGID,
};

use super::attrs::NewTime;
use super::cx::Cx;
use super::fake::{as_root, as_user, vfs};
use super::walk::{Loc, Stop};
use super::{Dir, Vfs, dirent, path};

type Done = Result<(), Errno>;

fn plain<T>(r: Result<T, Stop>) -> Result<T, Errno> {
    r.map_err(|s| match s {
        Stop::Errno(e) => e,
        Stop::OwnFd { .. } => Errno::EREMOTE,
    })
}

fn find(v: &Vfs, cx: &Cx, p: &str) -> Result<Loc, Errno> {
    plain(v.find(cx, &Dir::Cwd, p.as_bytes(), false, false)).map(|f| f.loc)
}
fn mkdir(v: &Vfs, cx: &Cx, p: &str) -> Done {
    plain(v.mkdir(cx, &Dir::Cwd, p.as_bytes(), 0o777))
}
fn file(v: &Vfs, cx: &Cx, p: &str) -> Done {
    plain(v.open(cx, &Dir::Cwd, p.as_bytes(), O_CREAT | O_WRONLY, 0o644, 0)).map(|_| ())
}
fn rename(v: &Vfs, cx: &Cx, a: &str, b: &str, flags: u32) -> Done {
    plain(v.rename(cx, (&Dir::Cwd, a.as_bytes()), (&Dir::Cwd, b.as_bytes()), flags))
}
fn rm(v: &Vfs, cx: &Cx, p: &str, dir: bool) -> Done {
    plain(v.unlink(cx, &Dir::Cwd, p.as_bytes(), dir))
}
fn nlink(v: &Vfs, cx: &Cx, p: &str) -> u64 {
    find(v, cx, p).expect(p).dentry.node.attr(cx).expect("attr").nlink
}

#[test]
fn errors_of_making_and_removing() {
    let v = vfs();
    as_root(|cx| {
        mkdir(&v, cx, "/d").expect("d");
        file(&v, cx, "/f").expect("f");
        assert_eq!(mkdir(&v, cx, "/d"), Err(Errno::EEXIST));
        assert_eq!(mkdir(&v, cx, "/d/."), Err(Errno::EEXIST));
        assert_eq!(mkdir(&v, cx, "/f/x"), Err(Errno::ENOTDIR));
        mkdir(&v, cx, "/d/e/").expect("a trailing slash is fine");
        assert_eq!(rm(&v, cx, "/d", true), Err(Errno::ENOTEMPTY));
        assert_eq!(rm(&v, cx, "/d/e/.", true), Err(Errno::EINVAL));
        assert_eq!(rm(&v, cx, "/d/e/..", true), Err(Errno::ENOTEMPTY));
        assert_eq!(rm(&v, cx, "/", true), Err(Errno::EBUSY));
        assert_eq!(rm(&v, cx, "/f", true), Err(Errno::ENOTDIR));
        assert_eq!(rm(&v, cx, "/d/e", false), Err(Errno::EISDIR));
        assert_eq!(rm(&v, cx, "/f/", false), Err(Errno::ENOTDIR));
        assert_eq!(rm(&v, cx, "/x", false), Err(Errno::ENOENT));
        assert_eq!(nlink(&v, cx, "/d"), 3);
        rm(&v, cx, "/d/e", true).expect("rmdir");
        assert_eq!(nlink(&v, cx, "/d"), 2);
        assert_eq!(plain(v.mknod(cx, &Dir::Cwd, b"/p/", S_IFIFO | 0o600, 0)).err(), Some(Errno::ENOENT));
    });
    as_user(5, 5, |cx| {
        v.chdir(cx, &v.root()).expect("cd");
        assert_eq!(
            plain(v.mknod(cx, &Dir::Cwd, b"/null", S_IFCHR | 0o600, 0x103)).err(),
            Some(Errno::EACCES)
        );
    });
}

#[test]
fn renames_follow_the_manual() {
    let v = vfs();
    as_root(|cx| {
        for d in ["/a", "/a/sub", "/empty", "/full", "/full/x"] {
            mkdir(&v, cx, d).expect(d);
        }
        file(&v, cx, "/f").expect("f");
        assert_eq!(rename(&v, cx, "/a", "/a/sub/in", 0), Err(Errno::EINVAL));
        assert_eq!(rename(&v, cx, "/a", "/a", 0), Ok(()));
        assert_eq!(rename(&v, cx, "/a/sub", "/a", 0), Err(Errno::ENOTEMPTY));
        assert_eq!(rename(&v, cx, "/a", "/f", 0), Err(Errno::ENOTDIR));
        assert_eq!(rename(&v, cx, "/f", "/a", 0), Err(Errno::EISDIR));
        assert_eq!(rename(&v, cx, "/a", "/full", 0), Err(Errno::ENOTEMPTY));
        assert_eq!(rename(&v, cx, "/x", "/y", 0), Err(Errno::ENOENT));
        assert_eq!(rename(&v, cx, "/f", "/g/", 0), Err(Errno::ENOTDIR));
        assert_eq!(rename(&v, cx, "/f", "/.", 0), Err(Errno::EBUSY));
        assert_eq!(rename(&v, cx, "/f", "/a", RENAME_NOREPLACE), Err(Errno::EEXIST));
        assert_eq!(rename(&v, cx, "/f", "/none", RENAME_EXCHANGE), Err(Errno::ENOENT));
        assert_eq!(rename(&v, cx, "/f", "/g", 8), Err(Errno::EINVAL));
        let sub = find(&v, cx, "/a/sub").expect("sub");
        rename(&v, cx, "/a", "/empty", 0).expect("over an empty one");
        assert_eq!(path::shown(&v.root(), &sub), b"/empty/sub");
        assert_eq!(find(&v, cx, "/a").err(), Some(Errno::ENOENT));
        assert_eq!((nlink(&v, cx, "/"), nlink(&v, cx, "/empty")), (4, 3));
        rename(&v, cx, "/f", "/empty", RENAME_EXCHANGE).expect("exchange");
        assert!(find(&v, cx, "/f/sub").is_ok());
        assert!(!find(&v, cx, "/empty").expect("file").is_dir());
    });
}

#[test]
fn hard_links_share_a_node() {
    let v = vfs();
    as_root(|cx| {
        file(&v, cx, "/f").expect("f");
        let f = find(&v, cx, "/f").expect("f");
        plain(v.link(cx, &f, &Dir::Cwd, b"/g")).expect("link");
        assert_eq!(plain(v.link(cx, &f, &Dir::Cwd, b"/g")), Err(Errno::EEXIST));
        assert_eq!(nlink(&v, cx, "/g"), 2);
        assert_eq!(rename(&v, cx, "/f", "/g", 0), Ok(()));
        assert!(find(&v, cx, "/f").is_ok(), "two names of one file: rename does nothing");
        rm(&v, cx, "/f", false).expect("rm");
        assert_eq!(path::shown(&v.root(), &f), b"/f (deleted)");
        rm(&v, cx, "/g", false).expect("rm");
        assert_eq!(f.dentry.node.attr(cx).expect("attr").nlink, 0);
        assert_eq!(plain(v.link(cx, &f, &Dir::Cwd, b"/h")), Err(Errno::ENOENT));
        let root = v.root();
        assert_eq!(plain(v.link(cx, &root, &Dir::Cwd, b"/h")), Err(Errno::EPERM));
        let tmp = plain(v.open(cx, &Dir::Cwd, b"/", O_TMPFILE | O_RDWR, 0o600, 0)).expect("tmpfile").loc;
        plain(v.link(cx, &tmp, &Dir::Cwd, b"/h")).expect("a name for it");
        assert_eq!(nlink(&v, cx, "/h"), 1);
        rm(&v, cx, "/h", false).expect("rm");
        assert_eq!(plain(v.link(cx, &tmp, &Dir::Cwd, b"/h")), Err(Errno::ENOENT));
        let flags = O_TMPFILE | O_EXCL | O_RDWR;
        let tmp = plain(v.open(cx, &Dir::Cwd, b"/", flags, 0o600, 0)).expect("tmpfile").loc;
        assert_eq!(plain(v.link(cx, &tmp, &Dir::Cwd, b"/h")), Err(Errno::ENOENT));
    });
}

#[test]
fn groups_and_sticky_bits() {
    let v = vfs();
    as_root(|cx| {
        mkdir(&v, cx, "/shared").expect("dir");
        let shared = find(&v, cx, "/shared").expect("dir");
        v.chown(cx, &shared, None, Some(77)).expect("chgrp");
        v.chmod(cx, &shared, 0o3777).expect("chmod");
    });
    as_user(5, 5, |cx| {
        file(&v, cx, "/shared/five").expect("file");
        mkdir(&v, cx, "/shared/dir").expect("dir");
        let at = |p: &str| find(&v, cx, p).expect(p).dentry.node.attr(cx).expect("attr");
        assert_eq!((at("/shared/five").uid, at("/shared/five").gid), (5, 77));
        assert_eq!((at("/shared/dir").gid, at("/shared/dir").mode & S_ISGID), (77, S_ISGID));
        let five = find(&v, cx, "/shared/five").expect("file");
        assert_eq!(v.chown(cx, &five, Some(6), None), Err(Errno::EPERM));
        assert_eq!(v.chown(cx, &five, None, Some(5)), Ok(()));
    });
    as_user(6, 6, |cx| {
        assert_eq!(rm(&v, cx, "/shared/five", false), Err(Errno::EPERM));
        assert_eq!(rename(&v, cx, "/shared/five", "/shared/six", 0), Err(Errno::EPERM));
        let five = find(&v, cx, "/shared/five").expect("file");
        assert_eq!(v.chmod(cx, &five, 0o777), Err(Errno::EPERM));
        assert_eq!(v.utimens(cx, &five, NewTime::Now, NewTime::Now), Err(Errno::EACCES));
        let old = NewTime::new(1, 2).expect("time");
        assert_eq!(v.utimens(cx, &five, old, NewTime::Omit), Err(Errno::EPERM));
    });
}

#[test]
fn listings_are_stable_while_entries_go() {
    let v = vfs();
    as_root(|cx| {
        for i in 0..40 {
            file(&v, cx, &std::format!("/f{i:02}")).expect("file");
        }
        let root = v.root();
        let mut seen = std::vec::Vec::new();
        let mut from = 0;
        loop {
            let (data, next) = dirent::list(cx, &root, from, 100).expect("list");
            if data.is_empty() {
                break;
            }
            let mut at = 0;
            while at < data.len() {
                let len = u16::from_le_bytes([data[at + 16], data[at + 17]]) as usize;
                let name = data[at + 19..at + len].split(|b| *b == 0).next().expect("name");
                seen.push(String::from_utf8(name.to_vec()).expect("text"));
                at += len;
            }
            // What was seen goes away, as with rm -r.
            for s in seen.iter().filter(|s| s.starts_with('f')) {
                let _ = rm(&v, cx, &std::format!("/{s}"), false);
            }
            from = next;
        }
        assert_eq!(seen.len(), 42);
        assert_eq!(&seen[..2], [".", ".."]);
        assert_eq!(dirent::list(cx, &root, 0, 10).err(), Some(Errno::EINVAL));
    });
}

#[test]
fn watchers_hear_of_names_and_the_generation_moves() {
    let v = vfs();
    as_root(|cx| {
        mkdir(&v, cx, "/d").expect("dir");
        let id = v.notify.borrow_mut().create();
        let key = find(&v, cx, "/d").expect("d").dentry.key();
        v.notify.borrow_mut().add(id, key, IN_ALL_EVENTS).expect("watch");
        let before = v.generation();
        file(&v, cx, "/d/x").expect("file");
        rename(&v, cx, "/d/x", "/d/y", 0).expect("rename");
        rm(&v, cx, "/d/y", false).expect("rm");
        assert!(v.generation() >= before + 3);
        // CREATE, MOVED_FROM, MOVED_TO, DELETE.
        assert_eq!(v.notify.borrow().pending(id), 4 * 32);
        file(&v, cx, "/other").expect("file");
        let f = find(&v, cx, "/other").expect("file");
        let quiet = v.generation();
        v.set_size(cx, &f, 10).expect("truncate");
        assert_eq!(v.generation(), quiet, "nobody was told the size");
        v.stat(cx, &f).expect("stat");
        v.set_size(cx, &f, 11).expect("truncate");
        assert!(v.generation() > quiet);
    });
}
