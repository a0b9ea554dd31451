//! /proc/sys: the settings that programs look at. Those that nothing here obeys are read-only.

use alloc::format;
use alloc::string::String;

use abi::Errno;

use super::{Read, Row, row, uuid};
use crate::server::cx::Cx;
use crate::server::inotify::{MAX_QUEUED, MAX_WATCHES};

macro_rules! fixed {
    ($path:literal, $value:expr) => {
        row($path, |_| format!("{}\n", $value))
    };
}

pub(super) static ROWS: [Row; 88] = [
    fixed!("sys/fs/aio-max-nr", 65536),
    fixed!("sys/fs/aio-nr", 0),
    fixed!("sys/fs/epoll/max_user_watches", 1_000_000),
    fixed!("sys/fs/file-max", protocol::MAX_DESCS),
    row("sys/fs/file-nr", |_| format!("0\t0\t{}\n", protocol::MAX_DESCS)),
    fixed!("sys/fs/inotify/max_queued_events", MAX_QUEUED),
    fixed!("sys/fs/inotify/max_user_instances", 1024),
    fixed!("sys/fs/inotify/max_user_watches", MAX_WATCHES),
    fixed!("sys/fs/lease-break-time", 45),
    fixed!("sys/fs/leases-enable", 1),
    fixed!("sys/fs/mqueue/msg_default", 10),
    fixed!("sys/fs/mqueue/msg_max", 10),
    fixed!("sys/fs/mqueue/msgsize_default", 8192),
    fixed!("sys/fs/mqueue/msgsize_max", 8192),
    fixed!("sys/fs/mqueue/queues_max", 256),
    fixed!("sys/fs/nr_open", 1_048_576),
    fixed!("sys/fs/overflowgid", 65534),
    fixed!("sys/fs/overflowuid", 65534),
    fixed!("sys/fs/pipe-max-size", 1_048_576),
    fixed!("sys/fs/pipe-user-pages-hard", 0),
    fixed!("sys/fs/pipe-user-pages-soft", 16384),
    fixed!("sys/fs/protected_fifos", 0),
    fixed!("sys/fs/protected_hardlinks", 0),
    fixed!("sys/fs/protected_regular", 0),
    fixed!("sys/fs/protected_symlinks", 0),
    fixed!("sys/fs/suid_dumpable", 0),
    fixed!("sys/kernel/cap_last_cap", 40),
    fixed!("sys/kernel/core_pattern", "core"),
    fixed!("sys/kernel/core_uses_pid", 0),
    fixed!("sys/kernel/dmesg_restrict", 1),
    row("sys/kernel/domainname", |cx| {
        let name = cx.world.host_name().1;
        format!("{}\n", String::from_utf8_lossy(&name))
    }),
    row("sys/kernel/hostname", |cx| {
        let name = cx.world.host_name().0;
        format!("{}\n", String::from_utf8_lossy(&name))
    }),
    fixed!("sys/kernel/kptr_restrict", 1),
    fixed!("sys/kernel/msgmax", 8192),
    fixed!("sys/kernel/msgmnb", 16384),
    fixed!("sys/kernel/msgmni", 32000),
    fixed!("sys/kernel/ngroups_max", 65536),
    row("sys/kernel/ns_last_pid", |cx| format!("{}\n", cx.world.system().last_pid)),
    row("sys/kernel/osrelease", |_| format!("{}\n", protocol::OS_RELEASE)),
    fixed!("sys/kernel/ostype", "Linux"),
    fixed!("sys/kernel/overflowgid", 65534),
    fixed!("sys/kernel/overflowuid", 65534),
    fixed!("sys/kernel/panic", 0),
    fixed!("sys/kernel/perf_event_paranoid", 4),
    fixed!("sys/kernel/pid_max", 32768),
    fixed!("sys/kernel/printk", "4\t4\t1\t7"),
    row("sys/kernel/random/boot_id", |cx| uuid(cx.world.system().boot_id)),
    fixed!("sys/kernel/random/entropy_avail", 256),
    fixed!("sys/kernel/random/poolsize", 256),
    row("sys/kernel/random/uuid", |cx| {
        let mut b = [0; 16];
        cx.world.random(&mut b);
        uuid(b)
    }),
    fixed!("sys/kernel/randomize_va_space", 2),
    fixed!("sys/kernel/sched_rr_timeslice_ms", 100),
    fixed!("sys/kernel/seccomp/actions_avail", ""),
    fixed!("sys/kernel/sem", "32000\t1024000000\t500\t32000"),
    fixed!("sys/kernel/shmall", u64::MAX >> 12 << 6),
    fixed!("sys/kernel/shmmax", u64::MAX - (1 << 24)),
    fixed!("sys/kernel/shmmni", 4096),
    fixed!("sys/kernel/sysrq", 0),
    fixed!("sys/kernel/tainted", 0),
    row("sys/kernel/threads-max", |cx| format!("{}\n", cx.world.system().max_pids.max(1))),
    row("sys/kernel/version", |_| format!("{}\n", protocol::OS_VERSION)),
    fixed!("sys/net/core/rmem_default", 212_992),
    fixed!("sys/net/core/rmem_max", 4_194_304),
    fixed!("sys/net/core/somaxconn", 4096),
    fixed!("sys/net/core/wmem_default", 212_992),
    fixed!("sys/net/core/wmem_max", 4_194_304),
    fixed!("sys/net/ipv4/ip_local_port_range", "32768\t60999"),
    fixed!("sys/net/ipv4/ip_nonlocal_bind", 0),
    fixed!("sys/net/ipv4/ip_unprivileged_port_start", 1024),
    fixed!("sys/net/ipv4/tcp_fastopen", 0),
    fixed!("sys/net/ipv4/tcp_fin_timeout", 60),
    fixed!("sys/net/ipv4/tcp_keepalive_intvl", 75),
    fixed!("sys/net/ipv4/tcp_keepalive_probes", 9),
    fixed!("sys/net/ipv4/tcp_keepalive_time", 7200),
    fixed!("sys/net/ipv4/tcp_max_syn_backlog", 4096),
    fixed!("sys/net/ipv4/tcp_syncookies", 1),
    fixed!("sys/net/ipv4/tcp_tw_reuse", 2),
    fixed!("sys/net/unix/max_dgram_qlen", 512),
    fixed!("sys/vm/drop_caches", 0),
    fixed!("sys/vm/max_map_count", 65530),
    fixed!("sys/vm/mmap_min_addr", 65536),
    fixed!("sys/vm/nr_hugepages", 0),
    fixed!("sys/vm/overcommit_kbytes", 0),
    Row { path: "sys/vm/overcommit_memory", read: Read::Made(|_| "0\n".into()), write: Some(only_zero) },
    fixed!("sys/vm/overcommit_ratio", 50),
    fixed!("sys/vm/swappiness", 60),
    fixed!("sys/vm/user_reserve_kbytes", 131_072),
    fixed!("sys/vm/zone_reclaim_mode", 0),
];

/// Accepts only the policy that is in force.
fn only_zero(cx: &Cx, text: &[u8]) -> Result<(), Errno> {
    if !cx.creds.is_root() {
        return Err(Errno::EPERM);
    }
    if super::number(text)? == 0 { Ok(()) } else { Err(Errno::EINVAL) }
}
