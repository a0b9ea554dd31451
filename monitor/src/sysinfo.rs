//! sysinfo(2): the host's memory and load, the family's processes and uptime.

use std::fs;

use crate::call::Answer;
use crate::family::Family;

/// The answer to `Op::SysInfo`.
pub fn answer(fam: &Family) -> Answer {
    let (total, free) = memory();
    let loads = loads();
    let mut a = Answer::default()
        .with_ret(0, fam.procs.count() as u64)
        .with_ret(1, total)
        .with_ret(2, free)
        .with_ret(3, fam.uptime_ns());
    for (i, load) in loads.into_iter().enumerate() {
        a = a.with_ret(4 + i, load);
    }
    a
}

/// Total and available bytes of the host.
pub fn memory() -> (u64, u64) {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let field = |name: &str| {
        text.lines()
            .find_map(|l| l.strip_prefix(name)?.trim().trim_end_matches(" kB").parse::<u64>().ok())
            .map_or(0, |kib| kib << 10)
    };
    (field("MemTotal:"), field("MemAvailable:"))
}

/// The host's load averages in units of 1/65536, as sysinfo has them.
pub fn loads() -> [u64; 3] {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut words = text.split_whitespace();
    std::array::from_fn(|_| {
        let load: f64 = words.next().and_then(|w| w.parse().ok()).unwrap_or_default();
        (load * 65536.0) as u64
    })
}
