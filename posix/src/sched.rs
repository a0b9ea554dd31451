//! Scheduling: sched(7), getpriority(2), getcpu(2), membarrier(2), rseq(2). There is one virtual CPU, shared in turns;
//! policies and priorities are kept for who asks.

use abi::errno::{Errno, SysResult};
use abi::process::*;
use abi::time::Timespec;
use abi::user::UserRef;
use protocol::Op;
use protocol::op::sched;
use zerocopy::{FromZeros, IntoBytes};

use crate::arg::Addr;
use crate::creds::capable;
use crate::cx::Cx;

crate::syscalls! {
    SYS_sched_yield sched_yield() Full "" => sys_sched_yield;
    SYS_sched_getscheduler sched_getscheduler(pid: i32) Full "" => sys_sched_getscheduler;
    SYS_sched_setscheduler sched_setscheduler(pid: i32, policy: i32, param: UserRef<SchedParam>) Partial "kept, not acted on" => sys_sched_setscheduler;
    SYS_sched_getparam sched_getparam(pid: i32, param: UserRef<SchedParam>) Full "" => sys_sched_getparam;
    SYS_sched_setparam sched_setparam(pid: i32, param: UserRef<SchedParam>) Partial "kept, not acted on" => sys_sched_setparam;
    SYS_sched_getattr sched_getattr(pid: i32, attr: Addr, size: u32, flags: u32) Full "" => sys_sched_getattr;
    SYS_sched_setattr sched_setattr(pid: i32, attr: Addr, flags: u32) Partial "kept, not acted on; no SCHED_DEADLINE" => sys_sched_setattr;
    SYS_sched_get_priority_max sched_get_priority_max(policy: i32) Full "" => sys_sched_get_priority_max;
    SYS_sched_get_priority_min sched_get_priority_min(policy: i32) Full "" => sys_sched_get_priority_min;
    SYS_sched_rr_get_interval sched_rr_get_interval(pid: i32, time: UserRef<Timespec>) Full "" => sys_sched_rr_get_interval;
    SYS_sched_getaffinity sched_getaffinity(pid: i32, size: usize, mask: UserRef<u64>) Full "" => sys_sched_getaffinity;
    SYS_sched_setaffinity sched_setaffinity(pid: i32, size: usize, mask: Addr) Full "" => sys_sched_setaffinity;
    SYS_getcpu getcpu(cpu: UserRef<u32>, node: UserRef<u32>) Full "" => sys_getcpu;
    SYS_getpriority getpriority(which: i32, who: i32) Full "" => sys_getpriority;
    SYS_setpriority setpriority(which: i32, who: i32, nice: i32) Partial "kept, not acted on" => sys_setpriority;
    SYS_ioprio_get ioprio_get(which: i32, who: i32) Full "" => sys_ioprio_get;
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

/// A pid argument of the sched calls as the monitor wants it: 0 for the caller and its threads, which share its values.
fn target(cx: &Cx<'_>, pid: i32) -> SysResult<u64> {
    match pid {
        ..0 => Err(Errno::EINVAL),
        _ if is_own(cx, pid) => Ok(0),
        _ => Ok(pid as u64),
    }
}

/// How a process wants to be scheduled.
struct Schedule {
    policy: u32,
    priority: u32,
    reset_on_fork: bool,
    nice: i32,
}

fn schedule(cx: &Cx<'_>, pid: i32) -> SysResult<Schedule> {
    let answer = cx.host().call(Op::Sched, &[sched::GET, 0, target(cx, pid)?])?;
    Ok(Schedule {
        policy: answer.value(0) as u32,
        priority: answer.value(1) as u32,
        reset_on_fork: answer.value(2) != 0,
        nice: answer.value(3) as i64 as i32,
    })
}

/// Sets policy and priority; the monitor checks them.
fn set_policy(cx: &Cx<'_>, pid: i32, policy: u32, priority: u32, reset_on_fork: bool) -> SysResult<()> {
    let capable = u64::from(capable(cx, CAP_SYS_NICE));
    let (policy, priority) = (policy.into(), priority.into());
    let args = [sched::SET, 0, target(cx, pid)?, policy, priority, capable, reset_on_fork.into()];
    cx.host().call(Op::Sched, &args).map(drop)
}

fn is_own(cx: &Cx<'_>, pid: i32) -> bool {
    pid == 0
        || pid as u32 == cx.process().pid()
        || cx.process().threads.lock().iter().any(|t| t.tid() == pid as u32)
}

/// sched_getscheduler(2).
fn sys_sched_getscheduler(cx: &mut Cx<'_>, pid: i32) -> SysResult<usize> {
    let s = schedule(cx, pid)?;
    Ok((s.policy | if s.reset_on_fork { SCHED_RESET_ON_FORK } else { 0 }) as usize)
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
    let reset = policy as u32 & SCHED_RESET_ON_FORK != 0;
    set_policy(cx, pid, policy as u32 & !SCHED_RESET_ON_FORK, param.sched_priority as u32, reset)?;
    Ok(0)
}

/// sched_getparam(2).
fn sys_sched_getparam(cx: &mut Cx<'_>, pid: i32, param: UserRef<SchedParam>) -> SysResult<usize> {
    if param.is_null() {
        return Err(Errno::EINVAL);
    }
    let sched_priority = schedule(cx, pid)?.priority as i32;
    cx.put(param, &SchedParam { sched_priority })?;
    Ok(0)
}

/// sched_setparam(2).
fn sys_sched_setparam(cx: &mut Cx<'_>, pid: i32, param: UserRef<SchedParam>) -> SysResult<usize> {
    if param.is_null() {
        return Err(Errno::EINVAL);
    }
    let param = cx.get(param)?;
    let s = schedule(cx, pid)?;
    set_policy(cx, pid, s.policy, param.sched_priority as u32, s.reset_on_fork)?;
    Ok(0)
}

/// sched_getattr(2).
fn sys_sched_getattr(cx: &mut Cx<'_>, pid: i32, attr: Addr, size: u32, flags: u32) -> SysResult<usize> {
    let sane = attr.0 != 0 && (SCHED_ATTR_SIZE_VER0..=4096).contains(&(size as usize)) && flags == 0;
    if !sane {
        return Err(Errno::EINVAL);
    }
    let s = schedule(cx, pid)?;
    let len = (size as usize).min(size_of::<SchedAttr>());
    let answer = SchedAttr {
        size: len as u32,
        sched_policy: s.policy,
        sched_flags: if s.reset_on_fork { SCHED_FLAG_RESET_ON_FORK } else { 0 },
        sched_nice: s.nice,
        sched_priority: s.priority,
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
    let whom = target(cx, pid)?;
    if a.sched_flags & !SCHED_FLAG_RESET_ON_FORK != 0 {
        return Err(Errno::EINVAL);
    }
    let reset = a.sched_flags & SCHED_FLAG_RESET_ON_FORK != 0;
    set_policy(cx, pid, a.sched_policy, a.sched_priority, reset)?;
    if a.sched_policy == SCHED_OTHER || a.sched_policy == SCHED_BATCH {
        let denied = |e| if e == Errno::EACCES { Errno::EPERM } else { e };
        set_nice(cx, PRIO_PROCESS as u64, whom, a.sched_nice).map_err(denied)?;
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
    let ns = match schedule(cx, pid)?.policy {
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
    if !is_own(cx, pid) {
        let s = cx.host().call(Op::GetProc, &[pid as u64])?.value(0) as u32;
        let ids = cx.process().creds.lock().ids;
        if s != ids[1] && !capable(cx, CAP_SYS_NICE) {
            return Err(Errno::EPERM);
        }
    }
    if first[0] & 1 == 0 { Err(Errno::EINVAL) } else { Ok(0) }
}

/// getcpu(2).
fn sys_getcpu(cx: &mut Cx<'_>, cpu: UserRef<u32>, node: UserRef<u32>) -> SysResult<usize> {
    cx.put_opt(cpu, &0)?;
    cx.put_opt(node, &0)?;
    Ok(0)
}

/// The process, group or user that a priority call names, as the monitor wants it; a negative number names none.
fn named(cx: &Cx<'_>, which: i32, who: i32) -> SysResult<u64> {
    match which {
        PRIO_PROCESS if is_own(cx, who) => Ok(0),
        PRIO_PROCESS | PRIO_PGRP | PRIO_USER => u32::try_from(who).map(u64::from).map_err(|_| Errno::ESRCH),
        _ => Err(Errno::EINVAL),
    }
}

/// getpriority(2): 20 - nice, so that it is never negative.
fn sys_getpriority(cx: &mut Cx<'_>, which: i32, who: i32) -> SysResult<usize> {
    let who = named(cx, which, who)?;
    Ok(cx.host().call(Op::Sched, &[sched::GET_NICE, which as u64, who])?.ret() as usize)
}

/// setpriority(2).
fn sys_setpriority(cx: &mut Cx<'_>, which: i32, who: i32, nice: i32) -> SysResult<usize> {
    let who = named(cx, which, who)?;
    set_nice(cx, which as u64, who, nice).map(|()| 0)
}

/// A lower nice value needs a privilege, or room below RLIMIT_NICE.
fn set_nice(cx: &Cx<'_>, which: u64, who: u64, nice: i32) -> SysResult<()> {
    let capable = u64::from(capable(cx, CAP_SYS_NICE));
    let nice = i64::from(nice) as u64;
    cx.host().call(Op::Sched, &[sched::SET_NICE, which, who, nice, 0, capable]).map(drop)
}

/// The ioprio calls count from 1 what the priority calls count from 0.
fn io_named(cx: &Cx<'_>, which: i32, who: i32) -> SysResult<[u64; 2]> {
    let which = match which {
        IOPRIO_WHO_PROCESS => PRIO_PROCESS,
        IOPRIO_WHO_PGRP => PRIO_PGRP,
        IOPRIO_WHO_USER => PRIO_USER,
        _ => return Err(Errno::EINVAL),
    };
    Ok([which as u64, named(cx, which, who)?])
}

/// ioprio_get(2).
fn sys_ioprio_get(cx: &mut Cx<'_>, which: i32, who: i32) -> SysResult<usize> {
    let [which, who] = io_named(cx, which, who)?;
    Ok(cx.host().call(Op::Sched, &[sched::GET_IO, which, who])?.ret() as usize)
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
    let [which, who] = io_named(cx, which, who)?;
    let capable = u64::from(capable(cx, CAP_SYS_NICE));
    let args = [sched::SET_IO, which, who, ioprio.into(), 0, capable];
    cx.host().call(Op::Sched, &args).map(|_| 0)
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
