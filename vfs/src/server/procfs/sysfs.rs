//! /sys: the little that programs look for.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Read, Row, row};
use crate::server::cx::Cx;

pub(super) static ROWS: [Row; 9] = [
    row("devices/system/cpu/kernel_max", |cx| format!("{}\n", count(cx) - 1)),
    row("devices/system/cpu/offline", |_| "\n".into()),
    row("devices/system/cpu/online", cpus),
    row("devices/system/cpu/possible", cpus),
    row("devices/system/cpu/present", cpus),
    row("devices/system/node/online", |_| "0\n".into()),
    row("devices/system/node/possible", |_| "0\n".into()),
    row("fs/cgroup/cgroup.controllers", |_| "\n".into()),
    row("kernel/mm/transparent_hugepage/enabled", |_| "always madvise [never]\n".into()),
];

fn count(cx: &Cx) -> u32 {
    cx.world.system().cpus.max(1)
}

fn cpus(cx: &Cx) -> String {
    list(count(cx))
}

/// All processors, as a list …
fn list(cpus: u32) -> String {
    if cpus == 1 { "0\n".into() } else { format!("0-{}\n", cpus - 1) }
}

/// … and some as a mask: words of 32 bits, the highest first and no wider than it must be.
fn mask(cpus: u32, is_in: impl Fn(u32) -> bool) -> String {
    let word = |w: u32| (0..32).filter(|b| is_in(w * 32 + b)).fold(0u32, |word, b| word | 1 << b);
    let width = |w: u32| (cpus - w * 32).min(32).div_ceil(4) as usize;
    let words: Vec<String> =
        (0..cpus.div_ceil(32)).rev().map(|w| format!("{:0width$x}", word(w), width = width(w))).collect();
    format!("{}\n", words.join(","))
}

/// Where each processor is: a core of its own, all in one package and one node. The number of processors stays.
pub(super) fn topology(cx: &Cx) -> &'static [Row] {
    static MADE: spin::Once<Vec<Row>> = spin::Once::new();
    MADE.call_once(|| {
        let cpus = count(cx);
        let all = mask(cpus, |c| c < cpus);
        let fixed =
            |path: String, text: &str| Row { path: path.leak(), read: Read::Fixed(text.into()), write: None };
        let mut rows = Vec::new();
        for cpu in 0..cpus {
            let (own, number) = (mask(cpus, |c| c == cpu), format!("{cpu}\n"));
            let facts = [
                ("core_cpus", own.as_str()),
                ("core_cpus_list", &number),
                ("core_id", &number),
                ("core_siblings", &all),
                ("core_siblings_list", &list(cpus)),
                ("die_cpus", &all),
                ("die_cpus_list", &list(cpus)),
                ("die_id", "0\n"),
                ("package_cpus", &all),
                ("package_cpus_list", &list(cpus)),
                ("physical_package_id", "0\n"),
                ("thread_siblings", &own),
                ("thread_siblings_list", &number),
            ];
            let folder = format!("devices/system/cpu/cpu{cpu}/topology");
            rows.extend(facts.map(|(name, text)| fixed(format!("{folder}/{name}"), text)));
        }
        let node = [("cpulist", list(cpus)), ("cpumap", all), ("distance", "10\n".into())];
        rows.extend(node.map(|(name, text)| fixed(format!("devices/system/node/node0/{name}"), &text)));
        rows
    })
}
