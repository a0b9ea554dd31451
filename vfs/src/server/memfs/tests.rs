//! The writable layer over a lower tree, against a plain tree that gets the same changes.

extern crate std;

use alloc::rc::Rc;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::string::String;
use std::vec::Vec;

use abi::Errno;
use abi::fs::{FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, O_CREAT, O_TRUNC, O_WRONLY, S_IFDIR, S_IFLNK};

use crate::server::cx::Cx;
use crate::server::dentry::Dentry;
use crate::server::fake::{as_root, memfs};
use crate::server::inode::NodeRef;
use crate::server::{Dir, Vfs};

/// A lower tree: a/x, a/b/y, a/b/c/, l -> a/x, h1 and h2 (one file).
fn lower(cx: &Cx) -> NodeRef {
    let v = over(memfs(5).root(0o755, cx.now));
    for d in ["/a", "/a/b", "/a/b/c"] {
        v.mkdir(cx, &Dir::Cwd, d.as_bytes(), 0o755).expect(d);
    }
    for f in ["/a/x", "/a/b/y", "/h1"] {
        write(&v, cx, f, f.as_bytes()).expect(f);
    }
    let h1 = v.find(cx, &Dir::Cwd, b"/h1", true, false).map_err(|_| ()).expect("h1").loc;
    v.link(cx, &h1, &Dir::Cwd, b"/h2").expect("link");
    v.symlink(cx, b"a/x", &Dir::Cwd, b"/l").expect("symlink");
    v.root().dentry.node.clone()
}

fn over(root: NodeRef) -> Vfs {
    Vfs::new(Dentry::root(root, b""), b"overlay", b"overlay", 0)
}

fn write(v: &Vfs, cx: &Cx, path: &str, data: &[u8]) -> Result<(), Errno> {
    let open = v.open(cx, &Dir::Cwd, path.as_bytes(), O_CREAT | O_WRONLY | O_TRUNC, 0o644, 0);
    let loc = open.map_err(|_| Errno::ENOENT)?.loc;
    loc.dentry.node.write_at(cx, 0, data).map(|_| ())
}

/// Every path with its contents, type, link count and owner.
fn dump(cx: &Cx, node: &NodeRef, prefix: &str, out: &mut BTreeMap<String, String>) {
    let mut names = Vec::new();
    node.read_dir(cx, 2, &mut |e| {
        names.push((e.name, e.ino));
        true
    })
    .expect("list");
    for (name, ino) in names {
        let path = std::format!("{prefix}/{}", String::from_utf8_lossy(&name));
        let child = node.lookup(cx, &name).expect(&path);
        let attr = child.attr(cx).expect("attr");
        assert_eq!(attr.ino, ino, "{path}");
        let mut buf = [0; 64];
        let what = match child.file_type() {
            S_IFDIR => String::from("dir"),
            S_IFLNK => std::format!("-> {:?}", child.read_link(cx)),
            _ => {
                let n = child.read_at(cx, 0, &mut buf).expect("read");
                assert_eq!(n as u64, attr.size.min(64));
                String::from_utf8_lossy(&buf[..n]).into_owned()
            }
        };
        let shown = std::format!("{what} {:o} {} {}", attr.mode, attr.nlink, attr.uid);
        assert!(out.insert(path.clone(), shown).is_none(), "{path} is listed twice");
        if child.file_type() == S_IFDIR {
            dump(cx, &child, &path, out);
        }
    }
}

fn all(cx: &Cx, v: &Vfs) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    dump(cx, &v.root().dentry.node, "", &mut out);
    out
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, u8),
    MkDir(usize),
    Remove(usize, bool),
    Rename(usize, usize),
    Link(usize, usize),
    ChOwn(usize, u32),
    Truncate(usize, u8),
    Prune,
}

const PATHS: [&str; 14] = [
    "/a", "/a/x", "/a/b", "/a/b/y", "/a/b/c", "/l", "/h1", "/h2", "/n", "/a/n", "/n/b", "/n/b/y", "/n/x",
    "/a/b/c/d",
];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let p = || 0..PATHS.len();
    let one = prop_oneof![
        (p(), any::<u8>()).prop_map(|(a, n)| Step::Write(a, n)),
        p().prop_map(Step::MkDir),
        (p(), any::<bool>()).prop_map(|(a, d)| Step::Remove(a, d)),
        (p(), p()).prop_map(|(a, b)| Step::Rename(a, b)),
        (p(), p()).prop_map(|(a, b)| Step::Link(a, b)),
        (p(), 1..9u32).prop_map(|(a, u)| Step::ChOwn(a, u)),
        (p(), 0..20u8).prop_map(|(a, n)| Step::Truncate(a, n)),
        Just(Step::Prune),
    ];
    prop::collection::vec(one, 0..40)
}

fn apply(v: &Vfs, cx: &Cx, step: &Step) -> std::string::String {
    let at = |p: &usize| v.find(cx, &Dir::Cwd, PATHS[*p].as_bytes(), false, false).map(|f| f.loc);
    let done = match step {
        Step::Write(p, n) => {
            let open = v.open(cx, &Dir::Cwd, PATHS[*p].as_bytes(), O_CREAT | O_WRONLY, 0o644, 0);
            open.and_then(|o| Ok(o.loc.dentry.node.write_at(cx, u64::from(*n % 4), &[b'a' + n % 26; 3])?))
                .map(|_| ())
        }
        Step::MkDir(p) => v.mkdir(cx, &Dir::Cwd, PATHS[*p].as_bytes(), 0o755),
        Step::Remove(p, d) => v.unlink(cx, &Dir::Cwd, PATHS[*p].as_bytes(), *d),
        Step::Rename(a, b) => {
            v.rename(cx, (&Dir::Cwd, PATHS[*a].as_bytes()), (&Dir::Cwd, PATHS[*b].as_bytes()), 0)
        }
        Step::Link(a, b) => at(a).and_then(|l| v.link(cx, &l, &Dir::Cwd, PATHS[*b].as_bytes())),
        Step::ChOwn(a, u) => at(a).and_then(|l| Ok(v.chown(cx, &l, Some(*u), None)?)),
        Step::Truncate(a, n) => at(a).and_then(|l| Ok(v.truncate(cx, &l, (*n).into(), u64::MAX)?)),
        Step::Prune => {
            v.mounts.prune();
            Ok(())
        }
    };
    std::format!("{done:?}")
}

proptest! {
    /// A layer over a tree looks and acts as a tree that simply has these files, and the tree below stays as it was.
    #[test]
    fn a_layer_is_as_good_as_a_copy(steps in steps()) {
        as_root(|cx| {
            let below = lower(cx);
            let before = all(cx, &over(below.clone()));
            let layer = over(memfs(6).over(cx, below.clone())?);
            let copy = over(lower(cx));
            prop_assert_eq!(all(cx, &layer), all(cx, &copy));
            for step in &steps {
                prop_assert_eq!(apply(&layer, cx, step), apply(&copy, cx, step), "{:?}", step);
                prop_assert_eq!(all(cx, &layer), all(cx, &copy), "after {:?}", step);
            }
            prop_assert_eq!(all(cx, &over(below)), before);
            Ok(())
        })?;
    }
}

#[test]
fn numbers_do_not_change_with_contents() {
    as_root(|cx| {
        let v = over(memfs(6).over(cx, lower(cx)).expect("layer"));
        let ino =
            |p: &[u8]| v.find(cx, &Dir::Cwd, p, true, false).map(|f| f.loc.dentry.key()).map_err(|_| ());
        let before = ino(b"/h1");
        assert_eq!(before, ino(b"/h2"));
        write(&v, cx, "/h1", b"new").expect("write");
        v.mounts.prune();
        assert_eq!((ino(b"/h1"), ino(b"/h2")), (before, before));
        let mut buf = [0; 8];
        let h2 = v.find(cx, &Dir::Cwd, b"/h2", true, false).map_err(|_| ()).expect("h2").loc;
        assert_eq!(h2.dentry.node.read_at(cx, 0, &mut buf), Ok(3), "a link of the lower tree stays one");
    });
}

#[test]
fn memory_is_limited_and_given_back() {
    as_root(|cx| {
        let fs = super::MemFs::new(7, 0, Rc::new(crate::server::bytes::HeapStorage), 16 * 4096);
        let v = over(fs.root(0o755, cx.now));
        write(&v, cx, "/f", &[1; 8 * 4096]).expect("fits");
        assert_eq!(write(&v, cx, "/g", &[1; 9 * 4096]), Err(Errno::ENOSPC));
        v.unlink(cx, &Dir::Cwd, b"/f", false).expect("rm");
        write(&v, cx, "/g", &[1; 9 * 4096]).expect("fits now");
        let s = v.root().dentry.node.statfs().expect("statfs");
        assert_eq!((s.f_blocks, s.f_bfree), (16, 7));
    });
}

#[test]
fn holes_are_zeros_and_sizes_follow() {
    as_root(|cx| {
        let v = over(memfs(7).root(0o755, cx.now));
        write(&v, cx, "/f", b"0123456789").expect("write");
        let f = v.find(cx, &Dir::Cwd, b"/f", true, false).map_err(|_| ()).expect("f").loc.dentry.node.clone();
        f.allocate(cx, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 3).expect("punch");
        f.write_at(cx, 12, b"x").expect("write");
        let mut buf = [9; 16];
        assert_eq!(f.read_at(cx, 0, &mut buf), Ok(13));
        assert_eq!(&buf[..13], b"01\x00\x00\x0056789\x00\x00x");
        f.allocate(cx, FALLOC_FL_KEEP_SIZE, 0, 100).expect("keep");
        assert_eq!(f.size(cx), Ok(13));
        f.allocate(cx, 0, 0, 100).expect("grow");
        f.truncate(cx, 1).expect("shrink");
        f.truncate(cx, 3).expect("grow");
        assert_eq!(f.read_at(cx, 0, &mut buf), Ok(3));
        assert_eq!(&buf[..3], b"0\0\0");
        assert_eq!(f.allocate(cx, 8, 0, 1), Err(Errno::EOPNOTSUPP));
        assert_eq!(f.seek(cx, 3, false), Err(Errno::ENXIO));
    });
}
