//! `port.toml`: what a port is made of and how it runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::locate;
use crate::values::{self, Publish, is_guest_path};

/// A port, as `ports/NAME/port.toml` describes it.
///
/// ```toml
/// name = "nginx"                        # the folder's name
/// description = "nginx, Debian's own"   # one line
/// packages = ["nginx"]                  # Debian packages; apt adds what they depend on
/// command = ["/usr/sbin/nginx"]         # the program and its first arguments
/// workdir = "/"                         # default "/"
/// memory = "512m"                       # per member; default: the command's own
/// ports = ["8080:80"]                   # published by default, [ADDRESS:]HOST:GUEST
/// directories = ["/var/www"]            # made in the root, mode 0755
/// writable = ["/var/log/nginx"]         # made in the root, writable for every user, as /tmp is
/// smoke = "smoke.sh"                    # a script in the port's folder
///
/// [env]                                 # the whole environment of the program
/// PATH = "/usr/bin"
///
/// [files]                               # from the port's folder into the root
/// "nginx.conf" = "/etc/nginx/nginx.conf"
///
/// [links]                               # symbolic links: place = target
/// "/usr/bin/awk" = "mawk"
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The port's name, which is its folder's.
    pub name: String,
    /// One line for lists.
    pub description: String,
    /// The Debian packages asked for; apt adds their dependencies.
    pub packages: Vec<String>,
    /// The program, by absolute guest path, and its first arguments.
    pub command: Vec<String>,
    /// The program's environment, complete.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The directory in which the program starts.
    #[serde(default = "slash")]
    pub workdir: String,
    /// The memory limit of one member, in bytes; None leaves it to the command's default.
    #[serde(default, deserialize_with = "values::size")]
    pub memory: Option<u64>,
    /// The ports published unless the user asks for others.
    #[serde(default)]
    pub ports: Vec<Publish>,
    /// Directories made in the root.
    #[serde(default)]
    pub directories: Vec<String>,
    /// Directories made in the root with mode 1777, so that a program that drops its privileges can still write
    /// there: an ordinary user who builds a root cannot give a directory to `www-data`.
    #[serde(default)]
    pub writable: Vec<String>,
    /// Files of the port's folder and where they go in the root.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Symbolic links made in the root: place and target. Debian makes some (`awk`) only when a package is
    /// configured, which runs the package's scripts; here nothing of a package runs on the host.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    /// The smoke test, a script in the port's folder.
    #[serde(default)]
    pub smoke: Option<String>,
    /// The port's folder.
    #[serde(skip)]
    pub dir: PathBuf,
}

fn slash() -> String {
    "/".to_owned()
}

impl Port {
    /// Finds and reads the port of this name; see [`ports_dir`](crate::ports_dir) for where it looks.
    pub fn find(name: &str) -> Result<Port> {
        let ports = locate::ports_dir()?;
        let known = || match locate::names_in(&ports) {
            names if names.is_empty() => "none".to_owned(),
            names => names.join(", "),
        };
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            bail!("`{name}` is not a port's name; there are: {}", known());
        }
        let dir = ports.join(name);
        if !dir.join("port.toml").is_file() {
            bail!("there is no port `{name}` in {}; there are: {}", ports.display(), known());
        }
        Port::load(&dir)
    }

    /// Reads and checks the `port.toml` of a port's folder.
    pub fn load(dir: &Path) -> Result<Port> {
        let file = dir.join("port.toml");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut port = Port::parse(&text, &file)?;
        port.dir = dir.to_owned();
        port.check(dir).with_context(|| file.display().to_string())?;
        Ok(port)
    }

    fn parse(text: &str, file: &Path) -> Result<Port> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            let message = error.message().trim_end().replace('\n', "; ");
            let message = message
                .replace("unknown field", "unknown key")
                .replace("missing field", "missing key")
                .replace("expected one of", "the allowed keys are");
            anyhow::anyhow!("{}:{line}: {message}", file.display())
        })
    }

    fn check(&self, dir: &Path) -> Result<()> {
        let folder =
            dir.canonicalize().ok().and_then(|d| Some(d.file_name()?.to_string_lossy().into_owned()));
        if folder.as_deref() != Some(self.name.as_str()) {
            bail!("`name` is `{}`, but must be the folder's name", self.name);
        }
        if self.packages.is_empty() || !self.packages.iter().all(|p| is_package(p)) {
            bail!("`packages` must list Debian packages by name");
        }
        if !self.command.first().is_some_and(|program| is_guest_path(program)) {
            bail!("`command` must start with the program's absolute path");
        }
        let paths = std::iter::once(("workdir", &self.workdir))
            .chain(self.directories.iter().map(|path| ("directories", path)))
            .chain(self.writable.iter().map(|path| ("writable", path)))
            .chain(self.files.values().map(|path| ("files", path)))
            .chain(self.links.keys().map(|path| ("links", path)));
        for (key, path) in paths {
            if !is_guest_path(path) {
                bail!("`{key}`: `{path}` is not an absolute guest path without `..`");
            }
        }
        if let Some((name, _)) =
            self.env.iter().find(|(n, v)| n.is_empty() || n.contains(['=', '\0']) || v.contains('\0'))
        {
            bail!("`env`: `{name}` cannot be the name of an environment variable, or its value has a NUL");
        }
        for source in self.files.keys().chain(&self.smoke) {
            if source.starts_with('/')
                || source.split('/').any(|part| part == "..")
                || !dir.join(source).is_file()
            {
                bail!("`{source}` is not a file of the port's folder");
            }
        }
        Ok(())
    }

    /// The smoke test's path, if the port has one.
    pub fn smoke_test(&self) -> Option<PathBuf> {
        self.smoke.as_ref().map(|script| self.dir.join(script))
    }

    /// A digest of all in the port's folder that shapes the root.
    pub(crate) fn digest(&self) -> Result<String> {
        let mut hash = Sha256::new();
        for name in std::iter::once("port.toml").chain(self.files.keys().map(String::as_str)) {
            let path = self.dir.join(name);
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        Ok(format!("{:x}", hash.finalize()))
    }
}

/// Debian policy 5.6.7: lower-case letters, digits and `+-.`, at least two, the first alphanumeric.
fn is_package(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && name.len() > 1
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b))
}

#[cfg(test)]
#[path = "port_tests.rs"]
mod tests;
