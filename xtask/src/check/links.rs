//! Relative links in the Markdown files lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

use super::verdict;

/// Checks the links of every tracked Markdown file.
pub fn check(root: &Path, files: &[PathBuf]) -> Result<(), String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let text =
            fs::read_to_string(root.join(file)).map_err(|error| format!("{}: {error}", file.display()))?;
        let dir = root.join(file).parent().map(Path::to_owned).unwrap_or_default();
        for (line, target) in links(&text) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !dir.join(path).exists() {
                faults.push(format!("{}:{line} links to {path}, which is not there", file.display()));
            }
        }
    }
    verdict(faults)
}

/// Line and target of each relative link outside code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second piece between backticks is code.
        for prose in line.split('`').step_by(2) {
            for rest in prose.split("](").skip(1) {
                let target = rest.split([')', ' ']).next().unwrap_or_default();
                let is_elsewhere = target.contains("://") || target.starts_with("mailto:");
                if !target.is_empty() && !is_elsewhere {
                    found.push((index + 1, target.to_owned()));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::links;

    #[test]
    fn finds_relative_links_outside_code() {
        let text =
            "See [a](a.md#part) and [b](https://b.example/).\n```\n[c](c.md)\n```\n`[d](d.md)` [e](../e)\n";
        assert_eq!(links(text), [(1, "a.md#part".to_owned()), (5, "../e".to_owned())]);
    }
}
