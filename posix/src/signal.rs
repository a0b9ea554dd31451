//! Signals: sigaction(2) and its relatives, kill(2) and its, waiting for signals.

use abi::errno::{Errno, SysResult};
use abi::signal::*;
use abi::time::Timespec;
use abi::user::UserRef;
use process::{signal, threads};
use protocol::Op;

use crate::arg::Addr;
use crate::cx::Cx;

crate::syscalls! {
    SYS_rt_sigaction rt_sigaction(signo: i32, act: UserRef<KernelSigAction>, oldact: UserRef<KernelSigAction>, size: usize) Full "" => sys_rt_sigaction;
    SYS_rt_sigprocmask rt_sigprocmask(how: i32, set: UserRef<SigSet>, oldset: UserRef<SigSet>, size: usize) Full "" => sys_rt_sigprocmask;
    SYS_rt_sigreturn rt_sigreturn() Full "" => sys_rt_sigreturn;
    SYS_rt_sigpending rt_sigpending(set: Addr, size: usize) Full "" => sys_rt_sigpending;
    SYS_rt_sigsuspend rt_sigsuspend(set: UserRef<SigSet>, size: usize) Full "" => sys_rt_sigsuspend;
    SYS_rt_sigtimedwait rt_sigtimedwait(set: UserRef<SigSet>, info: UserRef<SigInfo>, timeout: UserRef<Timespec>, size: usize) Full "" => sys_rt_sigtimedwait;
    SYS_rt_sigqueueinfo rt_sigqueueinfo(pid: i32, signo: i32, info: UserRef<SigInfo>) Full "" => sys_rt_sigqueueinfo;
    SYS_rt_tgsigqueueinfo rt_tgsigqueueinfo(pid: i32, tid: i32, signo: i32, info: UserRef<SigInfo>) Full "" => sys_rt_tgsigqueueinfo;
    SYS_sigaltstack sigaltstack(new: UserRef<StackT>, old: UserRef<StackT>) Full "" => sys_sigaltstack;
    SYS_kill kill(pid: i32, signo: i32) Full "" => sys_kill;
    SYS_tkill tkill(tid: i32, signo: i32) Full "" => sys_tkill;
    SYS_tgkill tgkill(pid: i32, tid: i32, signo: i32) Full "" => sys_tgkill;
    SYS_pause pause() Full "" => sys_pause;
    SYS_restart_syscall restart_syscall() Full "" => sys_restart_syscall;
}

fn check_size(size: usize) -> SysResult<()> {
    if size == SIGSET_SIZE { Ok(()) } else { Err(Errno::EINVAL) }
}

/// sigaction(2).
fn sys_rt_sigaction(
    cx: &mut Cx<'_>,
    signo: i32,
    act: UserRef<KernelSigAction>,
    oldact: UserRef<KernelSigAction>,
    size: usize,
) -> SysResult<usize> {
    check_size(size)?;
    let new = cx.get_opt(act)?;
    if !is_valid(signo) {
        return Err(Errno::EINVAL);
    }
    let old = match new {
        Some(new) => signal::set_action(cx.process(), signo, new)?,
        None => cx.process().signals.action(signo),
    };
    cx.put_opt(oldact, &old)?;
    Ok(0)
}

/// sigprocmask(2).
fn sys_rt_sigprocmask(
    cx: &mut Cx<'_>,
    how: i32,
    set: UserRef<SigSet>,
    oldset: UserRef<SigSet>,
    size: usize,
) -> SysResult<usize> {
    check_size(size)?;
    let old = cx.thread().signals.mask();
    if let Some(set) = cx.get_opt(set)? {
        let mask = match how {
            SIG_BLOCK => old.union(set),
            SIG_UNBLOCK => old.difference(set),
            SIG_SETMASK => set,
            _ => return Err(Errno::EINVAL),
        };
        signal::set_mask(cx.thread(), mask);
    }
    cx.put_opt(oldset, &old)?;
    Ok(0)
}

/// sigreturn(2): a frame that cannot be read ends as SIGSEGV.
fn sys_rt_sigreturn(cx: &mut Cx<'_>) -> SysResult<usize> {
    let thread = cx.thread().clone();
    if signal::pop_frame(&thread, cx.frame).is_err() {
        signal::force(&thread, SigInfo::new(SIGSEGV, SI_KERNEL));
    }
    Ok(cx.frame.rax as usize)
}

/// sigpending(2); a shorter set is filled as far as it goes.
fn sys_rt_sigpending(cx: &mut Cx<'_>, set: Addr, size: usize) -> SysResult<usize> {
    if size > SIGSET_SIZE {
        return Err(Errno::EINVAL);
    }
    let pending = signal::pending_blocked(cx.thread());
    cx.write_bytes(set.0, &pending.0.to_le_bytes()[..size])?;
    Ok(0)
}

/// sigsuspend(2).
fn sys_rt_sigsuspend(cx: &mut Cx<'_>, set: UserRef<SigSet>, size: usize) -> SysResult<usize> {
    check_size(size)?;
    let mask = cx.get(set)?;
    Err(signal::suspend(cx.thread(), Some(mask)))
}

/// sigtimedwait(2), sigwaitinfo(2).
fn sys_rt_sigtimedwait(
    cx: &mut Cx<'_>,
    set: UserRef<SigSet>,
    info: UserRef<SigInfo>,
    timeout: UserRef<Timespec>,
    size: usize,
) -> SysResult<usize> {
    check_size(size)?;
    let set = cx.get(set)?;
    let deadline = match cx.get_opt(timeout)? {
        Some(t) => Some(cx.platform().monotonic().saturating_add(t.to_ns()?)),
        None => None,
    };
    let got = signal::timed_wait(cx.thread(), set, deadline)?;
    cx.put_opt(info, &got)?;
    Ok(got.si_signo as usize)
}

/// sigqueue(3): the program may make up the siginfo, but not pretend to another process that the kernel or kill sent it.
fn sys_rt_sigqueueinfo(cx: &mut Cx<'_>, pid: i32, signo: i32, info: UserRef<SigInfo>) -> SysResult<usize> {
    let info = made_up(cx, pid, signo, info)?;
    if pid as u32 == cx.process().pid() {
        return to_self(cx, signo, info);
    }
    let args = [pid as i64 as u64, signo as u64, info.si_code as u32 as u64, info.si_value()];
    cx.host().call(Op::Kill, &args)?;
    Ok(0)
}

/// pthread_sigqueue(3).
fn sys_rt_tgsigqueueinfo(
    cx: &mut Cx<'_>,
    pid: i32,
    tid: i32,
    signo: i32,
    info: UserRef<SigInfo>,
) -> SysResult<usize> {
    if pid <= 0 || tid <= 0 {
        return Err(Errno::EINVAL);
    }
    let info = made_up(cx, pid, signo, info)?;
    to_thread(cx, pid, tid, signo, info)
}

fn made_up(cx: &Cx<'_>, pid: i32, signo: i32, info: UserRef<SigInfo>) -> SysResult<SigInfo> {
    let mut info = cx.get(info)?;
    info.si_signo = signo;
    let forged = info.si_code >= 0 || info.si_code == SI_TKILL;
    if forged && pid as u32 != cx.process().pid() {
        return Err(Errno::EPERM);
    }
    Ok(info)
}

/// sigaltstack(2).
fn sys_sigaltstack(cx: &mut Cx<'_>, new: UserRef<StackT>, old: UserRef<StackT>) -> SysResult<usize> {
    let new = cx.get_opt(new)?;
    let was = signal::change_altstack(cx.thread(), cx.frame.rsp, new)?;
    cx.put_opt(old, &was)?;
    Ok(0)
}

fn sender(cx: &Cx<'_>, signo: i32, code: i32) -> SigInfo {
    let uid = cx.process().creds.lock().ids[0];
    SigInfo::kill(signo, code, cx.process().pid() as i32, uid)
}

fn to_self(cx: &Cx<'_>, signo: i32, info: SigInfo) -> SysResult<usize> {
    check_signal(signo)?;
    if signo != 0 {
        signal::post_process(cx.process(), info)?;
    }
    Ok(0)
}

fn check_signal(signo: i32) -> SysResult<()> {
    if signo == 0 || is_valid(signo) { Ok(()) } else { Err(Errno::EINVAL) }
}

fn to_thread(cx: &Cx<'_>, pid: i32, tid: i32, signo: i32, info: SigInfo) -> SysResult<usize> {
    check_signal(signo)?;
    if pid as u32 == cx.process().pid() {
        let t = signal::find_thread(cx.process(), tid as u32).ok_or(Errno::ESRCH)?;
        if signo != 0 {
            signal::post_thread(&t, info)?;
        }
        return Ok(0);
    }
    let (pid, tid) = (pid as u32, tid as u32);
    let own = signal::find_thread(cx.process(), tid).is_some();
    if pid != 0 && (own || !threads::may_be_thread_of(pid, tid)) {
        return Err(Errno::ESRCH);
    }
    let (pid, tid) = (u64::from(pid), u64::from(tid));
    let args = [pid, tid, signo as u64, info.si_code as u32 as u64, info.si_value()];
    cx.host().call(Op::KillThread, &args)?;
    Ok(0)
}

/// kill(2). The monitor routes what goes to others; what comes back to the caller's own process with it (a group's
/// signal) is in the inbox before the answer, and so is delivered before this returns.
fn sys_kill(cx: &mut Cx<'_>, pid: i32, signo: i32) -> SysResult<usize> {
    if pid as u32 == cx.process().pid() {
        return to_self(cx, signo, sender(cx, signo, SI_USER));
    }
    check_signal(signo)?;
    cx.host().call(Op::Kill, &[pid as i64 as u64, signo as u64, SI_USER as u64, 0])?;
    cx.kernel.sched.request_work();
    Ok(0)
}

/// tkill(2).
fn sys_tkill(cx: &mut Cx<'_>, tid: i32, signo: i32) -> SysResult<usize> {
    if tid <= 0 {
        return Err(Errno::EINVAL);
    }
    let own = signal::find_thread(cx.process(), tid as u32).is_some();
    let pid = if own { cx.process().pid() as i32 } else { 0 };
    to_thread(cx, pid, tid, signo, sender(cx, signo, SI_TKILL))
}

/// tgkill(2).
fn sys_tgkill(cx: &mut Cx<'_>, pid: i32, tid: i32, signo: i32) -> SysResult<usize> {
    if pid <= 0 || tid <= 0 {
        return Err(Errno::EINVAL);
    }
    to_thread(cx, pid, tid, signo, sender(cx, signo, SI_TKILL))
}

/// pause(2).
fn sys_pause(cx: &mut Cx<'_>) -> SysResult<usize> {
    Err(signal::suspend(cx.thread(), None))
}

/// restart_syscall(2): goes on with a sleep that a stop, or a signal without a handler, interrupted.
fn sys_restart_syscall(cx: &mut Cx<'_>) -> SysResult<usize> {
    let restart = cx.thread().signals.take_restart();
    restart.map_or(Err(Errno::EINTR), |mut go_on| go_on())
}
