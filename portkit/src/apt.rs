//! apt with a configuration, state and cache of its own: it resolves as if into an empty system, needs no root
//! and touches nothing of the machine's. The machine's sources, keys and proxies are used.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};

use crate::progress::{Progress, Step};
use crate::sources;

/// Package lists that are younger are not fetched again.
const LISTS_KEEP: Duration = Duration::from_secs(12 * 3600);

/// What the lists of a Debian release and apt's own cache of them take, in MiB.
const LISTS_SIZE: u64 = 160;

/// One resolved package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, with epoch and revision.
    pub version: String,
    /// `amd64` or `all`.
    pub arch: String,
}

impl Package {
    /// The file's name in apt's archive folder: a colon is written `%3a`.
    pub fn file_name(&self) -> String {
        format!("{}_{}_{}.deb", self.name, self.version.replace(':', "%3a"), self.arch)
    }
}

/// A private apt.
pub struct Apt {
    dir: PathBuf,
}

impl Apt {
    /// Prepares the private apt in `dir`.
    pub fn new(dir: PathBuf) -> Result<Apt> {
        for part in ["state/lists/partial", "cache/archives/partial", "etc/empty"] {
            let path = dir.join(part);
            fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        }
        let apt = Apt { dir };
        apt.write("status", "")?;
        // Debian's own packages win over those of other sources that the machine may have.
        apt.write("etc/preferences", "Package: *\nPin: release o=Debian\nPin-Priority: 990\n")?;
        apt.write("etc/apt.conf", &apt.configuration(&host_network_settings()?))?;
        Ok(apt)
    }

    /// Prepares a private apt in `dir` that knows Debian's source packages instead of its binary ones.
    pub fn for_sources(dir: PathBuf) -> Result<Apt> {
        let apt = Apt::new(dir)?;
        let parts = apt.dir.join("etc/sources");
        fs::create_dir_all(&parts).with_context(|| format!("cannot make {}", parts.display()))?;
        apt.write("etc/sources/debian.sources", &sources::of_machine()?)?;
        let mut conf = apt.configuration(&host_network_settings()?);
        conf.push_str(&format!(
            "Dir::Etc::SourceList \"/dev/null\";\nDir::Etc::SourceParts \"{}\";\n",
            parts.display()
        ));
        apt.write("etc/apt.conf", &conf)?;
        Ok(apt)
    }

    /// The files of a source package as the archive has it now; its description (`.dsc`) is the first.
    pub fn source_files(&self, name: &str, progress: &Progress) -> Result<Vec<String>> {
        let step = progress.step("Resolving", name);
        let lines = run(self.command(&["source", "--print-uris", name]), &step, name)?;
        let mut files: Vec<String> = lines.iter().filter_map(|line| parse_uri(line)).collect();
        files.sort_by_key(|file| !file.ends_with(".dsc"));
        if !files.first().is_some_and(|file| file.ends_with(".dsc")) {
            bail!("apt knows no source package {name}");
        }
        step.clear();
        Ok(files)
    }

    /// Downloads the files of a source package into `place`; apt verifies the hashes.
    pub fn download_source(&self, name: &str, place: &Path, progress: &Progress) -> Result<()> {
        let step = progress.step("Downloading", &format!("the source of {name}"));
        let mut command = self.command(&["source", "--download-only", name]);
        command.current_dir(place);
        run(command, &step, name)?;
        step.done("Downloaded", &format!("the source of {name}"));
        Ok(())
    }

    fn write(&self, name: &str, content: &str) -> Result<()> {
        use std::io::Write;
        let path = self.dir.join(name);
        // The machine's proxy settings may hold a password.
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.and_then(|mut f| f.write_all(content.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn configuration(&self, network: &str) -> String {
        let dir = self.dir.display();
        // The machine's hooks (Dir::Etc::Parts) would run its commands: only its network settings are taken over.
        format!(
            "Dir::Etc::Main \"/dev/null\";\n\
             Dir::Etc::Parts \"{dir}/etc/empty\";\n\
             Dir::Etc::Preferences \"{dir}/etc/preferences\";\n\
             Dir::Etc::PreferencesParts \"{dir}/etc/empty\";\n\
             Dir::State \"{dir}/state\";\n\
             Dir::State::Status \"{dir}/status\";\n\
             Dir::Cache \"{dir}/cache\";\n\
             Dir::Log \"{dir}/log\";\n\
             APT::Architecture \"amd64\";\n\
             APT::Architectures {{ \"amd64\"; }};\n\
             APT::Install-Recommends \"false\";\n\
             APT::Install-Suggests \"false\";\n\
             APT::Sandbox::User \"root\";\n\
             APT::Update::Error-Mode \"any\";\n\
             APT::Get::Show-User-Simulation-Note \"false\";\n\
             APT::Keep-Downloaded-Packages \"true\";\n\
             APT::Status-Fd \"1\";\n\
             Acquire::Languages \"none\";\n\
             Acquire::Retries \"3\";\n\
             {network}"
        )
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("apt-get");
        command.arg("-qq").args(args);
        command.env("APT_CONFIG", self.dir.join("etc/apt.conf")).env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Fetches the package lists, unless they are fresh. Without a network older lists will do.
    pub fn update(&self, progress: &Progress) -> Result<()> {
        let stamp = self.dir.join("updated");
        let age = fs::metadata(&stamp)
            .and_then(|meta| meta.modified())
            .map(|time| SystemTime::now().duration_since(time));
        if matches!(age, Ok(Ok(age)) if age < LISTS_KEEP) {
            return Ok(());
        }
        self.check_space()?;
        let step = progress.step("Fetching", "Debian's package lists");
        match run(self.command(&["update"]), &step, "package lists") {
            Ok(_) => {
                self.write("updated", "")?;
                step.done("Fetched", "Debian's package lists");
                Ok(())
            }
            Err(error) if stamp.exists() => {
                step.clear();
                eprintln!("warning: using older package lists: {error:#}");
                Ok(())
            }
            Err(error) => Err(error).context("cannot fetch Debian's package lists"),
        }
    }

    /// On a full disk apt's fetcher does not end: it must not come to that.
    fn check_space(&self) -> Result<()> {
        let dir = self.dir.display();
        let stat = rustix::fs::statvfs(&self.dir)
            .with_context(|| format!("cannot measure the free space of {dir}"))?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize) >> 20;
        if free < LISTS_SIZE {
            bail!(
                "no space left: Debian's package lists need {LISTS_SIZE} MiB in {dir}, where {free} MiB are free; \
                 make room or set OFFSHOOT_CACHE to another place"
            );
        }
        Ok(())
    }

    /// Asks apt what these packages need in an empty system, sorted by name.
    pub fn resolve(&self, packages: &[String], progress: &Progress) -> Result<Vec<Package>> {
        let step = progress.step("Resolving", &packages.join(", "));
        let mut args = vec!["--simulate", "--yes", "install"];
        args.extend(packages.iter().map(String::as_str));
        let lines = run(self.command(&args), &step, "packages")?;
        let mut found: Vec<Package> = lines.iter().filter_map(|line| parse_inst(line)).collect();
        found.sort();
        if found.is_empty() {
            bail!("apt found nothing to install for {}", packages.join(", "));
        }
        step.clear();
        Ok(found)
    }

    /// Downloads what these packages need and is not here yet; apt verifies the hashes. Gives the files.
    pub fn download(
        &self,
        packages: &[String],
        resolved: &[Package],
        progress: &Progress,
    ) -> Result<Vec<PathBuf>> {
        let archives = self.dir.join("cache/archives");
        let files: Vec<PathBuf> = resolved.iter().map(|package| archives.join(package.file_name())).collect();
        if !files.iter().all(|file| file.is_file()) {
            let step = progress.step("Downloading", &format!("{} packages", resolved.len()));
            let mut args = vec!["--yes", "--download-only", "install"];
            args.extend(packages.iter().map(String::as_str));
            run(self.command(&args), &step, "packages")?;
            step.done("Downloaded", &format!("{} packages", resolved.len()));
        }
        match files.iter().find(|file| !file.is_file()) {
            Some(missing) => bail!("apt did not download {}", missing.display()),
            None => Ok(files),
        }
    }

    /// Makes the next [`update`](Apt::update) fetch the lists, however young they are.
    pub fn expire_lists(&self) {
        // A stamp that is already missing is what is wanted.
        let _ = fs::remove_file(self.dir.join("updated"));
    }
}

/// The machine's proxies and the like, as lines of apt's configuration.
fn host_network_settings() -> Result<String> {
    let output = match Command::new("apt-config").arg("dump").stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!(
                "there is no apt on this machine; a port is built from Debian packages, on Debian or with its apt installed"
            )
        }
        Err(error) => return Err(error).context("cannot run apt-config"),
    };
    let dump = String::from_utf8_lossy(&output.stdout);
    let wanted = |line: &&str| {
        let key = line.split([' ', ';']).next().unwrap_or_default().to_ascii_lowercase();
        ["acquire::http::", "acquire::https::", "acquire::check-valid-until", "acquire::forceipv"]
            .iter()
            .any(|prefix| key.starts_with(prefix))
    };
    Ok(dump.lines().filter(wanted).map(|line| format!("{line}\n")).collect())
}

/// Runs apt; its status lines move the step, its last complaint is the error. Gives the other lines of output.
fn run(mut command: Command, step: &Step, what: &str) -> Result<Vec<String>> {
    let mut child = command.spawn().context("cannot run apt-get")?;
    // apt's complaints are few: they fit the pipe while the output is read.
    let mut lines = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.context("cannot read what apt-get says")?;
            match parse_status(&line) {
                Some(percent) => step.at(percent, 100, what),
                None => lines.push(line),
            }
        }
    }
    let output = child.wait_with_output().context("cannot wait for apt-get")?;
    if output.status.success() {
        return Ok(lines);
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let complaint = |prefix: &str| text.lines().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned);
    bail!(
        "apt: {}",
        complaint("E: ").or_else(|| complaint("W: ")).unwrap_or_else(|| output.status.to_string())
    )
}

/// The percentage in `dlstatus:N:PERCENT:TEXT` (apt's doc/progress-reporting).
fn parse_status(line: &str) -> Option<u64> {
    let mut parts = line.strip_prefix("dlstatus:")?.splitn(3, ':').skip(1);
    parts.next()?.parse::<f64>().ok().map(|percent| percent.clamp(0.0, 100.0) as u64)
}

/// The file's name in `'URI' NAME SIZE HASH`.
fn parse_uri(line: &str) -> Option<String> {
    line.strip_prefix('\'')?.split_once("' ")?.1.split(' ').next().map(str::to_owned)
}

/// The package in `Inst NAME (VERSION ORIGIN [ARCH])`.
fn parse_inst(line: &str) -> Option<Package> {
    let (name, rest) = line.strip_prefix("Inst ")?.split_once(" (")?;
    let inside = rest.split_once(')')?.0;
    let version = inside.split(' ').next()?;
    let arch = inside.rsplit_once('[')?.1.strip_suffix(']')?;
    Some(Package { name: name.to_owned(), version: version.to_owned(), arch: arch.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_apt_says() {
        let package = parse_inst(
            "Inst zlib1g (1:1.2.13.dfsg-1 Debian:12.15/oldstable, Debian-Security:12/x [amd64]) []",
        );
        let package = package.unwrap();
        assert_eq!((package.name.as_str(), package.arch.as_str()), ("zlib1g", "amd64"));
        assert_eq!(package.file_name(), "zlib1g_1%3a1.2.13.dfsg-1_amd64.deb");
        assert_eq!(parse_inst("Conf zlib1g (1:1.2 Debian [amd64])"), None);
        assert_eq!(parse_status("dlstatus:10:36.8543:Retrieving file 10 of 29"), Some(36));
        assert_eq!(parse_status("Inst x"), None);
        let uri = "'http://deb.debian.org/debian/pool/main/b/bash/bash_5.2.15-2.dsc' bash_5.2.15-2.dsc 2317 SHA256:0";
        assert_eq!(parse_uri(uri).as_deref(), Some("bash_5.2.15-2.dsc"));
    }
}
