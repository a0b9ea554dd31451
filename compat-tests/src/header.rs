//! The header of a case: `key: value` directives in the comment lines at the top of its file.
//!
//! Known keys: `build` (one or more of dynamic, static, static-pie, musl; comma-separated), `libs` (linker options),
//! `args`, `stdin` (with `\n` escapes), `timeout` (seconds), `exit` (the status that the case is to end with), `order: any`
//! (processes print at the same time: the lines are compared without their order).
//! Everything else in the comment is prose: what the case observes and the clause that it comes from.

use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How a C case is linked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Build {
    Dynamic,
    Static,
    StaticPie,
    Musl,
}

impl Build {
    /// The suffix of the case's name; the usual build has none.
    pub fn suffix(self) -> &'static str {
        match self {
            Build::Dynamic => "",
            Build::Static => "@static",
            Build::StaticPie => "@static-pie",
            Build::Musl => "@musl",
        }
    }
}

/// The directives of one case.
#[derive(Clone, Debug)]
pub struct Header {
    pub builds: Vec<Build>,
    pub libs: Vec<String>,
    pub args: Vec<String>,
    pub stdin: Vec<u8>,
    pub timeout: Duration,
    pub exit: i32,
    pub any_order: bool,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            builds: vec![Build::Dynamic],
            libs: Vec::new(),
            args: Vec::new(),
            stdin: Vec::new(),
            timeout: Duration::from_secs(30),
            exit: 0,
            any_order: false,
        }
    }
}

impl Header {
    /// Reads the directives from the comment lines that a source file starts with.
    pub fn parse(source: &str) -> Result<Header> {
        let mut header = Header::default();
        for line in source.lines() {
            let Some(comment) = line.strip_prefix("//").or_else(|| line.strip_prefix('#')) else { break };
            if let Some((key, value)) = comment.trim().split_once(':') {
                header.directive(key.trim(), value.trim()).with_context(|| format!("in `{line}`"))?;
            }
        }
        Ok(header)
    }

    fn directive(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "build" => {
                self.builds = value.split(',').map(|word| build(word.trim())).collect::<Result<_>>()?
            }
            "libs" => self.libs = words(value),
            "args" => self.args = words(value),
            "stdin" => self.stdin = value.replace("\\n", "\n").into_bytes(),
            "timeout" => self.timeout = Duration::from_secs(value.parse().context("a number of seconds")?),
            "exit" => self.exit = value.parse().context("an exit status")?,
            "order" if value == "any" => self.any_order = true,
            "order" => bail!("unknown order `{value}`: any is the only one"),
            _ => {}
        }
        Ok(())
    }
}

fn words(value: &str) -> Vec<String> {
    value.split_whitespace().map(str::to_owned).collect()
}

fn build(word: &str) -> Result<Build> {
    Ok(match word {
        "dynamic" => Build::Dynamic,
        "static" => Build::Static,
        "static-pie" => Build::StaticPie,
        "musl" => Build::Musl,
        _ => bail!("unknown build `{word}`: use dynamic, static, static-pie or musl"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_and_prose_is_not() {
        let text = "// Says: what fork(2) says.\n// build: static, musl\n// timeout: 5\n// stdin: a\\nb\n\n// exit: 3\n";
        let header = Header::parse(text).unwrap();
        assert_eq!(header.builds, [Build::Static, Build::Musl]);
        assert_eq!(header.timeout, Duration::from_secs(5));
        assert_eq!(header.stdin, b"a\nb");
        assert_eq!(header.exit, 0, "a directive after the first comment block does not count");
    }

    #[test]
    fn an_unknown_build_is_refused() {
        assert!(Header::parse("// build: dietlibc\n").is_err());
    }
}
