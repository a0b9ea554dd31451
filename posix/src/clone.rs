//! New processes and threads: fork, vfork, clone, clone3; and their ends.

use abi::errno::{Errno, SysResult};
use abi::process::{CLONE_ARGS_SIZE_VER0, CSIGNAL, CloneArgs, CloneFlags, RLIMIT_NPROC, WaitStatus};
use abi::regs::TrapFrame;
use abi::user::UserRef;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use process::fork::Forked;
use process::{Thread, fork, threads, vfork};
use zerocopy::{FromZeros, IntoBytes};

use crate::arg::Addr;
use crate::cx::Cx;

crate::syscalls! {
    SYS_fork fork() Full "" => sys_fork;
    SYS_vfork vfork() Full "" => sys_vfork;
    SYS_clone clone(flags: u64, stack: Addr, parent_tid: UserRef<u32>, child_tid: UserRef<u32>, tls: usize) Partial "no namespaces, or CLONE_FILES between members" => sys_clone;
    SYS_clone3 clone3(args: Addr, size: usize) Partial "as clone; no set_tid, no cgroup" => sys_clone3;
    SYS_exit exit(status: i32) Full "" => sys_exit;
    SYS_exit_group exit_group(status: i32) Full "" => sys_exit_group;
}

/// What a clone asks for, decoded.
struct Wish {
    flags: CloneFlags,
    exit_signal: u32,
    stack: usize,
    parent_tid: UserRef<u32>,
    child_tid: UserRef<u32>,
    pidfd: UserRef<i32>,
    tls: usize,
}

impl Wish {
    fn plain(flags: CloneFlags) -> Self {
        let (none, pidfd) = (UserRef::NULL, UserRef::NULL);
        let sigchld = abi::signal::SIGCHLD as u32;
        Self { flags, exit_signal: sigchld, stack: 0, parent_tid: none, child_tid: none, pidfd, tls: 0 }
    }
}

/// fork(2).
fn sys_fork(cx: &mut Cx<'_>) -> SysResult<usize> {
    do_clone(cx, &Wish::plain(CloneFlags::empty()))
}

/// vfork(2).
fn sys_vfork(cx: &mut Cx<'_>) -> SysResult<usize> {
    do_clone(cx, &Wish::plain(CloneFlags::CLONE_VFORK | CloneFlags::CLONE_VM))
}

/// clone(2).
fn sys_clone(
    cx: &mut Cx<'_>,
    flags: u64,
    stack: Addr,
    parent_tid: UserRef<u32>,
    child_tid: UserRef<u32>,
    tls: usize,
) -> SysResult<usize> {
    let exit_signal = (flags & CSIGNAL) as u32;
    let flags = CloneFlags::from_bits_retain(flags & 0xffff_ffff & !CSIGNAL);
    // Both would come to the same place.
    if flags.contains(CloneFlags::CLONE_PIDFD | CloneFlags::CLONE_PARENT_SETTID) {
        return Err(Errno::EINVAL);
    }
    let pidfd = UserRef::new(parent_tid.addr());
    do_clone(cx, &Wish { flags, exit_signal, stack: stack.0, parent_tid, child_tid, pidfd, tls })
}

/// clone3(2).
fn sys_clone3(cx: &mut Cx<'_>, args: Addr, size: usize) -> SysResult<usize> {
    if size < CLONE_ARGS_SIZE_VER0 {
        return Err(Errno::EINVAL);
    }
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    let mut a = CloneArgs::new_zeroed();
    let known = size.min(size_of::<CloneArgs>());
    cx.read_bytes(args.0, &mut a.as_mut_bytes()[..known])?;
    for off in known..size {
        let mut byte = [0u8];
        cx.read_bytes(args.0.checked_add(off).ok_or(Errno::EFAULT)?, &mut byte)?;
        if byte[0] != 0 {
            return Err(Errno::E2BIG);
        }
    }
    let stack_given = (a.stack == 0) == (a.stack_size == 0);
    if a.flags & CSIGNAL != 0 || a.exit_signal > 64 || a.set_tid_size != 0 || !stack_given {
        return Err(Errno::EINVAL);
    }
    let wish = Wish {
        flags: CloneFlags::from_bits_retain(a.flags),
        exit_signal: a.exit_signal as u32,
        stack: if a.stack == 0 {
            0
        } else {
            a.stack.checked_add(a.stack_size).ok_or(Errno::EINVAL)? as usize
        },
        parent_tid: UserRef::new(a.parent_tid),
        child_tid: UserRef::new(a.child_tid),
        pidfd: UserRef::new(a.pidfd),
        tls: a.tls as usize,
    };
    do_clone(cx, &wish)
}

fn check(f: CloneFlags) -> SysResult<()> {
    use CloneFlags as F;
    let needs = |a: F, b: F| !f.contains(a) || f.contains(b);
    let supported = F::CLONE_VM
        | F::CLONE_FS
        | F::CLONE_FILES
        | F::CLONE_SIGHAND
        | F::CLONE_VFORK
        | F::CLONE_PARENT
        | F::CLONE_THREAD
        | F::CLONE_SYSVSEM
        | F::CLONE_SETTLS
        | F::CLONE_PARENT_SETTID
        | F::CLONE_CHILD_CLEARTID
        | F::CLONE_DETACHED
        | F::CLONE_UNTRACED
        | F::CLONE_CHILD_SETTID
        | F::CLONE_IO
        | F::CLONE_PIDFD
        | F::CLONE_CLEAR_SIGHAND;
    let both = F::CLONE_SIGHAND | F::CLONE_CLEAR_SIGHAND;
    let ok = needs(F::CLONE_SIGHAND, F::CLONE_VM)
        && needs(F::CLONE_THREAD, F::CLONE_SIGHAND)
        && !f.contains(both)
        && supported.contains(f)
        && !(f.contains(F::CLONE_PIDFD) && f.intersects(F::CLONE_DETACHED | F::CLONE_THREAD))
        // Descriptor tables are shared among threads of one member only.
        && (f.contains(F::CLONE_VM) || !f.contains(F::CLONE_FILES));
    if ok { Ok(()) } else { Err(Errno::EINVAL) }
}

fn do_clone(cx: &mut Cx<'_>, wish: &Wish) -> SysResult<usize> {
    use CloneFlags as F;
    check(wish.flags)?;
    if wish.flags.contains(F::CLONE_THREAD) {
        return new_thread(cx, wish);
    }
    if wish.flags.contains(F::CLONE_VM) {
        let frame = child_frame(cx.frame, wish.stack);
        let tls = wish.flags.contains(F::CLONE_SETTLS).then_some(wish.tls);
        let me = cx.thread().clone();
        let marks = |child: &Arc<Thread>| {
            mark_child(cx, wish, child, child.tid());
            give_pidfd(cx, wish, child.tid());
        };
        return vfork::start(&me, wish.flags, wish.exit_signal, frame, tls, &marks).map(|pid| pid as usize);
    }
    let me = cx.thread().clone();
    match fork::fork(&me, wish.flags, wish.exit_signal)? {
        Forked::Parent(pid) => {
            if wish.flags.contains(F::CLONE_PARENT_SETTID) {
                // As Linux: a bad address does not undo the fork.
                let _ = cx.put(wish.parent_tid, &pid);
            }
            give_pidfd(cx, wish, pid);
            Ok(pid as usize)
        }
        Forked::Child => {
            mark_child(cx, wish, &me, me.tid());
            if wish.stack != 0 {
                cx.frame.rsp = wish.stack as u64;
                cx.frame.kind = abi::regs::KIND_KICK;
                cx.frame.orig_rax = u64::MAX;
            }
            if wish.flags.contains(F::CLONE_SETTLS) {
                cx.platform().set_tls(wish.tls);
            }
            Ok(0)
        }
    }
}

/// CLONE_PIDFD: the parent gets a descriptor of the child.
fn give_pidfd(cx: &Cx<'_>, wish: &Wish, pid: u32) {
    if !wish.flags.contains(CloneFlags::CLONE_PIDFD) {
        return;
    }
    // The child is there already: without room for the descriptor the caller finds -1.
    let fd = crate::pidfd::open(cx, pid, 0).map_or(-1, |fd| fd as i32);
    let _ = cx.put(wish.pidfd, &fd);
}

/// CLONE_CHILD_SETTID, CLONE_CHILD_CLEARTID, and in shared memory CLONE_PARENT_SETTID.
fn mark_child(cx: &Cx<'_>, wish: &Wish, child: &Arc<Thread>, tid: u32) {
    use CloneFlags as F;
    let clear = if wish.flags.contains(F::CLONE_CHILD_CLEARTID) { wish.child_tid.addr() as usize } else { 0 };
    child.clear_child_tid.store(clear, Ordering::Relaxed);
    child.robust_list.store(0, Ordering::Relaxed);
    // Bad addresses are the program's loss, as on Linux.
    if wish.flags.contains(F::CLONE_CHILD_SETTID) {
        let _ = cx.put(wish.child_tid, &tid);
    }
    if wish.flags.contains(F::CLONE_PARENT_SETTID) {
        let _ = cx.put(wish.parent_tid, &tid);
    }
}

/// The frame that a new context starts with: the caller's, returning 0, on its own stack if one was given.
fn child_frame(frame: &TrapFrame, stack: usize) -> TrapFrame {
    let mut f = *frame;
    f.set_ret(0);
    f.kind = abi::regs::KIND_KICK;
    f.orig_rax = u64::MAX;
    if stack != 0 {
        f.rsp = stack as u64;
    }
    f
}

fn new_thread(cx: &mut Cx<'_>, wish: &Wish) -> SysResult<usize> {
    let p = cx.process().clone();
    // Of the user's other threads only the monitor could know; those of this process count at least.
    let limit = p.rlimits.lock()[RLIMIT_NPROC as usize].0;
    if p.creds.lock().ids[0] != 0 && p.threads.lock().len() as u64 >= limit {
        return Err(Errno::EAGAIN);
    }
    let tid = threads::allocate_tid(&p)?;
    let frame = child_frame(cx.frame, wish.stack);
    let tls = if wish.flags.contains(CloneFlags::CLONE_SETTLS) { wish.tls } else { cx.platform().tls() };
    let thread = threads::create(&p, tid, frame, tls, cx.thread())?;
    mark_child(cx, wish, &thread, tid);
    cx.kernel.sched.spawn(thread);
    Ok(tid as usize)
}

/// exit(2), of the thread.
fn sys_exit(_: &mut Cx<'_>, status: i32) -> SysResult<usize> {
    process::exit::exit_thread(status)
}

/// exit_group(2).
fn sys_exit_group(_: &mut Cx<'_>, status: i32) -> SysResult<usize> {
    process::exit::exit_group(WaitStatus::Exited(status as u8))
}
