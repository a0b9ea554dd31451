//! The path walk against a model: a table of names and what is there, walked as path_resolution(7) tells it.

extern crate std;

use alloc::vec::Vec;
use std::borrow::ToOwned;
use std::collections::BTreeMap;
use std::format;
use std::string::String;

use abi::Errno;
use abi::fs::{O_DIRECTORY, O_NOFOLLOW, O_PATH, S_IFREG, SYMLOOP_MAX};
use proptest::prelude::*;

use super::fake::{as_root, vfs};
use super::walk::Stop;
use super::{Dir, path};

#[derive(Clone, Debug)]
enum Node {
    Dir,
    File,
    Link(String),
}

/// Absolute names without dots; the root's is empty.
type Tree = BTreeMap<String, Node>;

/// Where `path` leads from the root: the name, which need not be there only if it is the last one.
fn resolve(tree: &Tree, path: &str, follow: bool, links: &mut usize) -> Result<String, Errno> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    let mut todo: Vec<String> = path.split('/').map(ToOwned::to_owned).collect();
    todo.reverse();
    let mut at = String::new();
    while let Some(component) = todo.pop() {
        // A slash behind a name asks for a directory there.
        let asks_dir = !todo.is_empty();
        match &*component {
            "" | "." => {}
            ".." => at.truncate(at.rfind('/').unwrap_or(0)),
            name => {
                let there = format!("{at}/{name}");
                match tree.get(&there).ok_or(Errno::ENOENT)? {
                    Node::Dir => at = there,
                    Node::File if asks_dir => return Err(Errno::ENOTDIR),
                    Node::File => at = there,
                    Node::Link(_) if !asks_dir && !follow => at = there,
                    Node::Link(target) => {
                        *links += 1;
                        if *links > SYMLOOP_MAX {
                            return Err(Errno::ELOOP);
                        }
                        if target.starts_with('/') {
                            at.clear();
                        }
                        todo.extend(target.split('/').rev().map(ToOwned::to_owned));
                    }
                }
            }
        }
    }
    Ok(at)
}

fn text(paths: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    let parts = prop::collection::vec(prop::sample::select(paths), 1..most);
    (any::<bool>(), parts).prop_map(|(root, p)| {
        let text = p.join("/");
        if root { format!("/{text}") } else { text }
    })
}

#[derive(Clone, Debug)]
enum Make {
    Dir,
    File,
    Link(String),
}

/// Things are made at the end of these, one after the other, if their directory is there by then.
fn makings() -> impl Strategy<Value = Vec<(String, Make)>> {
    let what = prop_oneof![
        3 => Just(Make::Dir),
        1 => Just(Make::File),
        3 => text(&["a", "b", "c", "..", ".", ""], 4).prop_filter_map("no empty target", |t| {
            (!t.is_empty()).then_some(Make::Link(t))
        }),
    ];
    prop::collection::vec((text(&["a", "b", "c"], 4), what), 0..16)
}

proptest! {
    /// Each path leads where the model says or fails as it says, whether or not a link at its end is followed; open(2)'s
    /// O_NOFOLLOW, O_DIRECTORY and O_PATH decide by what is there.
    #[test]
    fn paths_lead_where_they_should(
        makings in makings(),
        asks in prop::collection::vec(text(&["a", "b", "c", "..", ".", ""], 7), 1..24),
    ) {
        let v = vfs();
        as_root(|cx| {
            let mut tree = Tree::from([(String::new(), Node::Dir)]);
            for (p, make) in makings {
                let (dir, name) = p.rsplit_once('/').unwrap_or(("", &p));
                let dir = resolve(&tree, &format!("{dir}/"), true, &mut 0);
                let fits = dir.as_ref().is_ok_and(|d| !tree.contains_key(&format!("{d}/{name}")));
                let made = match &make {
                    Make::Dir => v.mkdir(cx, &Dir::Cwd, p.as_bytes(), 0o755).is_ok(),
                    Make::File => v.mknod(cx, &Dir::Cwd, p.as_bytes(), S_IFREG | 0o644, 0).is_ok(),
                    Make::Link(to) => v.symlink(cx, to.as_bytes(), &Dir::Cwd, p.as_bytes()).is_ok(),
                };
                prop_assert_eq!(made, fits, "{} {:?}", p, make);
                if let (true, Ok(dir)) = (fits, dir) {
                    let node = match make {
                        Make::Dir => Node::Dir,
                        Make::File => Node::File,
                        Make::Link(to) => Node::Link(to),
                    };
                    tree.insert(format!("{dir}/{name}"), node);
                }
            }
            for ask in asks {
                for follow in [true, false] {
                    let want = resolve(&tree, &ask, follow, &mut 0);
                    let got = v.find(cx, &Dir::Cwd, ask.as_bytes(), follow, false);
                    let got = got.map(|f| path::shown(&v.root(), &f.loc));
                    let shown = want.clone().map(|w| if w.is_empty() { "/".to_owned() } else { w });
                    prop_assert_eq!(got, shown.map(String::into_bytes).map_err(Stop::Errno), "{} {}", ask, follow);
                    let nofollow = if follow { 0 } else { O_NOFOLLOW };
                    let flags = [0, O_DIRECTORY, O_PATH, O_PATH | O_DIRECTORY];
                    for flags in flags.map(|f| f | nofollow) {
                        let want = want.clone().and_then(|w| match &tree[&w] {
                            Node::Dir => Ok(()),
                            _ if flags & O_DIRECTORY != 0 => Err(Errno::ENOTDIR),
                            Node::Link(_) if flags & O_PATH == 0 => Err(Errno::ELOOP),
                            _ => Ok(()),
                        });
                        let got = v.open(cx, &Dir::Cwd, ask.as_bytes(), flags, 0, 0).map(|_| ());
                        prop_assert_eq!(got, want.map_err(Stop::Errno), "{} {:o}", ask, flags);
                    }
                }
            }
            Ok(())
        })?;
    }
}
