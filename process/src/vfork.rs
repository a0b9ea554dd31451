//! Processes that live in their parent's member: children of vfork, posix_spawn, and clone with CLONE_VM. They have an
//! identity, descriptors and signal dispositions of their own, and the parent's memory, until exec moves them to a fresh
//! member or they end.

use abi::errno::SysResult;
use abi::process::CloneFlags;
use abi::regs::TrapFrame;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use protocol::Op;
use protocol::op::FORK_VFORK;

use crate::Thread;
use crate::kernel::kernel;
use crate::proc::Process;
use crate::wait_on::{Waiter, local_key};

/// Starts a child that shares the caller's memory. With CLONE_VFORK the calling thread waits until the child has execed
/// or ended. `mark` stores thread ids where the caller asked for them. Gives the child's pid.
pub fn start(
    me: &Arc<Thread>,
    flags: CloneFlags,
    exit_signal: u32,
    frame: TrapFrame,
    tls: Option<usize>,
    mark: &dyn Fn(&Arc<Thread>),
) -> SysResult<u32> {
    let k = kernel();
    let p = &me.process;
    let recalled = p.fds.prepare_fork(&k.host);
    let answer = k
        .host
        .call_alone(Op::ForkPrepare, &[exit_signal.into(), crate::fork::prepare_flags(flags) | FORK_VFORK])?;
    let pid = answer.ret() as u32;
    drop((answer, recalled));
    let fds =
        if flags.contains(CloneFlags::CLONE_FILES) { p.fds.clone() } else { Arc::new(p.fds.duplicate(pid)) };
    let signals = crate::signal::for_vfork_child(p, flags);
    let child = Process::new(pid, p.mm.clone(), fds, signals);
    child.inherit(p);
    let key = flags.contains(CloneFlags::CLONE_VFORK).then(local_key);
    child.vfork_key.store(key.unwrap_or(0), Ordering::Relaxed);
    let thread = match crate::threads::create(&child, pid, frame, tls.unwrap_or_else(|| k.platform.tls()), me)
    {
        Ok(t) => t,
        Err(e) => {
            // The prepared process is undone; nothing of it ran. The monitor takes back what it held, so that dropping its
            // descriptors must not close the parent's.
            if !flags.contains(CloneFlags::CLONE_FILES) {
                child.fds.forget_all();
            }
            let _ = k.host.post(Op::ForkDone, &[pid.into(), 0], &[]);
            return Err(e);
        }
    };
    mark(&thread);
    k.processes.lock().push(child.clone());
    match key {
        None => k.sched.spawn(thread),
        Some(key) => {
            let waiter = Waiter::new(&[key]);
            k.sched.spawn(thread);
            // Not interruptible: the child runs on the parent's stack. Death of the member ends both.
            while !child.vfork_done.load(Ordering::SeqCst) {
                waiter.sleep(None, false);
            }
        }
    }
    Ok(pid)
}

/// The calling thread's process, which lives in its parent's member, leaves it: it ended, or runs elsewhere now.
pub fn leave(me: &Arc<Thread>) -> ! {
    let k = kernel();
    let p = me.process.clone();
    k.processes.lock().retain(|q| !Arc::ptr_eq(q, &p));
    p.threads.lock().clear();
    p.fds.forget_all();
    p.vfork_done.store(true, Ordering::SeqCst);
    let key = p.vfork_key.load(Ordering::Relaxed);
    if key != 0 {
        k.sched.wake(key);
    }
    drop(p);
    k.sched.exit_current()
}
