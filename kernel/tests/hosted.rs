//! The hosted platform, tried out by the self-test kernel; this file plays its monitor.

use std::fs::File;
use std::io::{IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use protocol::boot::{Identity, write_identity};
use protocol::{HeapMem, SharedMem};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg,
    socketpair,
};

fn region(size: usize) -> OwnedFd {
    let fd = memfd_create("region", MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&fd, size as u64).unwrap();
    fd
}

/// A control region for the member with this slot and pid.
fn control(slot: u32, pid: u32) -> OwnedFd {
    let fd = region(protocol::control::REGION_SIZE);
    let mem = HeapMem::new(protocol::control::BOOT + 64);
    write_identity(&mem, &Identity { slot, pid, ..Identity::default() });
    let mut bytes = [0; 64];
    mem.read(protocol::control::BOOT, &mut bytes);
    rustix::io::pwrite(&fd, &bytes, protocol::control::BOOT as u64).unwrap();
    fd
}

fn sockets() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap()
}

fn send(socket: &OwnedFd, kind: u64, id: u64, fd: &OwnedFd) {
    let bytes = protocol::hosted::sock_payload(kind, id);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds = [fd.as_fd()];
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
    sendmsg(socket, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::empty()).unwrap();
}

/// The self-test kernel, built as kernels are.
fn kernel() -> std::path::PathBuf {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--profile",
            "kernel",
            "--bin",
            "offshoot-kernel-selftest",
            "--manifest-path",
            manifest,
        ])
        .status()
        .unwrap();
    assert!(built.success());
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../target").into(), std::path::PathBuf::from);
    target.join("kernel/offshoot-kernel-selftest")
}

#[test]
fn selftest() {
    let kernel = kernel();
    let (ours, theirs) = sockets();
    let (child_ours, child_theirs) = sockets();
    let child_control = control(2, 1234);
    // Out of the order in which they are asked for.
    send(&ours, protocol::hosted::SOCK_CHILD, 1234, &child_theirs);
    send(&ours, protocol::hosted::SOCK_REGION, 77, &child_control);
    let given = [
        theirs,
        control(1, 1000),
        region(protocol::family::REGION_SIZE),
        region(protocol::events::REGION_SIZE),
        eventfd(0, EventfdFlags::CLOEXEC).unwrap(),
    ];
    let (mut out, err) = std::io::pipe().unwrap();
    let mut command = Command::new(kernel);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(err);
    let fds: Vec<i32> = given.iter().map(|fd| fd.as_raw_fd()).collect();
    // SAFETY: between fork and exec: only system calls, on descriptors that stay open.
    unsafe {
        command.pre_exec(move || {
            // First out of the way, then to the places where the kernel expects them.
            for (i, fd) in fds.iter().enumerate() {
                let from = rustix::fd::BorrowedFd::borrow_raw(*fd);
                let high = rustix::io::fcntl_dupfd_cloexec(from, 100)?;
                let mut to = std::mem::ManuallyDrop::new(std::os::fd::FromRawFd::from_raw_fd(3 + i as i32));
                if !fds[i + 1..].contains(&(3 + i as i32)) {
                    rustix::io::dup2(&high, &mut to)?;
                }
            }
            Ok(())
        });
    }
    let mut running = command.spawn().unwrap();
    drop(command);
    let mut text = String::new();
    out.read_to_string(&mut text).unwrap();
    let status = running.wait().unwrap();
    drop((child_ours, File::from(given.into_iter().next().unwrap())));
    println!("{text}{status}");
    assert!(status.success() && text.ends_with("end\n") && !text.contains("FAIL"), "{text}{status}");
}
