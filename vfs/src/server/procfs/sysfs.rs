//! /sys: the little that programs look for.

use alloc::format;
use alloc::string::String;

use super::{Row, row};
use crate::server::cx::Cx;

pub(super) static ROWS: [Row; 9] = [
    row("devices/system/cpu/kernel_max", |_| "0\n".into()),
    row("devices/system/cpu/offline", |_| "\n".into()),
    row("devices/system/cpu/online", cpus),
    row("devices/system/cpu/possible", cpus),
    row("devices/system/cpu/present", cpus),
    row("devices/system/node/online", |_| "0\n".into()),
    row("devices/system/node/possible", |_| "0\n".into()),
    row("fs/cgroup/cgroup.controllers", |_| "\n".into()),
    row("kernel/mm/transparent_hugepage/enabled", |_| "always madvise [never]\n".into()),
];

fn cpus(cx: &Cx) -> String {
    match cx.world.system().cpus {
        0 | 1 => "0\n".into(),
        n => format!("0-{}\n", n - 1),
    }
}
