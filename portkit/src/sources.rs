//! Where Debian's source packages come from: the machine's own places of Debian, asked for sources.
//!
//! Both of apt's formats are read (sources.list(5)): one line each, or stanzas of fields.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Where the machine keeps its sources.
const PLACE: &str = "/etc/apt";

/// Stanzas of `deb-src` for every place of Debian that the machine knows.
pub(crate) fn of_machine() -> Result<String> {
    let mut found = String::new();
    for path in files(Path::new(PLACE)) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        found.push_str(&match path.extension().is_some_and(|end| end == "sources") {
            true => from_stanzas(&text),
            false => from_lines(&text),
        });
    }
    if found.is_empty() {
        bail!("no source of Debian's packages is in {PLACE}/sources.list or {PLACE}/sources.list.d");
    }
    Ok(found)
}

fn files(place: &Path) -> Vec<PathBuf> {
    let parts = fs::read_dir(place.join("sources.list.d")).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = parts
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "sources" || end == "list"))
        .collect();
    files.sort();
    files.insert(0, place.join("sources.list"));
    files
}

/// Other vendors' places seldom have sources, and none that are wanted here.
fn is_debian(uri: &str) -> bool {
    let uri = uri.trim_end_matches('/');
    uri.ends_with("/debian") || uri.ends_with("/debian-security")
}

fn from_stanzas(text: &str) -> String {
    let text: String = text.lines().filter(|line| !line.starts_with('#')).map(|l| format!("{l}\n")).collect();
    let mut out = String::new();
    for stanza in text.split("\n\n").filter(|stanza| !stanza.trim().is_empty()) {
        let field = |name: &str| {
            stanza.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let disabled = field("Enabled").is_some_and(|value| value.eq_ignore_ascii_case("no"));
        if disabled || !field("URIs").is_some_and(|uris| uris.split_whitespace().all(is_debian)) {
            continue;
        }
        out.push_str("Types: deb-src\n");
        for line in stanza.lines().filter(|line| !line.to_ascii_lowercase().starts_with("types:")) {
            out.push_str(&format!("{line}\n"));
        }
        out.push('\n');
    }
    out
}

fn from_lines(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines().filter_map(|line| line.trim().strip_prefix("deb ")) {
        let line = line.trim();
        let (options, rest) = match line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((options, rest)) => (options, rest),
            None => ("", line),
        };
        let mut words = rest.split_whitespace();
        let (Some(uri), Some(suite)) = (words.next(), words.next()) else { continue };
        if !is_debian(uri) {
            continue;
        }
        let components: Vec<&str> = words.collect();
        out.push_str(&format!("Types: deb-src\nURIs: {uri}\nSuites: {suite}\n"));
        if !components.is_empty() {
            out.push_str(&format!("Components: {}\n", components.join(" ")));
        }
        if let Some(key) = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by=")) {
            out.push_str(&format!("Signed-By: {key}\n"));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_become_stanzas_of_sources() {
        let text = "Types: deb\n# a mirror\nURIs: http://deb.debian.org/debian\nSuites: bookworm\n\nTypes: deb\nURIs: https://other.example/x\n";
        let found = from_stanzas(text);
        assert_eq!(found, "Types: deb-src\nURIs: http://deb.debian.org/debian\nSuites: bookworm\n\n");
        let text = "# x\ndeb [signed-by=/k] http://m.example/debian/ bookworm main contrib\ndeb https://o.example/apt x main\n";
        let found = from_lines(text);
        assert!(
            found.starts_with(
                "Types: deb-src\nURIs: http://m.example/debian/\nSuites: bookworm\nComponents: main contrib\nSigned-By: /k"
            ),
            "{found}"
        );
        assert_eq!(found.matches("deb-src").count(), 1);
    }
}
