//! `/etc/ld.so.cache`, which spares every exec of a dynamic program the search through the library folders.
//!
//! ldconfig(8) would make it on a configured system, but it needs root to look at another root. The layout is
//! glibc's `sysdeps/generic/dl-cache.h`, version 1.1: a header, entries sorted from the greatest name down, strings.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Result;
use goblin::elf::{Elf, header};
use rustix::fs::Dir;

use crate::tree::Tree;

const HEADER: usize = 48;
const ENTRY: usize = 24;
/// `FLAG_ELF_LIBC6 | FLAG_X8664_LIB64`.
const FLAGS: i32 = 0x0303;
const LITTLE_ENDIAN: u8 = 2;
/// The folders that the dynamic linker of Debian trusts, in its order.
const SYSTEM: [&str; 4] = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib"];

/// Writes the cache for the libraries that are in the root.
pub fn write(tree: &Tree) -> Result<()> {
    let mut libraries = Vec::new();
    let mut seen = Vec::new();
    for dir in configured(tree).iter().map(String::as_str).chain(SYSTEM) {
        let Ok(file) = tree.read(Path::new(dir)) else { continue };
        let meta = file.metadata()?;
        // With a merged /usr the same folder comes by two names.
        if !meta.is_dir() || seen.contains(&(meta.dev(), meta.ino())) {
            continue;
        }
        seen.push((meta.dev(), meta.ino()));
        libraries.extend(scan(tree, dir, file)?);
    }
    let content = serialize(libraries);
    tree.file(Path::new("/etc/ld.so.cache"), 0o644, &mut content.as_slice())
}

/// The folders named in `/etc/ld.so.conf.d/*.conf`, sorted by file name as the shell's pattern is.
fn configured(tree: &Tree) -> Vec<String> {
    let base = Path::new("/etc/ld.so.conf.d");
    let Ok(dir) = tree.read(base) else { return Vec::new() };
    let mut names = names(dir).unwrap_or_default();
    names.retain(|name| name.ends_with(".conf"));
    names.sort();
    let mut dirs = Vec::new();
    for name in names {
        let mut text = String::new();
        if tree.read(&base.join(name)).and_then(|mut file| file.read_to_string(&mut text)).is_ok() {
            let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
            dirs.extend(
                lines.filter(|line| line.starts_with('/')).map(|line| line.trim_end_matches('/').to_owned()),
            );
        }
    }
    dirs
}

fn names(dir: File) -> io::Result<Vec<String>> {
    let entries = Dir::read_from(dir)?;
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().to_str().map(str::to_owned).ok());
    }
    Ok(names)
}

/// The libraries of one folder: name and path of each file that carries its own shared object name.
fn scan(tree: &Tree, dir: &str, file: File) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for name in names(file)? {
        let is_library = (name.starts_with("lib") || name.starts_with("ld-")) && name.contains(".so");
        let path = format!("{dir}/{name}");
        if is_library && tree.read(Path::new(&path)).is_ok_and(|file| carries(file, &name)) {
            found.push((name, path));
        }
    }
    Ok(found)
}

/// Whether this is an x86-64 library whose soname, if it has one, is `name`.
fn carries(mut file: File, name: &str) -> bool {
    let mut bytes = Vec::new();
    if !file.metadata().is_ok_and(|meta| meta.is_file()) || file.read_to_end(&mut bytes).is_err() {
        return false;
    }
    let Ok(elf) = Elf::parse(&bytes) else { return false };
    let right = elf.is_64 && elf.header.e_machine == header::EM_X86_64 && elf.header.e_type == header::ET_DYN;
    right && elf.soname.is_none_or(|soname| soname == name)
}

fn serialize(mut libraries: Vec<(String, String)>) -> Vec<u8> {
    // Greatest first; among the same name, the folder searched first (the sort is stable).
    libraries.sort_by(|(a, _), (b, _)| compare(b.as_bytes(), a.as_bytes()));
    let strings_at = HEADER + ENTRY * libraries.len();
    let mut entries = Vec::new();
    let mut strings = Vec::new();
    let mut intern = |text: &str| {
        let offset = (strings_at + strings.len()) as u32;
        strings.extend_from_slice(text.as_bytes());
        strings.push(0);
        offset
    };
    for (name, path) in &libraries {
        entries.extend(FLAGS.to_le_bytes());
        entries.extend(intern(name).to_le_bytes());
        entries.extend(intern(path).to_le_bytes());
        entries.extend(0u32.to_le_bytes()); // any version of the OS
        entries.extend(0u64.to_le_bytes()); // no hardware capability asked for
    }
    let mut out = Vec::with_capacity(strings_at + strings.len());
    out.extend(b"glibc-ld.so.cache1.1");
    out.extend((libraries.len() as u32).to_le_bytes());
    out.extend((strings.len() as u32).to_le_bytes());
    out.extend([LITTLE_ENDIAN, 0, 0, 0]);
    out.resize(HEADER, 0); // no extensions
    out.extend(entries);
    out.extend(strings);
    out
}

/// The linker's order of names (`_dl_cache_libcmp`): runs of digits compare as numbers and after other characters.
fn compare(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        match (a.first(), b.first()) {
            (None, None) => return Ordering::Equal,
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, rest_a) = number(a);
                let (y, rest_b) = number(b);
                if x != y {
                    return x.cmp(&y);
                }
                (a, b) = (rest_a, rest_b);
            }
            (Some(x), Some(y)) if x == y => (a, b) = (&a[1..], &b[1..]),
            (Some(x), Some(y)) => {
                return x.is_ascii_digit().cmp(&y.is_ascii_digit()).then(x.cmp(y));
            }
        }
    }
}

fn number(text: &[u8]) -> (u64, &[u8]) {
    let end = text.iter().position(|c| !c.is_ascii_digit()).unwrap_or(text.len());
    let value = text[..end].iter().fold(0u64, |n, c| n.wrapping_mul(10).wrapping_add(u64::from(c - b'0')));
    (value, &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_by_number() {
        let mut names = ["libc.so.6", "libc.so.10", "liba.so", "libc-2.so", "libc.so"];
        names.sort_by(|a, b| compare(a.as_bytes(), b.as_bytes()));
        assert_eq!(names, ["liba.so", "libc-2.so", "libc.so", "libc.so.6", "libc.so.10"]);
    }

    #[test]
    fn the_host_linker_tool_reads_it() {
        let pair = |name: &str| (name.to_owned(), format!("/lib/{name}"));
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("cache");
        std::fs::write(&path, serialize(vec![pair("libc.so.6"), pair("libm.so.6")])).unwrap();
        let Ok(output) = std::process::Command::new("/sbin/ldconfig").arg("-p").arg("-C").arg(&path).output()
        else {
            return; // no ldconfig on this machine
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("2 libs found"), "{text}");
        assert!(text.contains("libc.so.6 (libc6,x86-64) => /lib/libc.so.6"), "{text}");
    }
}
