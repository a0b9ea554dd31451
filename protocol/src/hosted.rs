//! Facts of the hosted platform that the monitor and the member's kernel share: descriptor numbers, the fixed
//! address ranges, and the list of host calls that a member may make.

/// Control socket (SOCK_SEQPACKET): descriptors for regions come here.
pub const FD_SOCKET: i32 = 3;
/// The member's control region at start.
pub const FD_CONTROL: i32 = 4;
/// The family region at start.
pub const FD_FAMILY: i32 = 5;
/// The events region at start.
pub const FD_EVENTS: i32 = 6;
/// The monitor's doorbell (eventfd).
pub const FD_DOORBELL: i32 = 7;

/// The host signal by which the monitor makes a member enter its kernel ("kick").
pub const KICK_SIGNAL: i32 = 12;

/// Start and end of the kernel's image.
pub const KERNEL_IMAGE: (usize, usize) = (0x7000_0000, 0x7800_0000);
/// Kernel heap and stacks.
pub const KERNEL_HEAP: (usize, usize) = (0x7100_0000_0000, 0x7200_0000_0000);
/// Regions mapped for the kernel.
pub const KERNEL_REGIONS: (usize, usize) = (0x7200_0000_0000, 0x7300_0000_0000);
/// The app's low range (up to the kernel's image) and high range.
pub const APP_LOW: (usize, usize) = (0x1_0000, 0x7000_0000);
/// The app's high range.
pub const APP_HIGH: (usize, usize) = (0x1000_0000_0000, 0x7000_0000_0000);

/// Message on the control socket that carries one descriptor: a region, with its id. The payload of a message is two
/// little-endian u64: this kind, and the id.
pub const SOCK_REGION: u64 = 1;
/// … or the control socket of a child about to be cloned, with the child's pid. It is sent before the child's control
/// region, so that it is there when the reply to `ForkPrepare` is taken.
pub const SOCK_CHILD: u64 = 2;
/// Bytes of a message's payload.
pub const SOCK_PAYLOAD: usize = 16;

/// The payload of a message on the control socket.
pub fn sock_payload(kind: u64, id: u64) -> [u8; SOCK_PAYLOAD] {
    let mut bytes = [0; SOCK_PAYLOAD];
    bytes[..8].copy_from_slice(&kind.to_le_bytes());
    bytes[8..].copy_from_slice(&id.to_le_bytes());
    bytes
}

/// Host calls that a member's filter lets through from its gate: (number, name, what for). Where arguments matter, the
/// filter looks at them too: which descriptors are written to, which kind of clone is made.
pub const ALLOWED: &[(u32, &str, &str)] = &[
    (202, "futex", "sleeping and waking"),
    (219, "restart_syscall", "sleeping on, after the host stopped and continued the process"),
    (1, "write", "the doorbell, crash reports"),
    (9, "mmap", "memory and regions"),
    (11, "munmap", "memory"),
    (10, "mprotect", "memory protection"),
    (28, "madvise", "giving pages back"),
    (25, "mremap", "moving pages"),
    (26, "msync", "shared file pages to their file"),
    (27, "mincore", "which pages are resident"),
    (15, "rt_sigreturn", "leaving the trap handler (from the restorer only)"),
    (24, "sched_yield", "ring locks"),
    (47, "recvmsg", "region descriptors"),
    (3, "close", "region descriptors"),
    (56, "clone", "cloning the member"),
    (33, "dup2", "a clone's control socket"),
    (157, "prctl", "dying with the monitor"),
    (110, "getppid", "whether the monitor lives"),
    (222, "timer_create", "the virtual CPU's timer"),
    (223, "timer_settime", "the virtual CPU's timer"),
    (98, "getrusage", "CPU time and faults"),
    (228, "clock_gettime", "clocks, for hosts without a vDSO"),
    (318, "getrandom", "entropy"),
    (158, "arch_prctl", "the TLS base, on CPUs without FSGSBASE"),
    (231, "exit_group", "the end"),
];
