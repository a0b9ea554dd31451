//! Requests per second of Debian's nginx with four workers: one root, one configuration and one wrk for both sides.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::figure::{Figure, Must};
use crate::scratch::Scratch;
use crate::server::{self, Plan, Server};
use crate::side::{Bench, Side};
use crate::stop;

/// 1 KiB, keep-alive.
pub fn measure(bench: &Bench) -> Result<Figure> {
    let root = server::root(bench, "nginx", bench.nginx_root.as_deref())?;
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
    let port = server::free_port()?;
    fs::write(prefix.path().join("nginx.conf"), configuration(port))?;
    fs::create_dir(prefix.path().join("html"))?;
    fs::write(prefix.path().join("html/1k.txt"), "x".repeat(1024))?;
    let greeting = ("GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 ");
    let plan = Plan { root, program: "usr/sbin/nginx", folder: prefix.path(), port, greeting };
    let server = Server::start(bench, side, &plan, |prefix| {
        let prefix = prefix.to_string_lossy();
        ["-p", &prefix, "-c", "nginx.conf", "-e", "stderr"].map(str::to_owned).into()
    })?;
    let load = wrk(port, 1).and_then(|_| wrk(port, 4));
    let stopped = server.end(Signal::QUIT);
    let load = load.with_context(|| format!("{side:?}: {}", plan.last_words()))?;
    stopped?;
    Ok(load)
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
