//! Expected failures, one file per suite and platform: `"AREA/NAME" = "a sentence of reason"` in TOML.
//!
//! A test that passes although it is listed fails the run, so that no list grows stale.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

/// The files, by suite and platform.
const FILES: [(&str, &str, &str); 6] = [
    ("posix", "hosted", include_str!("../../expectations/posix.hosted.toml")),
    ("posix", "xen", include_str!("../../expectations/posix.xen.toml")),
    ("busybox", "hosted", include_str!("../../expectations/busybox.hosted.toml")),
    ("busybox", "xen", include_str!("../../expectations/busybox.xen.toml")),
    ("bash", "hosted", include_str!("../../expectations/bash.hosted.toml")),
    ("python", "hosted", include_str!("../../expectations/python.hosted.toml")),
];

/// Reasons by `AREA/NAME`.
pub type Expected = BTreeMap<String, String>;

/// What is expected to fail of a suite on a platform.
pub fn of(suite: &str, platform: &str) -> Result<Expected> {
    match FILES.iter().find(|(name, on, _)| (*name, *on) == (suite, platform)) {
        Some((name, on, text)) => parse(text).with_context(|| format!("expectations/{name}.{on}.toml")),
        None => Ok(Expected::new()),
    }
}

fn parse(text: &str) -> Result<Expected> {
    let all: Expected = toml::from_str(text)?;
    if let Some((name, _)) = all.iter().find(|(name, reason)| reason.trim().is_empty() || !name.contains('/'))
    {
        bail!("`{name}`: want \"AREA/NAME\" = \"reason\"");
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sound() {
        for (suite, platform, _) in FILES {
            of(suite, platform).unwrap();
        }
        assert!(parse("\"a/b\" = \"\"").is_err());
        assert!(parse("\"a\" = \"x\"").is_err());
        assert!(parse("\"a/b\" = \"x\"\n\"a/b\" = \"y\"").is_err());
    }
}
