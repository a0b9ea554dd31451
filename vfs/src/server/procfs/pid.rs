//! Files of /proc/PID, proc(5).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use abi::Errno;
use protocol::op::{OWN_MAPS, OWN_SMAPS, OWN_STATM};

use super::{joined, number};
use crate::server::cx::{Cx, ProcInfo};

/// Takes what was written to a process's file.
pub(super) type WritePid = fn(&Cx, u32, &[u8]) -> Result<(), Errno>;

/// A file of each process.
pub(super) struct PidRow {
    pub name: &'static str,
    pub mode: u32,
    /// Only the process's own user may read it.
    pub private: bool,
    /// OWN_* number when the process's kernel knows better.
    pub own: u64,
    pub read: fn(&Cx, &ProcInfo) -> Vec<u8>,
    pub write: Option<WritePid>,
}

/// Links of each process apart from fd.
pub(super) const PID_LINKS: [&str; 3] = ["cwd", "exe", "root"];

const fn file(name: &'static str, read: fn(&Cx, &ProcInfo) -> Vec<u8>) -> PidRow {
    PidRow { name, mode: 0o444, private: false, own: 0, read, write: None }
}

const fn private(name: &'static str, mode: u32, read: fn(&Cx, &ProcInfo) -> Vec<u8>) -> PidRow {
    PidRow { private: true, mode, ..file(name, read) }
}

pub(super) static PID_ROWS: [PidRow; 27] = [
    private("auxv", 0o400, |_, _| Vec::new()),
    file("cgroup", |_, _| b"0::/\n".to_vec()),
    file("cmdline", |_, p| joined(&p.argv, 0)),
    file("comm", |_, p| [&p.comm[..], b"\n"].concat()),
    private("environ", 0o400, |_, p| joined(&p.envp, 0)),
    file("gid_map", |_, _| IDENTITY_MAP.to_vec()),
    private("io", 0o400, |_, _| IO.to_vec()),
    file("limits", |_, p| limits(p).into_bytes()),
    file("loginuid", |_, _| b"4294967295".to_vec()),
    PidRow { own: OWN_MAPS, ..private("maps", 0o444, |_, _| Vec::new()) },
    file("mountinfo", |cx, p| cx.world.mounts(p.pid, true)),
    file("mounts", |cx, p| cx.world.mounts(p.pid, false)),
    PidRow {
        mode: 0o644,
        write: Some(|cx, pid, text| set_oom(cx, pid, scale(number(text)?, 17, 1000)?)),
        ..file("oom_adj", |cx, p| format!("{}\n", cx.world.oom_adj(p.pid) * 17 / 1000).into_bytes())
    },
    file("oom_score", |cx, p| format!("{}\n", (666 + cx.world.oom_adj(p.pid)).clamp(0, 2000)).into_bytes()),
    PidRow {
        mode: 0o644,
        write: Some(|cx, pid, text| set_oom(cx, pid, scale(number(text)?, 1000, 1000)?)),
        ..file("oom_score_adj", |cx, p| format!("{}\n", cx.world.oom_adj(p.pid)).into_bytes())
    },
    private("personality", 0o400, |_, _| b"00000000\n".to_vec()),
    file("schedstat", |_, p| format!("{} 0 0\n", p.user_ns + p.system_ns).into_bytes()),
    file("sessionid", |_, _| b"4294967295".to_vec()),
    file("setgroups", |_, _| b"allow\n".to_vec()),
    PidRow { own: OWN_SMAPS, ..private("smaps", 0o444, |_, _| Vec::new()) },
    file("stat", |_, p| stat(p)),
    PidRow {
        own: OWN_STATM,
        ..file("statm", |_, p| format!("{} {} 0 0 0 0 0\n", p.vsize / 4096, p.rss / 4096).into_bytes())
    },
    file("status", |_, p| status(p)),
    private("syscall", 0o400, |_, _| b"running\n".to_vec()),
    file("timerslack_ns", |_, _| b"50000\n".to_vec()),
    file("uid_map", |_, _| IDENTITY_MAP.to_vec()),
    file("wchan", |_, _| b"0".to_vec()),
];

const IDENTITY_MAP: &[u8] = b"         0          0 4294967295\n";

/// Only counters that nobody keeps; the form is what readers look for.
const IO: &[u8] =
    b"rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n";

fn scale(value: i64, max: i64, to: i64) -> Result<i32, Errno> {
    let min = if max == 17 { -17 } else { -max };
    if (min..=max).contains(&value) { Ok((value * to / max) as i32) } else { Err(Errno::EINVAL) }
}

/// Raising the score is free; lowering it below what it is takes privilege.
fn set_oom(cx: &Cx, pid: u32, adj: i32) -> Result<(), Errno> {
    if adj < cx.world.oom_adj(pid) && !cx.creds.is_root() {
        return Err(Errno::EACCES);
    }
    cx.world.set_oom_adj(pid, adj);
    Ok(())
}

/// Clock ticks of 10 ms.
fn ticks(ns: u64) -> u64 {
    ns / 10_000_000
}

fn stat(p: &ProcInfo) -> Vec<u8> {
    let mut out = format!("{} (", p.pid).into_bytes();
    out.extend_from_slice(&p.comm);
    let priority = 20 + p.nice;
    let rss_limit = p.limits.get(5).map_or(u64::MAX, |l| l.0);
    out.extend_from_slice(
        format!(
            ") {} {} {} {} {} {} 4194304 {} 0 0 0 {} {} {} {} {priority} {} {} 0 {} {} {} {rss_limit} ",
            char::from(p.state),
            p.ppid,
            p.pgid,
            p.sid,
            p.tty,
            p.tty_pgrp,
            p.min_flt,
            ticks(p.user_ns),
            ticks(p.system_ns),
            ticks(p.child_user_ns),
            ticks(p.child_system_ns),
            p.nice,
            p.threads,
            ticks(p.start_ns),
            p.vsize,
            p.rss / 4096,
        )
        .as_bytes(),
    );
    // Addresses, signals and the rest of the 52 fields: hidden or unknown here, as for a reader without privilege.
    out.extend_from_slice(b"0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 ");
    out.extend_from_slice(format!("{}\n", p.exit_code).as_bytes());
    out
}

fn status(p: &ProcInfo) -> Vec<u8> {
    let state = match p.state {
        b'S' => "S (sleeping)",
        b'T' => "T (stopped)",
        b'Z' => "Z (zombie)",
        _ => "R (running)",
    };
    let mut out = b"Name:\t".to_vec();
    out.extend_from_slice(&p.comm);
    let [ru, eu, su, fu, rg, eg, sg, fg] = p.ids;
    let mut text = format!(
        "\nState:\t{state}\nTgid:\t{0}\nNgid:\t0\nPid:\t{0}\nPPid:\t{1}\nTracerPid:\t0\n\
         Uid:\t{ru}\t{eu}\t{su}\t{fu}\nGid:\t{rg}\t{eg}\t{sg}\t{fg}\nFDSize:\t256\nGroups:\t",
        p.pid, p.ppid
    );
    for g in &p.groups {
        text.push_str(&format!("{g} "));
    }
    text.push_str(&format!("\nNStgid:\t{0}\nNSpid:\t{0}\nNSpgid:\t{1}\nNSsid:\t{2}\n", p.pid, p.pgid, p.sid));
    if p.state != b'Z' {
        text.push_str(&format!(
            "VmPeak:\t{0:8} kB\nVmSize:\t{0:8} kB\nVmHWM:\t{1:8} kB\nVmRSS:\t{1:8} kB\n",
            p.vsize / 1024,
            p.rss / 1024
        ));
    }
    let [pending, shared, blocked, ignored, caught] = p.signals;
    let queued = pending.count_ones() + shared.count_ones();
    let most = p.limits.get(11).map_or(0, |limit| limit.0);
    text.push_str(&format!(
        "Threads:\t{}\nSigQ:\t{queued}/{most}\nSigPnd:\t{pending:016x}\nShdPnd:\t{shared:016x}\n\
         SigBlk:\t{blocked:016x}\nSigIgn:\t{ignored:016x}\nSigCgt:\t{caught:016x}\nCapInh:\t{:016x}\nCapPrm:\t{:016x}\nCapEff:\t{:016x}\nCapBnd:\t{:016x}\n\
         CapAmb:\t{:016x}\nNoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n\
         Cpus_allowed_list:\t0\nMems_allowed_list:\t0\n",
        p.threads,
        p.caps.inheritable,
        p.caps.permitted,
        p.caps.effective,
        p.caps.bounding,
        p.caps.ambient,
    ));
    out.extend_from_slice(text.as_bytes());
    out
}

fn limits(p: &ProcInfo) -> String {
    const NAMES: [(&str, &str); 16] = [
        ("Max cpu time", "seconds"),
        ("Max file size", "bytes"),
        ("Max data size", "bytes"),
        ("Max stack size", "bytes"),
        ("Max core file size", "bytes"),
        ("Max resident set", "bytes"),
        ("Max processes", "processes"),
        ("Max open files", "files"),
        ("Max locked memory", "bytes"),
        ("Max address space", "bytes"),
        ("Max file locks", "locks"),
        ("Max pending signals", "signals"),
        ("Max msgqueue size", "bytes"),
        ("Max nice priority", ""),
        ("Max realtime priority", ""),
        ("Max realtime timeout", "us"),
    ];
    let show = |v: u64| if v == u64::MAX { "unlimited".into() } else { format!("{v}") };
    let mut out = format!("{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (i, (name, unit)) in NAMES.iter().enumerate() {
        let (soft, hard) = p.limits.get(i).copied().unwrap_or((u64::MAX, u64::MAX));
        out.push_str(&format!("{name:<25} {:<20} {:<20} {unit:<10}\n", show(soft), show(hard)));
    }
    out
}
