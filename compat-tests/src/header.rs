//! The header of a case: `key: value` directives in the comment lines at the top of its file.
//!
//! Known keys: `build` (one or more of dynamic, static, static-pie, musl; comma-separated), `libs` (linker options),
//! `args`, `stdin` (with `\n` escapes), `timeout` (seconds), `exit` (the status that the case is to end with), `order: any`
//! (processes print at the same time: the lines are compared without their order), `linux` (the oldest version on which the
//! case passes natively).
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
    /// The oldest Linux that has what the case looks at.
    pub linux: Option<(u32, u32)>,
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
            linux: None,
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
            "linux" => self.linux = Some(version(value).context("a version such as 6.14")?),
            _ => {}
        }
        Ok(())
    }
}

/// The first two numbers of a version of Linux.
pub fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
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
    fn versions_of_linux() {
        assert_eq!(version("6.18.44-cloud"), Some((6, 18)));
        assert_eq!(version("5.4"), Some((5, 4)));
        assert!(version("6.2.0") < version("6.14"));
        assert!(Header::parse("// linux: new\n").is_err());
    }

    #[test]
    fn an_unknown_build_is_refused() {
        assert!(Header::parse("// build: dietlibc\n").is_err());
    }
}
