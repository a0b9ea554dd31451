//! Machine-wide files of /proc, proc(5).

use alloc::format;
use alloc::string::String;

use super::{Row, row};
use crate::server::cx::Cx;

pub(super) static ROWS: [Row; 18] = [
    row("cgroups", |_| "#subsys_name\thierarchy\tnum_cgroups\tenabled\n".into()),
    row("cmdline", |_| "offshoot\n".into()),
    row("cpuinfo", cpuinfo),
    row("devices", |_| DEVICES.into()),
    row("diskstats", |_| String::new()),
    row("filesystems", |_| FILESYSTEMS.into()),
    row("loadavg", loadavg),
    row("meminfo", meminfo),
    row("modules", |_| String::new()),
    row("partitions", |_| "major minor  #blocks  name\n\n".into()),
    row("stat", stat),
    row("swaps", |_| "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".into()),
    row("sysvipc/msg", |cx| table(cx, "sysvipc/msg")),
    row("sysvipc/sem", |cx| table(cx, "sysvipc/sem")),
    row("sysvipc/shm", |cx| table(cx, "sysvipc/shm")),
    row("uptime", uptime),
    row("version", |_| {
        format!("Linux version {} (offshoot) {}\n", protocol::OS_RELEASE, protocol::OS_VERSION)
    }),
    row("vmstat", |cx| format!("nr_free_pages {}\n", cx.world.system().mem_free / 4096)),
];

const DEVICES: &str =
    "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n";

const FILESYSTEMS: &str = "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tpipefs\nnodev\tsockfs\nnodev\tdevpts\n\
                           nodev\tdevtmpfs\nnodev\tmqueue\nnodev\toverlay\n";

fn table(cx: &Cx, name: &str) -> String {
    cx.world.net_table(name).map(|t| String::from_utf8_lossy(&t).into_owned()).unwrap_or_default()
}

/// The text of one `processor` block for each virtual CPU.
fn cpuinfo(cx: &Cx) -> String {
    let s = cx.world.system();
    let model = String::from_utf8_lossy(&s.cpu_model).into_owned();
    (0..s.cpus.max(1))
        .map(|i| {
            format!(
                "processor\t: {i}\nvendor_id\t: offshoot\nmodel name\t: {model}\nphysical id\t: 0\nsiblings\t: {0}\n\
                 core id\t\t: {i}\ncpu cores\t: {0}\nfpu\t\t: yes\nflags\t\t: fpu tsc cx8 cmov mmx fxsr sse sse2 \
                 syscall nx lm constant_tsc nopl\nclflush size\t: 64\ncache_alignment\t: 64\n\
                 address sizes\t: 46 bits physical, 48 bits virtual\n\n",
                s.cpus.max(1)
            )
        })
        .collect()
}

fn hundredths(ns: u64) -> String {
    format!("{}.{:02}", ns / 1_000_000_000, ns / 10_000_000 % 100)
}

fn uptime(cx: &Cx) -> String {
    let s = cx.world.system();
    let busy: u64 =
        cx.world.pids().iter().filter_map(|p| cx.world.process(*p)).map(|p| p.user_ns + p.system_ns).sum();
    let idle = (s.uptime_ns * u64::from(s.cpus.max(1))).saturating_sub(busy);
    format!("{} {}\n", hundredths(s.uptime_ns), hundredths(idle))
}

fn loadavg(cx: &Cx) -> String {
    let s = cx.world.system();
    let load = |v: u64| format!("{}.{:02}", v >> 16, ((v & 0xffff) * 100) >> 16);
    format!(
        "{} {} {} {}/{} {}\n",
        load(s.loads[0]),
        load(s.loads[1]),
        load(s.loads[2]),
        s.running.max(1),
        s.processes.max(1),
        s.last_pid
    )
}

fn meminfo(cx: &Cx) -> String {
    let s = cx.world.system();
    let (total, free) = (s.mem_total / 1024, s.mem_free / 1024);
    let rows: [(&str, u64); 20] = [
        ("MemTotal", total),
        ("MemFree", free),
        ("MemAvailable", free),
        ("Buffers", 0),
        ("Cached", 0),
        ("SwapCached", 0),
        ("Active", total - free.min(total)),
        ("Inactive", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", total - free.min(total)),
        ("Mapped", 0),
        ("Shmem", 0),
        ("Slab", 0),
        ("CommitLimit", total),
        ("Committed_AS", total - free.min(total)),
        ("VmallocTotal", 0x7fff_ffff),
        ("Hugepagesize", 2048),
    ];
    rows.iter().map(|(n, v)| format!("{:<15} {v:>8} kB\n", format!("{n}:"))).collect()
}

fn stat(cx: &Cx) -> String {
    let s = cx.world.system();
    let mut user = 0;
    let mut system = 0;
    for p in cx.world.pids().iter().filter_map(|p| cx.world.process(*p)) {
        user += p.user_ns / 10_000_000;
        system += p.system_ns / 10_000_000;
    }
    let cpus = u64::from(s.cpus.max(1));
    let idle = (s.uptime_ns / 10_000_000 * cpus).saturating_sub(user + system);
    let mut out = format!("cpu  {user} 0 {system} {idle} 0 0 0 0 0 0\n");
    for i in 0..cpus {
        let line = format!("cpu{i} {} 0 {} {} 0 0 0 0 0 0\n", user / cpus, system / cpus, idle / cpus);
        out.push_str(&line);
    }
    out.push_str(&format!(
        "intr 0\nctxt 0\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked 0\nsoftirq {}\n",
        s.boot_sec,
        s.forks,
        s.running.max(1),
        "0 0 0 0 0 0 0 0 0 0 0"
    ));
    out
}
