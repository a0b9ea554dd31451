//! Debian's redis, one server on each side, asked in turn by the root's own redis-cli and redis-benchmark: how many GETs
//! it answers, and how long BGSAVE's fork keeps it from answering.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::figure::{Figure, Must};
use crate::scratch::Scratch;
use crate::server::{self, Plan, Server};
use crate::side::{Bench, Side};
use crate::stop;

/// How long a client may take.
const LIMIT: Duration = Duration::from_secs(60);

/// GETs of 50 clients, each of which waits for its answer.
pub fn get(bench: &Bench) -> Result<Figure> {
    let (native, hosted) = on_each_side(bench, &[], Redis::gets)?;
    Ok(Figure {
        name: "redis-get",
        what: "redis GET, 50 clients, no pipeline",
        unit: "req/s",
        native,
        hosted,
        runsc: None,
        must: Some(Must::RatioAtLeast(0.4)),
    })
}

/// The fork of BGSAVE with a million keys of 100 bytes, as redis itself takes its time.
pub fn pause(bench: &Bench) -> Result<Figure> {
    let (native, hosted) =
        on_each_side(bench, &["debug", "populate", "1000000", "key", "100"], Redis::fork_of_bgsave)?;
    Ok(Figure {
        name: "redis-pause",
        what: "redis, pause at BGSAVE, 1 M keys",
        unit: "µs",
        native,
        hosted,
        runsc: None,
        must: Some(Must::RatioAtMost(1.5)),
    })
}

type Samples = (Vec<f64>, Vec<f64>);

/// Each side's server stays for all samples, once `first` has been said to it. gVisor, whose figures would take longer than
/// all others together, is left out.
fn on_each_side(bench: &Bench, first: &[&str], measure: fn(&Redis) -> Result<f64>) -> Result<Samples> {
    let root = server::root(bench, "redis", None)?;
    let start = |side| {
        let redis = Redis::start(bench, &root, side)?;
        if !first.is_empty() {
            redis.ask(first)?;
        }
        Ok::<_, anyhow::Error>(redis)
    };
    let (native, hosted) = (start(Side::Native)?, start(Side::Hosted)?);
    let samples = bench.in_turn(|side| measure(if side == Side::Native { &native } else { &hosted }))?;
    native.end()?;
    hosted.end()?;
    Ok(samples)
}

struct Redis {
    server: Server,
    root: PathBuf,
    port: u16,
    /// Where it dumps to.
    folder: Scratch,
}

impl Redis {
    fn start(bench: &Bench, root: &Path, side: Side) -> Result<Redis> {
        let folder = Scratch::new()?;
        let port = server::free_port()?;
        let greeting = ("PING\r\n", "+PONG");
        let plan = Plan { root, program: "usr/bin/redis-server", folder: folder.path(), port, greeting };
        let server = Server::start(bench, side, &plan, |folder| {
            let (folder, port) = (folder.to_string_lossy(), port.to_string());
            let words = ["--port", &port, "--bind", "*", "--protected-mode", "no", "--dir", &folder];
            let more = ["--save", "", "--rdbcompression", "no", "--enable-debug-command", "yes"];
            words.into_iter().chain(more).map(str::to_owned).collect()
        })?;
        Ok(Redis { server, root: root.to_owned(), port, folder })
    }

    /// What one of redis's own clients prints.
    fn client(&self, name: &str, args: &[&str]) -> Result<String> {
        let mut command = server::program(&self.root, name);
        command.args(["-p", &self.port.to_string()]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = stop::output(command, LIMIT)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() || text.starts_with("ERR") {
            let more = String::from_utf8_lossy(&output.stderr);
            bail!("{name} {} ended with {}: {}{}", args.join(" "), output.status, text.trim(), more.trim());
        }
        Ok(text)
    }

    fn ask(&self, words: &[&str]) -> Result<String> {
        self.client("usr/bin/redis-cli", words)
    }

    /// One number of INFO.
    fn info(&self, field: &str) -> Result<f64> {
        let text = self.ask(&["info", "everything"])?;
        let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.and_then(|value| value.trim().parse().ok()).with_context(|| format!("INFO has no {field}"))
    }

    fn gets(&self) -> Result<f64> {
        let text =
            self.client("usr/bin/redis-benchmark", &["-t", "get", "-n", "40000", "-c", "50", "--csv"])?;
        // "GET","rate",…
        let rate = text.lines().find_map(|line| line.strip_prefix("\"GET\",\"")?.split('"').next());
        rate.and_then(|rate| rate.parse().ok()).context("redis-benchmark gave no rate")
    }

    fn fork_of_bgsave(&self) -> Result<f64> {
        self.ask(&["bgsave"])?;
        let deadline = Instant::now() + LIMIT;
        while self.info("rdb_bgsave_in_progress")? != 0.0 {
            if Instant::now() >= deadline {
                bail!("BGSAVE does not end");
            }
            thread::sleep(Duration::from_millis(50));
        }
        if !self.folder.path().join("dump.rdb").is_file() {
            bail!("BGSAVE left no dump");
        }
        self.info("latest_fork_usec")
    }

    fn end(self) -> Result<()> {
        self.server.end(Signal::TERM)
    }
}
