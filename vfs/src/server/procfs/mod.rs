//! /proc and /sys: files whose text is made when they are read.
//!
//! Machine-wide files are rows of two tables ([`machine`], [`sysctl`]), per-process files rows of [`pid`]; directories
//! follow from the rows' paths. What only the process's own kernel knows (mappings, descriptors) is marked by
//! [`crate::server::inode::Inode::own_kind`], and the caller's kernel fills it in.

mod machine;
mod pid;
mod sysctl;
mod sysfs;
mod tree;

#[cfg(test)]
mod tests;

pub use tree::{Generated, proc_root, sys_root};

use alloc::string::String;
use alloc::vec::Vec;

use abi::Errno;

use crate::server::cx::Cx;

/// A file's text.
pub(crate) enum Read {
    Made(fn(&Cx) -> String),
    Fixed(String),
}

impl Read {
    fn text(&self, cx: &Cx) -> String {
        match self {
            Read::Made(make) => make(cx),
            Read::Fixed(text) => text.clone(),
        }
    }
}

/// Takes what was written to a file.
type Write = fn(&Cx, &[u8]) -> Result<(), Errno>;

/// A machine-wide file.
pub(crate) struct Row {
    /// Path below the root, without a leading slash.
    pub path: &'static str,
    pub read: Read,
    pub write: Option<Write>,
}

/// A read-only row.
const fn row(path: &'static str, make: fn(&Cx) -> String) -> Row {
    Row { path, read: Read::Made(make), write: None }
}

/// The decimal number in written text.
fn number(text: &[u8]) -> Result<i64, Errno> {
    core::str::from_utf8(text).ok().and_then(|s| s.trim().parse().ok()).ok_or(Errno::EINVAL)
}

/// Strings joined by a separator that also ends each.
fn joined(items: &[Vec<u8>], sep: u8) -> Vec<u8> {
    let mut out = Vec::new();
    for i in items {
        out.extend_from_slice(i);
        out.push(sep);
    }
    out
}

/// A UUID's text.
fn uuid(mut b: [u8; 16]) -> String {
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    let mut out = String::new();
    for (i, byte) in b.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        out.push_str(&alloc::format!("{byte:02x}"));
    }
    out.push('\n');
    out
}
