//! The options of `compat`, the same for `offshoot` and `cargo xtask`.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

/// The options ask for what there is not. Commands end as they do for options that they do not know.
#[derive(Debug)]
pub struct Misuse(pub String);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misuse {}

/// What the suites run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlatformArg {
    /// Members are sandboxed Linux processes.
    Hosted,
    /// Members are Xen domains.
    Xen,
    /// The host's own Linux only: checks the suites themselves.
    Native,
}

impl PlatformArg {
    /// The name as it is given.
    pub fn name(self) -> &'static str {
        match self {
            PlatformArg::Hosted => "hosted",
            PlatformArg::Xen => "xen",
            PlatformArg::Native => "native",
        }
    }
}

/// Which suites run, where, and what is written.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Only this suite: posix, busybox, bash or python (several: a,b or the option again)
    #[arg(long, value_name = "SUITE", value_delimiter = ',')]
    pub suite: Vec<String>,
    /// What the suites run on
    #[arg(long, value_name = "PLATFORM", default_value = "hosted")]
    pub platform: PlatformArg,
    /// Only tests whose area and command (such as THR/pthread_join/1-1) contain this text, or one of several: a,b
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// How many tests run at once
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
    /// Only every Nth test of each suite
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    pub every: u16,
    /// Only the short part that runs with every test of the project
    #[arg(long)]
    pub short: bool,
    /// Write the records to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the results to this file as a page for a browser
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Take native results from the JSON of an earlier run where it has them (for work on failures)
    #[arg(long, value_name = "FILE")]
    pub reuse_native: Option<PathBuf>,
}

impl Options {
    /// Looks at the options before anything is fetched or built; `suites` are the names that there are.
    pub fn check(&self, suites: &[&str]) -> Result<(), Misuse> {
        if let Some(unknown) = self.suite.iter().find(|name| !suites.contains(&name.as_str())) {
            return Err(Misuse(format!("there is no suite `{unknown}`; there are: {}", suites.join(", "))));
        }
        if self.filter.as_deref().is_some_and(|text| text.split(',').any(str::is_empty)) {
            return Err(Misuse("--filter has an empty part, which all tests contain".to_owned()));
        }
        for path in [&self.json, &self.html].into_iter().flatten() {
            writable(path)?;
        }
        match &self.reuse_native {
            Some(path) if !path.is_file() => Err(Misuse(format!("there is no file {}", path.display()))),
            _ => Ok(()),
        }
    }

    /// What is wrong when no test was chosen.
    pub fn nothing_chosen(&self) -> Misuse {
        let text = self.filter.as_deref().unwrap_or_default();
        Misuse(format!(
            "no test matches `{text}`; --filter looks for a part of a command's name, such as pthread_join or test_os"
        ))
    }
}

/// Whether a file can be written, which is tried without leaving one.
fn writable(path: &Path) -> Result<(), Misuse> {
    let new = !path.exists();
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(|error| Misuse(format!("cannot write {}: {error}", path.display())))?;
    if new {
        // It was made a moment ago.
        let _ = fs::remove_file(path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tempdir::TempDir;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn parse(args: &[&str]) -> Result<Options, String> {
        let words = ["compat"].iter().chain(args);
        Command::try_parse_from(words).map(|command| command.options).map_err(|error| error.to_string())
    }

    fn complaint(args: &[&str]) -> String {
        match parse(args) {
            Ok(options) => options.check(&["posix", "bash"]).expect_err("a misuse").to_string(),
            Err(text) => text.lines().next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn each_mistake_is_one_line() {
        for (args, told) in [
            (&["--suite", "posix,none"][..], "there is no suite `none`; there are: posix, bash"),
            (&["--filter", ""], "--filter has an empty part"),
            (&["--filter", "a,,b"], "--filter has an empty part"),
            (&["--jobs", "0"], "invalid value '0' for '--jobs <N>': 0 is not in 1..=64"),
            (&["--platform", "none"], "invalid value 'none' for '--platform <PLATFORM>'"),
            (&["--json", "/no/such/folder/file"], "cannot write /no/such/folder/file: No such file"),
            (&["--html", "/"], "cannot write /: Is a directory"),
            (&["--reuse-native", "/no/such/file"], "there is no file /no/such/file"),
        ] {
            let line = complaint(args);
            assert!(line.contains(told), "{args:?}: {line}");
            assert!(!line.contains('\n'), "{args:?}: {line}");
        }
    }

    #[test]
    fn looking_leaves_nothing_and_spoils_nothing() {
        let dir = TempDir::new("options").unwrap();
        let (new, old) = (dir.path().join("new"), dir.path().join("old"));
        fs::write(&old, "kept").unwrap();
        let [first, second] = [&new, &old].map(|path| path.display().to_string());
        let options = parse(&["--suite", "bash", "--json", &first, "--html", &second]).unwrap();
        options.check(&["posix", "bash"]).unwrap();
        assert!(!new.exists());
        assert_eq!(fs::read_to_string(&old).unwrap(), "kept");
        assert!(options.nothing_chosen().to_string().starts_with("no test matches"));
    }
}
