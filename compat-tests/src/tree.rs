//! The file tree that a run leaves: one line per entry with type, mode, size and a hash of the content.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use anyhow::Result;

/// A description of everything under `root`, in the order of the names, to be compared as text.
pub fn snapshot(root: &Path) -> Result<String> {
    let mut lines = String::new();
    walk(root, "", &mut lines)?;
    Ok(lines)
}

fn walk(dir: &Path, prefix: &str, lines: &mut String) -> Result<()> {
    let mut names = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>>>()?;
    names.sort();
    for name in names {
        let path = dir.join(&name);
        let shown = format!("{prefix}{}", name.to_string_lossy());
        let meta = fs::symlink_metadata(&path)?;
        let mode = meta.mode() & 0o7777;
        let kind = meta.file_type();
        let what = if kind.is_dir() {
            "dir".to_owned()
        } else if kind.is_symlink() {
            format!("symlink to {}", fs::read_link(&path)?.display())
        } else if kind.is_file() {
            format!("file {} bytes, links {}, content {:016x}", meta.len(), meta.nlink(), hash(&path))
        } else if kind.is_fifo() {
            "fifo".to_owned()
        } else if kind.is_socket() {
            "socket".to_owned()
        } else {
            "device".to_owned()
        };
        // A symbolic link's own mode means nothing.
        let mode = if kind.is_symlink() { 0 } else { mode };
        lines.push_str(&format!("{shown} {mode:04o} {what}\n"));
        if kind.is_dir() {
            walk(&path, &format!("{shown}/"), lines)?;
        }
    }
    Ok(())
}

fn hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    // A file that cannot be read hashes like an empty one: mode and size are compared beside it.
    hasher.write(&fs::read(path).unwrap_or_default());
    hasher.finish()
}
