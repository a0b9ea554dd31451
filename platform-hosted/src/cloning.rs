//! Cloning the member: the host's copy-on-write process clone.
//!
//! The child is the monitor's child, like its parent. It inherits the address space, the descriptors of regions, the
//! signal handlers and the filter; not the host timer, nor the wish to die with the monitor. No kick needs to be blocked
//! meanwhile: in the kernel a kick only sets a flag.

use core::sync::atomic::{AtomicUsize, Ordering};

use abi::errno::Errno;
use abi::nr::{SYS_clone, SYS_dup2, SYS_getppid, SYS_prctl};
use abi::process::PR_SET_PDEATHSIG;
use abi::signal::SIGKILL;
use platform::{CloneError, ClonePlan, Cloned};
use platform_x86::percpu;
use protocol::boot::read_identity;
use protocol::hosted::{FD_SOCKET, SOCK_CHILD};

use crate::filter::CLONE_FLAGS;
use crate::{clock, events, host, panic, regions};

/// The monitor's host process id.
static MONITOR: AtomicUsize = AtomicUsize::new(0);

fn parent_process() -> usize {
    // SAFETY: touches no memory.
    unsafe { host::call(SYS_getppid, []) }.unwrap_or(0)
}

/// Remembers who the monitor is, and dies with it from now on.
pub fn bind_to_monitor() {
    MONITOR.store(parent_process(), Ordering::Relaxed);
    die_with_monitor();
}

/// Asks the host for SIGKILL when the monitor dies; if it died just before, there is nothing to live for.
fn die_with_monitor() {
    // SAFETY: touches no memory.
    let asked = unsafe { host::call(SYS_prctl, [PR_SET_PDEATHSIG as usize, SIGKILL as usize]) };
    if asked.is_err() || parent_process() != MONITOR.load(Ordering::Relaxed) {
        host::exit(panic::STATUS);
    }
}

/// See `CloneMember::clone_member`.
pub fn clone_member(plan: &ClonePlan) -> Result<Cloned, CloneError> {
    let socket = regions::deliver(SOCK_CHILD, plan.pid.into()).map_err(|_| CloneError::NoMemory)?;
    // SAFETY: without CLONE_VM nothing is shared but regions; both sides go on with their own copy of this stack.
    let cloned = unsafe { host::call(SYS_clone, [CLONE_FLAGS as usize, 0, 0, 0, 0]) };
    match cloned {
        Ok(0) => Ok(Cloned::Child(become_child(plan, socket))),
        Ok(pid) => {
            host::close(socket);
            Ok(Cloned::Parent { token: pid as u64 })
        }
        Err(e) => {
            host::close(socket);
            Err(if e == Errno::ENOMEM { CloneError::NoMemory } else { CloneError::Again })
        }
    }
}

fn become_child(plan: &ClonePlan, socket: i32) -> protocol::boot::Identity {
    die_with_monitor();
    // SAFETY: descriptor 3 was the parent's control socket, which nobody here uses any more.
    let moved = unsafe { host::call(SYS_dup2, [socket as usize, FD_SOCKET as usize]) };
    host::close(socket);
    if moved.is_err() || regions::replace_control(plan.control_region).is_err() {
        panic::die(format_args!("a clone could not take over its control region"));
    }
    clock::forget_timer();
    percpu::this().kick_seen();
    events::set_slot(plan.slot);
    match read_identity(&regions::control_view()) {
        Some(identity) => identity,
        None => panic::die(format_args!("a clone found no identity in its control region")),
    }
}
