//! Expected failures: `"AREA/NAME" = "reason"` lines, a subset of TOML.
//!
//! A failure that is known stays visible with its reason; a case that passes although it is listed is a failure too,
//! so that the list cannot grow stale.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Reasons by the name of the case.
pub type Expectations = BTreeMap<String, String>;

/// Reads an expectation file.
pub fn read(path: &Path) -> Result<Expectations> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| path.display().to_string())
}

fn parse(text: &str) -> Result<Expectations> {
    let mut found = Expectations::new();
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fields = line.split_once('=').and_then(|(name, reason)| Some((quoted(name)?, quoted(reason)?)));
        let Some((name, reason)) = fields.filter(|(_, reason)| !reason.is_empty()) else {
            bail!("line {number}: want `\"area/name\" = \"reason\"`");
        };
        if found.insert(name.to_owned(), reason.to_owned()).is_some() {
            bail!("line {number}: `{name}` is listed twice");
        }
    }
    Ok(found)
}

fn quoted(text: &str) -> Option<&str> {
    text.trim().strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reasons_are_required() {
        assert!(parse("\"fork/a\" = \"\"").is_err());
        assert!(parse("\"fork/a\"").is_err());
        assert_eq!(parse("# why\n\n\"fork/a\" = \"no such thing\"\n").unwrap()["fork/a"], "no such thing");
    }
}
