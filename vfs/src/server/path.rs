//! From places back to names: getcwd(2), the targets that procfs shows, mount tables.

use alloc::rc::Rc;
use alloc::vec::Vec;

use crate::server::walk::Loc;

/// What happened on the way up.
enum Top {
    /// Reached the given root.
    Root,
    /// Reached the top of everything without meeting the root.
    Outside,
}

fn up(root: &Loc, loc: &Loc) -> (Top, Vec<u8>) {
    let mut parts: Vec<alloc::boxed::Box<[u8]>> = Vec::new();
    let mut at = loc.clone();
    let top = loop {
        if at.same(root) {
            break Top::Root;
        }
        if Rc::ptr_eq(&at.dentry, &at.mount.root) {
            let below = at.mount.at.borrow().clone();
            match below {
                Some(below) => at = below,
                None => break Top::Outside,
            }
            continue;
        }
        match at.dentry.parent() {
            Some(parent) => {
                parts.push(at.dentry.name());
                at.dentry = parent;
            }
            None => break Top::Outside,
        }
    };
    let mut out = Vec::new();
    for p in parts.iter().rev() {
        out.push(b'/');
        out.extend_from_slice(p);
    }
    if out.is_empty() {
        out.push(b'/');
    }
    (top, out)
}

/// The path of `loc` below `root`; `None` when it lies outside.
pub fn visible(root: &Loc, loc: &Loc) -> Option<Vec<u8>> {
    match up(root, loc) {
        (Top::Root, path) => Some(path),
        (Top::Outside, _) => None,
    }
}

/// The path as procfs shows it: ` (deleted)` behind a removed name; an unnamed node's own text.
pub fn shown(root: &Loc, loc: &Loc) -> Vec<u8> {
    let d = &loc.dentry;
    let unnamed = d.parent().is_none() && !d.name().is_empty();
    let mut path = if unnamed { d.name().to_vec() } else { up(root, loc).1 };
    if deleted(loc) {
        path.extend_from_slice(b" (deleted)");
    }
    path
}

/// True when the name of `loc`, or a directory above it, was removed.
pub fn deleted(loc: &Loc) -> bool {
    let mut at = Some(loc.dentry.clone());
    while let Some(d) = at {
        if d.is_deleted() {
            return true;
        }
        at = d.parent();
    }
    false
}
