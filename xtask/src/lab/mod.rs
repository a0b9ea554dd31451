//! `lab`: a real Xen on any machine, in an emulated one, and commands in its dom0.

mod base;
mod bench;
mod cpio;
mod job;
mod leaks;
mod machine;
mod place;
mod programs;
mod rows;
mod signals;
pub mod suites;
mod terminal;
mod test;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use portkit::{Cache, Progress};

use crate::repo::Repo;
use crate::setup;
use crate::tally::Tally;
use base::Base;
use job::{Job, Outcome, quote};
use machine::{Machine, Settings};
use place::Place;
use signals::Signals;

/// Which lab.
#[derive(Args, Debug)]
pub struct Options {
    /// The lab's name: each has a machine and a folder of its own [default: $OFFSHOOT_LAB, or lab].
    #[arg(long, global = true, value_name = "NAME")]
    lab: Option<String>,
    /// One instruction is one nanosecond of everybody's clock: figures repeat, and the boot takes longer.
    #[arg(long, global = true)]
    icount: bool,
    /// Memory of the machine, in MiB.
    #[arg(long, global = true, default_value_t = 2048, value_name = "MIB")]
    memory: u32,
    /// dom0's part of it, in MiB.
    #[arg(long, global = true, default_value_t = 512, value_name = "MIB")]
    dom0_memory: u32,
    /// Let a port of the host lead to one of dom0: HOST:DOM0 (several: the option again).
    #[arg(long, global = true, value_name = "HOST:DOM0", value_parser = parse_ports)]
    publish: Vec<(u16, u16)>,
    /// More words for Xen's command line.
    #[arg(long, global = true, default_value = "", value_name = "WORDS")]
    xen_options: String,
    /// Do not build anything first.
    #[arg(long, global = true)]
    no_build: bool,
}

impl Options {
    /// As they are when nothing is said.
    fn plain() -> Options {
        Options {
            lab: None,
            icount: false,
            memory: 2048,
            dom0_memory: 512,
            publish: Vec::new(),
            xen_options: String::new(),
            no_build: false,
        }
    }
}

/// What to do with it.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Boot the lab, and leave it running.
    Up,
    /// Run a command in dom0, with its output and exit status; if the lab is not up, it is for that long.
    Run {
        /// Seconds after which the command is killed.
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<u64>,
        /// A program and its arguments, or one shell line.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// An interactive shell in dom0.
    Shell,
    /// Show what Xen and dom0 have printed.
    Log,
    /// End the lab.
    Down,
    /// Measure a program whose processes are domains, beside the same one in a Linux guest; status 1 when a promise is missed.
    Bench {
        /// Instead, one fork step by step, as Xen's trace has it.
        #[arg(long, conflicts_with = "only")]
        trace: bool,
        /// Only the rows whose names contain one of these words.
        only: Vec<String>,
    },
    /// Run the tests that need Xen; the last line is `N passed, N failed`.
    Test {
        /// Only the tests whose names contain one of these words.
        only: Vec<String>,
    },
}

/// A lab that runs.
pub struct Lab {
    place: Place,
    machine: Machine,
    prologue: String,
    /// Whether this program booted it, and ends it.
    own: bool,
    name: String,
}

/// The tests of `lab test` that are quick enough for every run of all tests: what members need at all, a shell, clones.
const SMOKE: [&str; 3] = ["busybox", "orphans", "bash"];

/// Boots a lab for the quick tests, and ends it.
pub fn smoke(repo: &Repo) -> Result<Tally> {
    // One for each clone of the repository, so that several may be tested at one time.
    let name = format!("test-{:x}", base::digest(&[&repo.root.to_string_lossy()]));
    let cache = Cache::open_default()?;
    let place = Place::open(&cache, &name)?;
    let lab = Lab::open(repo, &cache, place, &Options::plain(), false).context("the lab does not boot")?;
    let tally = test::run(repo, &lab, &SMOKE.map(str::to_owned));
    lab.close();
    tally
}

/// Runs the subcommand. `Ok(n)` is the exit status.
pub fn run(repo: &Repo, options: &Options, action: &Action) -> Result<i32> {
    let cache = Cache::open_default()?;
    let name =
        options.lab.clone().or_else(|| std::env::var("OFFSHOOT_LAB").ok().filter(|name| !name.is_empty()));
    let name = name.unwrap_or_else(|| "lab".to_owned());
    let place = Place::open(&cache, &name)?;
    match action {
        Action::Up => {
            let lab = Lab::open(repo, &cache, place, options, true)?;
            let port = lab.machine.agent;
            eprintln!("lab `{name}` is up; its agent is at 127.0.0.1:{port}; `cargo xtask lab down` ends it");
            Ok(0)
        }
        Action::Run { timeout, command } => {
            let lab = Lab::open(repo, &cache, place, options, false)?;
            let mut job = Job::new(command);
            job.timeout = timeout.map(Duration::from_secs);
            job.signals = Some(Signals::catch()?);
            let outcome = lab.run(&job);
            lab.close();
            Ok(outcome?.status)
        }
        Action::Shell => {
            let lab = Lab::open(repo, &cache, place, options, false)?;
            let outcome = terminal::shell(&lab.place);
            lab.close();
            outcome.map(|()| 0)
        }
        Action::Log => {
            print!("{}", fs::read_to_string(place.console()).context("the lab has printed nothing")?);
            Ok(0)
        }
        Action::Down => {
            let _lock = place.lock()?;
            match Machine::running(&place) {
                Some(machine) => machine.stop(),
                None => eprintln!("lab `{name}` is not up"),
            }
            Ok(0)
        }
        Action::Bench { trace, only } => {
            let lab = Lab::open(repo, &cache, place, options, false)?;
            let base = Base::open(repo, &cache, &Progress::stderr())?;
            let outcome = bench::run(repo, &lab, &base, *trace, only);
            lab.close();
            Ok(if outcome? { 0 } else { 1 })
        }
        Action::Test { only } => {
            compat_tests::inherited::close_on_exec();
            // The cases are compiled here.
            setup::run(setup::Need::Everything)?;
            let lab = Lab::open(repo, &cache, place, options, false)?;
            let outcome = test::run(repo, &lab, only);
            let faults = lab.emulation_faults();
            lab.close();
            let tally = outcome?;
            if faults > 0 {
                eprintln!("{faults} triple faults in the log: a fault of the emulation; run again");
            }
            Ok(if tally.report() { 0 } else { 1 })
        }
    }
}

impl Lab {
    /// The lab of this place with fresh programs in it, booted if it is not up.
    fn open(repo: &Repo, cache: &Cache, place: Place, options: &Options, keep: bool) -> Result<Lab> {
        setup::run(setup::Need::Lab)?;
        let progress = Progress::stderr();
        if !options.no_build {
            programs::build(repo, &place)?;
        }
        let _lock = place.lock()?;
        let prologue = prologue(repo, cache);
        let name = place.dir().file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(machine) = Machine::running(&place) {
            for (host, dom0) in &options.publish {
                machine.forward(*host, *dom0)?;
            }
            return Ok(Lab { place, machine, prologue, own: false, name });
        }
        let base = Base::open(repo, cache, &progress)?;
        let settings = Settings {
            memory: options.memory,
            dom0_memory: options.dom0_memory,
            icount: options.icount,
            ports: options.publish.clone(),
            xen_options: options.xen_options.clone(),
            keep,
        };
        let mut shares: Vec<&Path> = vec![&repo.root, cache.dir()];
        if !repo.target.starts_with(&repo.root) {
            shares.push(&repo.target);
        }
        let machine = Machine::boot(&place, &base, &shares, &settings, &progress)?;
        Ok(Lab { place, machine, prologue, own: true, name })
    }

    /// Runs a command in dom0.
    pub fn run(&self, job: &Job) -> Result<Outcome> {
        job.run(&self.place, &self.machine, &self.prologue)
    }

    /// The `offshoot` command of dom0 with members on Xen, as a program of this machine.
    fn command(&self) -> Result<PathBuf> {
        self.program("/lab/bin/offshoot-xen")
    }

    /// A program of dom0, as one of this machine that any environment may call.
    fn program(&self, program: &str) -> Result<PathBuf> {
        let path = self.place.dir().join(Path::new(program).file_name().unwrap_or_default());
        let xtask = std::env::current_exe().context("this program has no name")?;
        let words = ["lab", "--lab", &self.name, "--no-build", "run", "--", program];
        let xtask = xtask.to_string_lossy();
        let words = [&[&*xtask], &words[..]].concat();
        let text = format!(
            "#!/bin/sh\nexport OFFSHOOT_CACHE={}\nexec {} \"$@\"\n",
            quote(&Cache::open_default()?.dir().to_string_lossy()),
            words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
        );
        fs::write(&path, text)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// dom0 sees the cache read-only; from now on the lab's own folder in it is writable there at the same place.
    fn share_at_the_same_place(&self) -> Result<()> {
        let share = quote(&self.place.share().to_string_lossy());
        let script = format!("grep -qF {share} /proc/mounts || mount --bind /lab {share}");
        let job = Job { script, timeout: Some(Duration::from_secs(60)), shown: true, signals: None };
        if self.run(&job)?.status != 0 {
            bail!("the lab's folder cannot be mounted in dom0");
        }
        Ok(())
    }

    /// A second lab beside this one, by a name of its own, whose Xen may have more options.
    fn another(&self, repo: &Repo, suffix: &str, xen_options: &str) -> Result<Lab> {
        self.beside(repo, suffix, &Options { xen_options: xen_options.to_owned(), ..Options::plain() })
    }

    /// A lab of 4 GiB as a host of many members is set up (docs/xen.md).
    fn dense(&self, repo: &Repo) -> Result<Lab> {
        let xen_options = "gnttab_max_frames=256 gnttab_max_maptrack_frames=4096".to_owned();
        self.beside(repo, "dense", &Options { memory: 4096, xen_options, ..Options::plain() })
    }

    fn beside(&self, repo: &Repo, suffix: &str, options: &Options) -> Result<Lab> {
        let cache = Cache::open_default()?;
        let place = Place::open(&cache, &format!("{}-{suffix}", self.name))?;
        Lab::open(repo, &cache, place, options, false)
    }

    /// A port of this machine that leads to the same one of dom0.
    fn publish(&self) -> Result<u16> {
        let port = machine::free_port()?;
        self.machine.forward(port, port).map(|()| port)
    }

    /// How often a guest died in a way that only the emulation explains.
    fn emulation_faults(&self) -> usize {
        self.machine.console().matches("Triple fault").count()
    }

    /// Ends the lab if it was booted for this one command.
    fn close(self) {
        if self.own {
            self.machine.stop();
        }
    }
}

/// What every command in dom0 begins with: the repository's folder, and the variables by which ports are found.
fn prologue(repo: &Repo, cache: &Cache) -> String {
    let (root, cache) = (repo.root.to_string_lossy(), cache.dir().to_string_lossy());
    format!(
        "cd {}; export OFFSHOOT_PORTS={} OFFSHOOT_CACHE={} OFFSHOOT=/lab/bin/offshoot-xen LAB_COMPAT={}",
        quote(&root),
        quote(&format!("{root}/ports")),
        quote(&cache),
        quote(&repo.target.join("compat").to_string_lossy())
    )
}

fn parse_ports(text: &str) -> Result<(u16, u16)> {
    let pair = text.split_once(':').and_then(|(host, dom0)| Some((host.parse().ok()?, dom0.parse().ok()?)));
    match pair {
        Some((host, dom0)) if host != 0 && dom0 != 0 => Ok((host, dom0)),
        _ => bail!("`{text}` is not HOST:DOM0, such as 8080:80"),
    }
}
