//! A server of a port, on either side from the same root and for the same clients. Natively the root's own dynamic linker
//! runs the program, so that the same files are measured.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::side::{Bench, Side};
use crate::stop;

const UP: Duration = Duration::from_secs(20);
const DOWN: Duration = Duration::from_secs(20);
/// The measurement's folder inside a family.
pub const INSIDE: &str = "/bench";

/// What a server says, in its folder.
const SAID: &str = "said";

/// The root of a port: the one that is named, or else what the command under test builds.
pub fn root(bench: &Bench, port: &str, named: Option<&Path>) -> Result<PathBuf> {
    let root = match named {
        Some(root) => root.to_owned(),
        None => build(bench, port)?,
    };
    root.canonicalize().with_context(|| format!("no root at {}", root.display()))
}

fn build(bench: &Bench, port: &str) -> Result<PathBuf> {
    let output = bench.offshoot().args(["port", "build", port]).stderr(Stdio::inherit()).output()?;
    let place = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || place.is_empty() {
        bail!("`offshoot port build {port}` failed");
    }
    Ok(place.into())
}

/// A program of the root (`usr/bin/redis-cli`) by the root's dynamic linker, natively.
pub fn program(root: &Path, name: &str) -> Command {
    with_linker(Command::new(linker(root)), root, name)
}

fn linker(root: &Path) -> PathBuf {
    root.join("lib64/ld-linux-x86-64.so.2")
}

fn with_linker(mut command: Command, root: &Path, name: &str) -> Command {
    let libraries = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"].map(|dir| root.join(dir));
    command.arg("--library-path").arg(libraries.map(|dir| dir.to_string_lossy().into_owned()).join(":"));
    command.arg(root.join(name));
    command
}

/// What is served, and how it is started.
pub struct Plan<'a> {
    pub root: &'a Path,
    /// The program's place in the root, such as `usr/bin/redis-server`.
    pub program: &'a str,
    /// Where it works: this folder, which is [`INSIDE`] of a family.
    pub folder: &'a Path,
    pub port: u16,
    /// What to say to it, and how its answer begins once it is up: a published port takes connections before that.
    pub greeting: (&'a str, &'a str),
}

impl Plan<'_> {
    /// The last line that the server said.
    pub fn last_words(&self) -> String {
        let said = fs::read_to_string(self.folder.join(SAID)).unwrap_or_default();
        said.lines().next_back().unwrap_or("it said nothing").to_owned()
    }
}

/// A running server; it is killed if nobody ends it.
pub struct Server {
    child: Child,
    side: Side,
}

impl Server {
    /// Starts it on a side, with arguments that depend on what its folder is called there, and waits until it listens.
    pub fn start(
        bench: &Bench,
        side: Side,
        plan: &Plan<'_>,
        args: impl Fn(&Path) -> Vec<String>,
    ) -> Result<Server> {
        let (mut command, folder) = match side {
            Side::Native => (program(plan.root, plan.program), plan.folder),
            // Its own network would want iptables; as rootless it takes the host's.
            Side::Runsc => {
                let mut command = Command::new("runsc");
                command.args(["--rootless", "--ignore-cgroups", "--network=host", "do"]);
                command.arg(linker(plan.root));
                (with_linker(command, plan.root, plan.program), plan.folder)
            }
            Side::Hosted => {
                let mut command = bench.offshoot();
                command.arg("run").arg("--root").arg(plan.root);
                command.args(["--scratch", "-p", &format!("{0}:{0}", plan.port)]);
                command.arg("-v").arg(format!("{}:{INSIDE}", plan.folder.display()));
                command.args([OsStr::new("--"), Path::new("/").join(plan.program).as_os_str()]);
                (command, Path::new(INSIDE))
            }
        };
        command.args(args(folder));
        let said = File::create(plan.folder.join(SAID))?;
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        let child = command.spawn().with_context(|| format!("cannot start {}", plan.program))?;
        let mut server = Server { child, side };
        server.wait_until_up(plan).with_context(|| format!("{side:?}: {}", plan.last_words()))?;
        Ok(server)
    }

    fn wait_until_up(&mut self, plan: &Plan<'_>) -> Result<()> {
        let deadline = Instant::now() + UP;
        while !answers(plan) {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status} before it answered", plan.program);
            }
            if Instant::now() >= deadline {
                bail!("{} does not answer on port {}", plan.program, plan.port);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    pub fn end(mut self, how: Signal) -> Result<()> {
        stop::ask(&self.child, how);
        stop::wait(&mut self.child, DOWN).with_context(|| format!("{:?}", self.side))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            stop::ask(&self.child, Signal::TERM);
            let _ = stop::wait(&mut self.child, DOWN);
        }
    }
}

fn answers(plan: &Plan<'_>) -> bool {
    let (hello, answer) = plan.greeting;
    let mut begin = vec![0; answer.len()];
    let mut asked = || {
        let mut stream = TcpStream::connect(("127.0.0.1", plan.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(hello.as_bytes())?;
        stream.read_exact(&mut begin)
    };
    asked().is_ok() && begin == answer.as_bytes()
}

/// A TCP port that nobody uses now.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
