//! Unsafe code only where it has an address: the platforms, the kernel binaries, Xen's interfaces, and
//! where the monitor starts members, maps memory shared with them, takes over the descriptors it was given and allocates.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use proc_macro2::{TokenStream, TokenTree};

use super::verdict;

/// Crates that forbid unsafe code to themselves.
const FORBIDDING: [&str; 7] = ["abi", "protocol", "vfs", "process", "posix", "portkit", "xtask"];
/// Folders and files in which unsafe blocks may stand; clippy demands a SAFETY comment of each.
const ALLOWED: [&str; 14] = [
    "platform/",
    "platform-hosted/",
    "platform-x86/",
    "platform-xen/",
    "kernel/",
    "xenctl/",
    "monitor/src/hosted/",
    "monitor/src/mapping.rs",
    "monitor/src/reserve.rs",
    "monitor/src/setup.rs",
    "monitor/src/streams/host",
    "monitor/src/xen/window.rs",
    "monitor/src/xen/fake_window.rs",
    "compat-tests/src/inherited.rs",
];

/// Checks every tracked Rust file.
pub fn check(root: &Path, files: &[PathBuf]) -> Result<(), String> {
    let mut faults = Vec::new();
    for name in FORBIDDING {
        let roots = [format!("{name}/src/lib.rs"), format!("{name}/src/main.rs")];
        let text: String = roots.iter().filter_map(|file| fs::read_to_string(root.join(file)).ok()).collect();
        if !text.contains("#![forbid(unsafe_code)]") {
            faults.push(format!("{name} does not forbid unsafe code"));
        }
    }
    let rust = files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    for file in rust.filter(|file| !ALLOWED.iter().any(|place| file.to_string_lossy().starts_with(place))) {
        let Ok(text) = fs::read_to_string(root.join(file)) else { continue };
        match TokenStream::from_str(&text) {
            Ok(tokens) => {
                if let Some(line) = find(tokens) {
                    faults.push(format!("{}:{line} is unsafe code", file.display()));
                }
            }
            Err(error) => faults.push(format!("{} is not Rust: {error}", file.display())),
        }
    }
    verdict(faults)
}

/// The line of the first `unsafe`, also inside macros' arguments; comments and strings do not count.
fn find(tokens: TokenStream) -> Option<usize> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == "unsafe" => Some(ident.span().start().line),
        TokenTree::Group(group) => find(group.stream()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_keyword_and_nothing_else() {
        let find = |text: &str| find(TokenStream::from_str(text).unwrap());
        assert_eq!(find("#![forbid(unsafe_code)]\n// unsafe\nfn f() { g(\"unsafe\") }"), None);
        assert_eq!(find("fn f() {}\nfn g() { m!(unsafe { h() }) }"), Some(2));
    }
}
