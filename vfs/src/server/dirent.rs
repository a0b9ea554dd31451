//! Directory listings as getdents64(2) gives them.

use alloc::rc::Rc;
use alloc::vec::Vec;

use abi::Errno;
use abi::fs::{DIRENT64_NAME, DT_DIR};

use crate::server::cx::Cx;
use crate::server::inode::DirEntry;
use crate::server::walk::Loc;

/// Records that fit a buffer.
struct Records {
    out: Vec<u8>,
    max: usize,
    next: u64,
    full: bool,
}

impl Records {
    fn push(&mut self, e: &DirEntry) -> bool {
        let len = (DIRENT64_NAME + e.name.len() + 1).next_multiple_of(8);
        if self.out.len() + len > self.max {
            self.full = true;
            return false;
        }
        let end = self.out.len() + len;
        self.out.extend_from_slice(&e.ino.to_le_bytes());
        self.out.extend_from_slice(&e.next.to_le_bytes());
        self.out.extend_from_slice(&(len as u16).to_le_bytes());
        self.out.push(e.dtype);
        self.out.extend_from_slice(&e.name);
        self.out.resize(end, 0);
        self.next = e.next;
        true
    }
}

/// Entries of `dir` from cookie `from` on, at most `max` bytes of them: the records, and where to go on. EINVAL when
/// not even one fits.
pub fn list(cx: &Cx, dir: &Loc, from: u64, max: usize) -> Result<(Vec<u8>, u64), Errno> {
    let node = &dir.dentry.node;
    let mut records = Records { out: Vec::new(), max, next: from, full: false };
    let dots = [(&b"."[..], dir.clone()), (b"..", above(dir))];
    for (i, (name, loc)) in dots.iter().enumerate().skip(from.min(2) as usize) {
        let ino = loc.dentry.key().1;
        let entry = DirEntry { ino, dtype: DT_DIR, next: i as u64 + 1, name: name.to_vec() };
        if !records.push(&entry) {
            break;
        }
    }
    if !records.full {
        node.read_dir(cx, from.max(2), &mut |e| records.push(&e))?;
    }
    if records.out.is_empty() && records.full {
        return Err(Errno::EINVAL);
    }
    Ok((records.out, records.next))
}

/// The directory above, for the number of `..`.
fn above(dir: &Loc) -> Loc {
    let mut at = dir.clone();
    while Rc::ptr_eq(&at.dentry, &at.mount.root) {
        let below = at.mount.at.borrow().clone();
        let Some(below) = below else { return dir.clone() };
        at = below;
    }
    match at.dentry.parent() {
        Some(parent) => Loc { dentry: parent, mount: at.mount },
        None => dir.clone(),
    }
}
