//! Figures that are not one program's own: starts, copies, memory, how many there can be, how long the tests take.

use anyhow::Result;
use portkit::{Cache, Port, Progress, build_root};

use super::{Figures, PROGRAM, figures, median, on_xen, run_in_dom0};
use crate::lab::Lab;
use crate::lab::place::Place;
use crate::lab::programs::KERNEL;
use crate::repo::Repo;

/// Where programs lie in dom0's own memory, as `xl` does: files of the host come over a slow line.
const LOCAL: &str = "/tmp/start";
/// Members that are tried.
const MEMBERS: u32 = 1000;

/// What runs a command in dom0 has work of its own when it begins; with one processor that would be measured too.
const REST: &str = "usleep 300000";

/// From the command to the first line of main, and from `xl create` to the end of it.
pub fn starts(lab: &Lab) -> Result<(Figures, Figures)> {
    let copy = format!(
        "mkdir -p {LOCAL} && cd /lab/bin && cp offshoot {KERNEL} {PROGRAM} {LOCAL} && cp /lab/guest/empty.cfg {LOCAL} && \
         echo 'kernel = \"{LOCAL}/{KERNEL}\"' >>{LOCAL}/empty.cfg"
    );
    run_in_dom0(lab, &copy)?;
    let begun = |command: &str| {
        format!(
            "cd {LOCAL}; {REST}; ./{PROGRAM} until {command} </dev/null 2>said; s=$?; [ $s = 0 ] || cat said >&2"
        )
    };
    let ours = begun(&format!("./offshoot run --platform xen {LOCAL}/{PROGRAM} here")) + "; exit $s";
    let empty = begun(&format!("xl create -p -e -q {LOCAL}/empty.cfg")) + "; xl destroy empty; exit $s";
    let figures = (median(|| run_in_dom0(lab, &ours))?, median(|| run_in_dom0(lab, &empty))?);
    run_in_dom0(lab, &format!("rm -r {LOCAL}"))?;
    Ok(figures)
}

/// A clone by full copy.
pub fn full_copy(lab: &Lab) -> Result<Figures> {
    median(|| run_in_dom0(lab, "full-copy"))
}

/// MiB that an idle nginx worker adds: what a family with nine of them takes of Xen's memory and of dom0's, beyond what one
/// with a single worker takes. None when nginx does not serve here.
pub fn worker(repo: &Repo, lab: &Lab) -> Result<Option<f64>> {
    let cache = Cache::open_default()?;
    let port = Port::load(&repo.root.join("ports/nginx"))?;
    drop(build_root(&port, &cache, &Progress::stderr())?);
    let line = "cd /; mkdir -p /tmp/worker
        free() { echo $(($(xl info free_memory) * 1024 + $(awk '/^MemAvailable/ {print $2}' /proc/meminfo))); }
        taken() {
            sed \"s/^worker_processes .*/worker_processes $1;/\" $OFFSHOOT_PORTS/nginx/nginx.conf >/tmp/worker/nginx.conf
            before=$(free)
            offshoot run --platform xen --name worker -v /tmp/worker:/conf --port nginx -- -c /conf/nginx.conf >/tmp/worker/out 2>&1 & run=$!
            for i in $(seq 100); do wget -q -O /dev/null http://127.0.0.1:8080/ && break; usleep 200000; done
            sleep 5; with=$(free)
            [ $(offshoot tree worker | grep -c domain) = $(($1 + 1)) ] && echo taken-$1 $((before - with))
            offshoot kill -s TERM worker; wait $run; sleep 2
        }
        taken 1; taken 9; rm -r /tmp/worker";
    let Ok(printed) = run_in_dom0(lab, line) else { return Ok(None) };
    let found = figures(&printed);
    let pair = found.get("taken-9").zip(found.get("taken-1"));
    Ok(pair.map(|(nine, one)| (nine - one) / 8.0 / 1024.0))
}

/// How many members live at once, in a lab of their own.
pub fn members(repo: &Repo, lab: &Lab) -> Result<Option<f64>> {
    let dense = lab.dense(repo)?;
    let printed = on_xen(&dense, "64m", &format!("members {MEMBERS}"));
    dense.close();
    Ok(figures(&printed?).get("members").copied())
}

/// Minutes that the last run of all tests took in this lab. None when there was none.
pub fn tests(place: &Place) -> Option<f64> {
    let seconds: f64 = std::fs::read_to_string(place.tested()).ok()?.trim().parse().ok()?;
    Some(seconds / 60.0)
}
