//! Requests per second of Debian's nginx with four workers: one root, one configuration and one wrk for both sides.
//! Natively the root's own dynamic linker runs the program, so that the same files are measured.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::figure::{Figure, Must};
use crate::scratch::Scratch;
use crate::side::{Bench, Side};
use crate::stop;

const UP: Duration = Duration::from_secs(20);
const DOWN: Duration = Duration::from_secs(20);
/// What a server says, in its prefix.
const SAID: &str = "stderr";

/// 1 KiB, keep-alive.
pub fn measure(bench: &Bench) -> Result<Figure> {
    let root = match &bench.nginx_root {
        Some(root) => root.clone(),
        None => build_root(bench)?,
    };
    let root = root.canonicalize().with_context(|| format!("no root at {}", root.display()))?;
    let (native, hosted) = bench.in_turn(|side| requests(bench, &root, side))?;
    let runsc = bench.runsc(|side| requests(bench, &root, side));
    Ok(Figure {
        name: "nginx",
        what: "nginx, 4 workers, 1 KiB, keep-alive",
        unit: "req/s",
        native,
        hosted,
        runsc,
        must: Some(Must::RatioAtLeast(0.35)),
    })
}

fn build_root(bench: &Bench) -> Result<PathBuf> {
    let output = bench.offshoot().args(["port", "build", "nginx"]).stderr(Stdio::inherit()).output()?;
    let place = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || place.is_empty() {
        bail!("`offshoot port build nginx` failed: build it, or give --nginx-root DIR");
    }
    Ok(place.into())
}

/// All paths are relative to nginx's prefix, which is the one thing that differs between the sides.
fn configuration(port: u16) -> String {
    format!(
        "daemon off;
worker_processes 4;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    sendfile on;
    keepalive_timeout 65;
    keepalive_requests 10000000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen {port};
        root html;
    }}
}}
"
    )
}

fn requests(bench: &Bench, root: &Path, side: Side) -> Result<f64> {
    let prefix = Scratch::new()?;
    let port = free_port()?;
    fs::write(prefix.path().join("nginx.conf"), configuration(port))?;
    fs::create_dir(prefix.path().join("html"))?;
    fs::write(prefix.path().join("html/1k.txt"), "x".repeat(1024))?;
    let mut server = server(bench, root, side, prefix.path(), port)?;
    let load = wait_until_up(&mut server, port).and_then(|()| {
        wrk(port, 1)?;
        wrk(port, 4)
    });
    stop::ask(&server, Signal::QUIT);
    let stopped = stop::wait(&mut server, DOWN);
    let load = load.with_context(|| format!("{side:?}: {}", last_words(prefix.path())))?;
    stopped.with_context(|| format!("{side:?}"))?;
    Ok(load)
}

fn server(bench: &Bench, root: &Path, side: Side, prefix: &Path, port: u16) -> Result<Child> {
    let mut command = match side {
        Side::Native => native(root, prefix, None),
        // Its own network would want iptables; as rootless it takes the host's.
        Side::Runsc => {
            native(root, prefix, Some(["runsc", "--rootless", "--ignore-cgroups", "--network=host"]))
        }
        Side::Hosted => {
            let mut command = bench.offshoot();
            command.arg("run").arg("--root").arg(root).args(["--scratch", "-p", &format!("{port}:{port}")]);
            command.arg("-v").arg(format!("{}:/bench", prefix.display()));
            command.args(["--", "/usr/sbin/nginx", "-p", "/bench"]);
            command
        }
    };
    command.args(["-c", "nginx.conf", "-e", "stderr"]);
    let said = fs::File::create(prefix.join(SAID))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
    command.spawn().context("cannot start nginx")
}

/// The root's nginx by the root's dynamic linker, under a sandbox if one is given.
fn native(root: &Path, prefix: &Path, sandbox: Option<[&str; 4]>) -> Command {
    let linker = root.join("lib64/ld-linux-x86-64.so.2");
    let mut command = match sandbox {
        None => Command::new(linker),
        Some([program, options @ ..]) => {
            let mut command = Command::new(program);
            command.args(options).arg("do").arg(linker);
            command
        }
    };
    let libraries = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"].map(|dir| root.join(dir));
    let libraries = libraries.map(|dir| dir.to_string_lossy().into_owned()).join(":");
    command.arg("--library-path").arg(libraries).arg(root.join("usr/sbin/nginx")).arg("-p").arg(prefix);
    command
}

/// The last line that the server said.
fn last_words(prefix: &Path) -> String {
    let said = fs::read_to_string(prefix.join(SAID)).unwrap_or_default();
    said.lines().next_back().unwrap_or("nginx said nothing").to_owned()
}

fn wait_until_up(server: &mut Child, port: u16) -> Result<()> {
    let deadline = Instant::now() + UP;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Some(status) = server.try_wait()? {
            bail!("nginx ended with {status} before it answered");
        }
        if Instant::now() >= deadline {
            bail!("nginx does not listen on port {port}");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn wrk(port: u16, seconds: u32) -> Result<f64> {
    let mut command = Command::new("wrk");
    command.args(["-t", "2", "-c", "64", "-d", &format!("{seconds}s")]);
    command.arg(format!("http://127.0.0.1:{port}/1k.txt")).stdout(Stdio::piped());
    let output =
        stop::output(command, Duration::from_secs(60)).context("`cargo xtask setup` installs wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if let Some(errors) = text.lines().find(|line| line.contains("Non-2xx") || line.contains("Socket errors"))
    {
        bail!("wrk saw {}", errors.trim());
    }
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    rate.and_then(|rate| rate.trim().parse().ok()).context("wrk gave no rate")
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
