//! Scheduling: sched(7), getpriority(2), getcpu(2), membarrier(2), rseq(2). There is one virtual CPU, shared in turns;
//! policies and priorities are kept for who asks.

use abi::errno::{Errno, SysResult};
use abi::process::*;
use abi::time::Timespec;
use abi::user::UserRef;
use protocol::Op;
use zerocopy::{FromZeros, IntoBytes};

use crate::arg::Addr;
use crate::creds::capable;
use crate::cx::Cx;

crate::syscalls! {
    SYS_sched_yield sched_yield() Full "" => sys_sched_yield;
    SYS_sched_getscheduler sched_getscheduler(pid: i32) Partial "own process only" => sys_sched_getscheduler;
    SYS_sched_setscheduler sched_setscheduler(pid: i32, policy: i32, param: UserRef<SchedParam>) Partial "kept, not acted on" => sys_sched_setscheduler;
    SYS_sched_getparam sched_getparam(pid: i32, param: UserRef<SchedParam>) Partial "own process only" => sys_sched_getparam;
    SYS_sched_setparam sched_setparam(pid: i32, param: UserRef<SchedParam>) Partial "kept, not acted on" => sys_sched_setparam;
    SYS_sched_getattr sched_getattr(pid: i32, attr: Addr, size: u32, flags: u32) Partial "own process only" => sys_sched_getattr;
    SYS_sched_setattr sched_setattr(pid: i32, attr: Addr, flags: u32) Partial "kept, not acted on; no SCHED_DEADLINE" => sys_sched_setattr;
    SYS_sched_get_priority_max sched_get_priority_max(policy: i32) Full "" => sys_sched_get_priority_max;
    SYS_sched_get_priority_min sched_get_priority_min(policy: i32) Full "" => sys_sched_get_priority_min;
    SYS_sched_rr_get_interval sched_rr_get_interval(pid: i32, time: UserRef<Timespec>) Full "" => sys_sched_rr_get_interval;
    SYS_sched_getaffinity sched_getaffinity(pid: i32, size: usize, mask: UserRef<u64>) Full "" => sys_sched_getaffinity;
    SYS_sched_setaffinity sched_setaffinity(pid: i32, size: usize, mask: Addr) Full "" => sys_sched_setaffinity;
    SYS_getcpu getcpu(cpu: UserRef<u32>, node: UserRef<u32>) Full "" => sys_getcpu;
    SYS_getpriority getpriority(which: i32, who: i32) Partial "groups and users: the caller's own value" => sys_getpriority;
    SYS_setpriority setpriority(which: i32, who: i32, nice: i32) Partial "own process only; kept, not acted on" => sys_setpriority;
    SYS_ioprio_get ioprio_get(which: i32, who: i32) Partial "own process only" => sys_ioprio_get;
    SYS_ioprio_set ioprio_set(which: i32, who: i32, ioprio: u32) Partial "kept, not acted on" => sys_ioprio_set;
    SYS_membarrier membarrier(cmd: i32, flags: u32, cpu: i32) Partial "private commands only" => sys_membarrier;
    SYS_rseq rseq(area: Addr, size: u32, flags: i32, signature: u32) Partial "ENOSYS, which libc takes as a kernel without it" => sys_rseq;
}

/// Highest priority of the real-time policies.
const RT_MAX: u32 = 99;
/// Time slice of SCHED_RR that Linux reports.
const RR_SLICE_NS: u64 = 100_000_000;

/// sched_yield(2).
fn sys_sched_yield(cx: &mut Cx<'_>) -> SysResult<usize> {
    cx.kernel.sched.yield_now();
    Ok(0)
}

/// A pid argument of the sched calls: the caller, or a thread of it. Others' values are not known here.
fn check_own(cx: &Cx<'_>, pid: i32) -> SysResult<()> {
    if pid < 0 {
        return Err(Errno::EINVAL);
    }
    if is_own(cx, pid) {
        return Ok(());
    }
    cx.host().call(Op::GetProc, &[pid as u64])?;
    Err(Errno::EPERM)
}

fn is_own(cx: &Cx<'_>, pid: i32) -> bool {
    pid == 0
        || pid as u32 == cx.process().pid()
        || cx.process().threads.lock().iter().any(|t| t.tid() == pid as u32)
}

/// sched_getscheduler(2).
fn sys_sched_getscheduler(cx: &mut Cx<'_>, pid: i32) -> SysResult<usize> {
    check_own(cx, pid)?;
    let a = *cx.process().attrs.lock();
    Ok((a.policy | if a.reset_on_fork { SCHED_RESET_ON_FORK } else { 0 }) as usize)
}

/// Sets policy and priority after Linux's checks.
fn set_policy(cx: &Cx<'_>, policy: u32, priority: u32, reset_on_fork: bool) -> SysResult<()> {
    let real_time = policy == SCHED_FIFO || policy == SCHED_RR;
    let known = real_time || [SCHED_OTHER, SCHED_BATCH, SCHED_IDLE].contains(&policy);
    let priority_fits = if real_time { (1..=RT_MAX).contains(&priority) } else { priority == 0 };
    if !known || !priority_fits {
        return Err(Errno::EINVAL);
    }
    let old = *cx.process().attrs.lock();
    if !capable(cx, CAP_SYS_NICE) {
        let limit = cx.process().rlimits.lock()[RLIMIT_RTPRIO as usize].0;
        let raises = real_time && priority > old.priority && u64::from(priority) > limit;
        if raises || (old.reset_on_fork && !reset_on_fork) {
            return Err(Errno::EPERM);
        }
    }
    let mut a = cx.process().attrs.lock();
    (a.policy, a.priority, a.reset_on_fork) = (policy, priority, reset_on_fork);
    Ok(())
}

/// sched_setscheduler(2).
fn sys_sched_setscheduler(
    cx: &mut Cx<'_>,
    pid: i32,
    policy: i32,
    param: UserRef<SchedParam>,
) -> SysResult<usize> {
    if policy < 0 || pid < 0 || param.is_null() {
        return Err(Errno::EINVAL);
    }
    let param = cx.get(param)?;
    check_own(cx, pid)?;
    let reset = policy as u32 & SCHED_RESET_ON_FORK != 0;
    set_policy(cx, policy as u32 & !SCHED_RESET_ON_FORK, param.sched_priority as u32, reset)?;
    Ok(0)
}

/// sched_getparam(2).
fn sys_sched_getparam(cx: &mut Cx<'_>, pid: i32, param: UserRef<SchedParam>) -> SysResult<usize> {
    if param.is_null() {
        return Err(Errno::EINVAL);
    }
    check_own(cx, pid)?;
    let priority = cx.process().attrs.lock().priority as i32;
    cx.put(param, &SchedParam { sched_priority: priority })?;
    Ok(0)
}

/// sched_setparam(2).
fn sys_sched_setparam(cx: &mut Cx<'_>, pid: i32, param: UserRef<SchedParam>) -> SysResult<usize> {
    if param.is_null() {
        return Err(Errno::EINVAL);
    }
    let param = cx.get(param)?;
    check_own(cx, pid)?;
    let a = *cx.process().attrs.lock();
    set_policy(cx, a.policy, param.sched_priority as u32, a.reset_on_fork)?;
    Ok(0)
}

/// sched_getattr(2).
fn sys_sched_getattr(cx: &mut Cx<'_>, pid: i32, attr: Addr, size: u32, flags: u32) -> SysResult<usize> {
    let sane = attr.0 != 0 && (SCHED_ATTR_SIZE_VER0..=4096).contains(&(size as usize)) && flags == 0;
    if !sane {
        return Err(Errno::EINVAL);
    }
    check_own(cx, pid)?;
    let a = *cx.process().attrs.lock();
    let len = (size as usize).min(size_of::<SchedAttr>());
    let answer = SchedAttr {
        size: len as u32,
        sched_policy: a.policy,
        sched_flags: if a.reset_on_fork { SCHED_FLAG_RESET_ON_FORK } else { 0 },
        sched_nice: nice(cx, 0)?,
        sched_priority: a.priority,
        ..SchedAttr::default()
    };
    cx.write_bytes(attr.0, &answer.as_bytes()[..len])?;
    Ok(0)
}

/// sched_setattr(2).
fn sys_sched_setattr(cx: &mut Cx<'_>, pid: i32, attr: Addr, flags: u32) -> SysResult<usize> {
    if attr.0 == 0 || pid < 0 || flags != 0 {
        return Err(Errno::EINVAL);
    }
    let mut size = [0; 4];
    cx.read_bytes(attr.0, &mut size)?;
    let given = match u32::from_le_bytes(size) as usize {
        0 => SCHED_ATTR_SIZE_VER0,
        n if (SCHED_ATTR_SIZE_VER0..=4096).contains(&n) => n.min(size_of::<SchedAttr>()),
        _ => return Err(Errno::E2BIG),
    };
    let mut a = SchedAttr::new_zeroed();
    cx.read_bytes(attr.0, &mut a.as_mut_bytes()[..given])?;
    check_own(cx, pid)?;
    if a.sched_flags & !SCHED_FLAG_RESET_ON_FORK != 0 {
        return Err(Errno::EINVAL);
    }
    let reset = a.sched_flags & SCHED_FLAG_RESET_ON_FORK != 0;
    set_policy(cx, a.sched_policy, a.sched_priority, reset)?;
    if a.sched_policy == SCHED_OTHER || a.sched_policy == SCHED_BATCH {
        set_nice(cx, a.sched_nice, Errno::EPERM)?;
    }
    Ok(0)
}

fn is_real_time(policy: i32) -> SysResult<bool> {
    match u32::try_from(policy) {
        Ok(SCHED_FIFO | SCHED_RR) => Ok(true),
        Ok(SCHED_OTHER | SCHED_BATCH | SCHED_IDLE | SCHED_DEADLINE) => Ok(false),
        _ => Err(Errno::EINVAL),
    }
}

/// sched_get_priority_max(2).
fn sys_sched_get_priority_max(_cx: &mut Cx<'_>, policy: i32) -> SysResult<usize> {
    Ok(if is_real_time(policy)? { RT_MAX as usize } else { 0 })
}

/// sched_get_priority_min(2).
fn sys_sched_get_priority_min(_cx: &mut Cx<'_>, policy: i32) -> SysResult<usize> {
    Ok(is_real_time(policy)?.into())
}

/// sched_rr_get_interval(2).
fn sys_sched_rr_get_interval(cx: &mut Cx<'_>, pid: i32, time: UserRef<Timespec>) -> SysResult<usize> {
    check_own(cx, pid)?;
    let ns = match cx.process().attrs.lock().policy {
        SCHED_RR => RR_SLICE_NS,
        SCHED_FIFO => 0,
        _ => process::sched::SLICE_NS,
    };
    cx.put(time, &Timespec::from_ns(ns))?;
    Ok(0)
}

/// sched_getaffinity(2): gives the bytes that were written.
fn sys_sched_getaffinity(cx: &mut Cx<'_>, pid: i32, size: usize, mask: UserRef<u64>) -> SysResult<usize> {
    if size < size_of::<u64>() || !size.is_multiple_of(size_of::<u64>()) {
        return Err(Errno::EINVAL);
    }
    if pid < 0 {
        return Err(Errno::ESRCH);
    }
    if !is_own(cx, pid) {
        cx.host().call(Op::GetProc, &[pid as u64])?;
    }
    cx.put(mask, &1u64)?;
    Ok(size_of::<u64>())
}

/// sched_setaffinity(2): the one CPU must be in the mask.
fn sys_sched_setaffinity(cx: &mut Cx<'_>, pid: i32, size: usize, mask: Addr) -> SysResult<usize> {
    let mut first = [0u8];
    if size > 0 {
        cx.read_bytes(mask.0, &mut first)?;
    }
    if pid < 0 {
        return Err(Errno::ESRCH);
    }
    check_own(cx, pid)?;
    if first[0] & 1 == 0 { Err(Errno::EINVAL) } else { Ok(0) }
}

/// getcpu(2).
fn sys_getcpu(cx: &mut Cx<'_>, cpu: UserRef<u32>, node: UserRef<u32>) -> SysResult<usize> {
    cx.put_opt(cpu, &0)?;
    cx.put_opt(node, &0)?;
    Ok(0)
}

/// The nice value of a process (0: the caller), which the monitor keeps.
fn nice(cx: &Cx<'_>, pid: u32) -> SysResult<i32> {
    let pid = if pid == 0 { cx.process().pid() } else { pid };
    Ok(cx.host().call(Op::GetProc, &[pid.into()])?.value(2) as i64 as i32)
}

/// The process that a priority call is about; `None`: the caller itself.
fn priority_target(cx: &Cx<'_>, which: i32, who: i32) -> SysResult<Option<u32>> {
    let me = cx.process();
    let own = match which {
        PRIO_PROCESS => is_own(cx, who),
        PRIO_PGRP => {
            let pgid = cx.host().call(Op::GetPgid, &[0])?.ret();
            who == 0 || who as u64 == pgid
        }
        PRIO_USER => who == 0 || who as u32 == me.creds.lock().ids[0],
        _ => return Err(Errno::EINVAL),
    };
    match (own, which) {
        (true, _) => Ok(None),
        (false, PRIO_PROCESS) if who > 0 => Ok(Some(who as u32)),
        _ => Err(Errno::ESRCH),
    }
}

/// getpriority(2): 20 - nice, so that it is never negative.
fn sys_getpriority(cx: &mut Cx<'_>, which: i32, who: i32) -> SysResult<usize> {
    let pid = priority_target(cx, which, who)?.unwrap_or(0);
    Ok((20 - nice(cx, pid)?) as usize)
}

/// setpriority(2).
fn sys_setpriority(cx: &mut Cx<'_>, which: i32, who: i32, nice: i32) -> SysResult<usize> {
    match priority_target(cx, which, who)? {
        None => set_nice(cx, nice, Errno::EACCES)?,
        Some(pid) => {
            cx.host().call(Op::GetProc, &[pid.into()])?;
            return Err(Errno::EPERM);
        }
    }
    Ok(0)
}

/// Sets the caller's nice value; a lower one needs a privilege, or room below RLIMIT_NICE.
fn set_nice(cx: &Cx<'_>, wanted: i32, refusal: Errno) -> SysResult<()> {
    let wanted = wanted.clamp(-20, 19);
    if wanted < nice(cx, 0)? && !capable(cx, CAP_SYS_NICE) {
        let limit = cx.process().rlimits.lock()[RLIMIT_NICE as usize].0;
        if (20 - wanted) as u64 > limit {
            return Err(refusal);
        }
    }
    cx.host().call(Op::SetAttr, &[4, i64::from(wanted) as u64])?;
    Ok(())
}

fn check_ioprio_target(cx: &Cx<'_>, which: i32, who: i32) -> SysResult<()> {
    match which {
        IOPRIO_WHO_PROCESS if is_own(cx, who) => Ok(()),
        IOPRIO_WHO_PGRP | IOPRIO_WHO_USER if who == 0 => Ok(()),
        IOPRIO_WHO_PROCESS | IOPRIO_WHO_PGRP | IOPRIO_WHO_USER => Err(Errno::ESRCH),
        _ => Err(Errno::EINVAL),
    }
}

/// ioprio_get(2).
fn sys_ioprio_get(cx: &mut Cx<'_>, which: i32, who: i32) -> SysResult<usize> {
    check_ioprio_target(cx, which, who)?;
    Ok(cx.process().attrs.lock().ioprio as usize)
}

/// ioprio_set(2).
fn sys_ioprio_set(cx: &mut Cx<'_>, which: i32, who: i32, ioprio: u32) -> SysResult<usize> {
    let (class, level) = ((ioprio >> IOPRIO_CLASS_SHIFT) as i32, ioprio & 7);
    match class {
        IOPRIO_CLASS_RT if !capable(cx, CAP_SYS_ADMIN) => return Err(Errno::EPERM),
        IOPRIO_CLASS_NONE if level != 0 => return Err(Errno::EINVAL),
        IOPRIO_CLASS_RT | IOPRIO_CLASS_BE | IOPRIO_CLASS_IDLE | IOPRIO_CLASS_NONE => {}
        _ => return Err(Errno::EINVAL),
    }
    check_ioprio_target(cx, which, who)?;
    cx.process().attrs.lock().ioprio = ioprio;
    Ok(0)
}

/// membarrier(2): the threads of a process share one virtual CPU, so each sees what the others did. Barriers for other
/// processes are not offered.
fn sys_membarrier(_cx: &mut Cx<'_>, cmd: i32, flags: u32, _cpu: i32) -> SysResult<usize> {
    const PRIVATE: i32 = MEMBARRIER_CMD_PRIVATE_EXPEDITED
        | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED
        | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
        | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE;
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    match cmd {
        MEMBARRIER_CMD_QUERY => Ok(PRIVATE as usize),
        _ if cmd & PRIVATE == cmd && cmd.count_ones() == 1 => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

/// rseq(2).
fn sys_rseq(_cx: &mut Cx<'_>, _area: Addr, _size: u32, _flags: i32, _sig: u32) -> SysResult<usize> {
    Err(Errno::ENOSYS)
}
