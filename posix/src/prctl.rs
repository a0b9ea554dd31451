//! prctl(2), personality(2), capget(2), seccomp(2).

use abi::errno::{Errno, SysResult};
use abi::process::*;
use abi::signal::is_valid;
use abi::user::UserRef;
use core::sync::atomic::Ordering;
use process::attrs::{Attrs, DEFAULT_SLACK};
use protocol::Op;
use protocol::caps::{ALL_CAPS, Caps, SECBIT_KEEP_CAPS};

use crate::arg::Addr;
use crate::creds::capable;
use crate::cx::Cx;

crate::syscalls! {
    SYS_prctl prctl(option: i32, arg2: u64, arg3: u64, arg4: u64, arg5: u64) Partial "what concerns only the process itself" => sys_prctl;
    SYS_personality personality(persona: u32) Partial "only ADDR_NO_RANDOMIZE has an effect" => sys_personality;
    SYS_capget capget(header: UserRef<CapUserHeader>, data: UserRef<CapUserData>) Full "" => sys_capget;
    SYS_capset capset(header: UserRef<CapUserHeader>, data: UserRef<CapUserData>) Partial "acted on but for files, which go by user id" => sys_capset;
    SYS_seccomp seccomp(op: u32, flags: u32, args: Addr) Partial "EINVAL, as a kernel without it" => sys_seccomp;
}

/// prctl(2).
fn sys_prctl(cx: &mut Cx<'_>, option: i32, a2: u64, a3: u64, a4: u64, a5: u64) -> SysResult<usize> {
    let rest = [a3, a4, a5];
    match option {
        PR_SET_NAME => set_name(cx, a2),
        PR_GET_NAME => {
            cx.write_bytes(a2 as usize, &cx.thread().name())?;
            Ok(0)
        }
        PR_SET_PDEATHSIG => {
            if a2 != 0 && !i32::try_from(a2).is_ok_and(is_valid) {
                return Err(Errno::EINVAL);
            }
            tell(cx, 2, a2)?;
            set(cx, |a| a.death_signal = a2 as u32)
        }
        PR_GET_PDEATHSIG => put(cx, a2, attrs(cx).death_signal),
        PR_SET_DUMPABLE if a2 <= 1 => {
            tell(cx, 3, a2)?;
            set(cx, |a| a.dumpable = a2 != 0)
        }
        PR_GET_DUMPABLE => Ok(attrs(cx).dumpable.into()),
        PR_SET_CHILD_SUBREAPER => {
            tell(cx, 1, u64::from(a2 != 0))?;
            set(cx, |a| a.subreaper = a2 != 0)
        }
        PR_GET_CHILD_SUBREAPER => put(cx, a2, attrs(cx).subreaper.into()),
        PR_SET_NO_NEW_PRIVS if a2 == 1 && rest == [0; 3] => set(cx, |a| a.no_new_privs = true),
        PR_GET_NO_NEW_PRIVS if a2 == 0 && rest == [0; 3] => Ok(attrs(cx).no_new_privs.into()),
        PR_SET_KEEPCAPS if a2 <= 1 => set_caps(cx, |c| {
            c.securebits = c.securebits & !SECBIT_KEEP_CAPS | if a2 != 0 { SECBIT_KEEP_CAPS } else { 0 };
        }),
        PR_GET_KEEPCAPS => Ok((attrs(cx).caps.securebits & SECBIT_KEEP_CAPS != 0).into()),
        PR_GET_SECUREBITS => Ok(attrs(cx).caps.securebits as usize),
        PR_SET_SECUREBITS => {
            need(cx, CAP_SETPCAP)?;
            let bits = u32::try_from(a2).map_err(|_| Errno::EPERM)?;
            set_caps(cx, |c| c.securebits = bits)
        }
        PR_CAPBSET_READ if a2 <= CAP_LAST_CAP.into() => Ok((attrs(cx).caps.bounding >> a2 & 1) as usize),
        PR_CAPBSET_DROP if a2 <= CAP_LAST_CAP.into() => {
            need(cx, CAP_SETPCAP)?;
            set_caps(cx, |c| c.bounding &= !(1 << a2))
        }
        PR_CAP_AMBIENT => cap_ambient(cx, a2 as i32, a3, a4 | a5),
        PR_SET_TIMERSLACK => set(cx, |a| a.timer_slack = if a2 == 0 { DEFAULT_SLACK } else { a2 }),
        PR_GET_TIMERSLACK => Ok(attrs(cx).timer_slack as usize),
        PR_SET_THP_DISABLE if rest == [0; 3] => set(cx, |a| a.thp_disable = a2 != 0),
        PR_GET_THP_DISABLE if a2 == 0 && rest == [0; 3] => Ok(attrs(cx).thp_disable.into()),
        PR_GET_TID_ADDRESS => {
            let at = cx.thread().clear_child_tid.load(Ordering::Relaxed) as u64;
            cx.put(UserRef::new(a2), &at)?;
            Ok(0)
        }
        PR_GET_TSC => put(cx, a2, PR_TSC_ENABLE as u32),
        PR_SET_TSC if a2 == PR_TSC_ENABLE as u64 => Ok(0),
        PR_GET_SECCOMP | PR_GET_TIMING | PR_TASK_PERF_EVENTS_DISABLE | PR_TASK_PERF_EVENTS_ENABLE => Ok(0),
        PR_SET_TIMING if a2 == 0 => Ok(0),
        PR_SET_MM | PR_SET_IO_FLUSHER | PR_GET_IO_FLUSHER => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}

fn attrs(cx: &Cx<'_>) -> Attrs {
    *cx.process().attrs.lock()
}

fn set(cx: &Cx<'_>, change: impl FnOnce(&mut Attrs)) -> SysResult<usize> {
    change(&mut cx.process().attrs.lock());
    Ok(0)
}

/// Changes the capability sets: EPERM unless capabilities(7) lets the process. The monitor, which acts on them, is told.
fn set_caps(cx: &Cx<'_>, change: impl FnOnce(&mut Caps)) -> SysResult<usize> {
    let old = attrs(cx).caps;
    let mut new = old;
    change(&mut new);
    if !old.may_become(&new) {
        return Err(Errno::EPERM);
    }
    if new != old {
        let sets = [new.effective, new.permitted, new.inheritable, new.bounding, new.ambient];
        let [effective, permitted, inheritable, bounding, ambient] = sets;
        let args = [7, effective, permitted, inheritable, bounding, ambient, new.securebits.into()];
        cx.host().call(Op::SetAttr, &args)?;
    }
    set(cx, |a| a.caps = new)
}

fn put(cx: &Cx<'_>, at: u64, value: u32) -> SysResult<usize> {
    cx.put(UserRef::new(at), &value)?;
    Ok(0)
}

fn need(cx: &Cx<'_>, cap: u32) -> SysResult<()> {
    if capable(cx, cap) { Ok(()) } else { Err(Errno::EPERM) }
}

/// Tells the monitor an attribute that it acts on.
fn tell(cx: &Cx<'_>, selector: u64, value: u64) -> SysResult<()> {
    cx.host().call(Op::SetAttr, &[selector, value]).map(|_| ())
}

/// PR_SET_NAME; the first thread's name is the process's in /proc.
fn set_name(cx: &Cx<'_>, at: u64) -> SysResult<usize> {
    let mut name = [0u8; TASK_COMM_LEN];
    let n =
        cx.platform().copy_in_str(at as usize, &mut name[..TASK_COMM_LEN - 1]).map_err(|_| Errno::EFAULT)?;
    let name = &name[..n];
    cx.thread().set_name(name);
    if cx.thread().tid() == cx.process().pid() {
        cx.process().image.lock().comm = name.to_vec();
        cx.host().call_with(Op::SetAttr, &[6], name)?;
    }
    Ok(0)
}

fn cap_ambient(cx: &Cx<'_>, what: i32, cap: u64, rest: u64) -> SysResult<usize> {
    if what == PR_CAP_AMBIENT_CLEAR_ALL {
        return if cap | rest != 0 { Err(Errno::EINVAL) } else { set_caps(cx, |c| c.ambient = 0) };
    }
    if rest != 0 || cap > CAP_LAST_CAP.into() {
        return Err(Errno::EINVAL);
    }
    let caps = attrs(cx).caps;
    match what {
        PR_CAP_AMBIENT_IS_SET => Ok((caps.ambient >> cap & 1) as usize),
        PR_CAP_AMBIENT_RAISE if caps.permitted & caps.inheritable & 1 << cap == 0 => Err(Errno::EPERM),
        PR_CAP_AMBIENT_RAISE => set_caps(cx, |c| c.ambient |= 1 << cap),
        PR_CAP_AMBIENT_LOWER => set_caps(cx, |c| c.ambient &= !(1 << cap)),
        _ => Err(Errno::EINVAL),
    }
}

/// personality(2).
fn sys_personality(cx: &mut Cx<'_>, persona: u32) -> SysResult<usize> {
    let p = &cx.process().personality;
    let old = if persona == PERSONALITY_QUERY {
        p.load(Ordering::Relaxed)
    } else {
        p.swap(persona, Ordering::Relaxed)
    };
    Ok(old as usize)
}

/// How many `CapUserData` a version has; an unknown one is answered with the newest.
fn cap_words(cx: &Cx<'_>, header: UserRef<CapUserHeader>) -> SysResult<(CapUserHeader, usize)> {
    let mut h = cx.get(header)?;
    let words = match h.version {
        _LINUX_CAPABILITY_VERSION_1 => 1,
        _LINUX_CAPABILITY_VERSION_2 | _LINUX_CAPABILITY_VERSION_3 => 2,
        _ => {
            h.version = _LINUX_CAPABILITY_VERSION_3;
            cx.put(header, &h)?;
            return Err(Errno::EINVAL);
        }
    };
    Ok((h, words))
}

/// capget(2).
fn sys_capget(
    cx: &mut Cx<'_>,
    header: UserRef<CapUserHeader>,
    data: UserRef<CapUserData>,
) -> SysResult<usize> {
    let (h, words) = match cap_words(cx, header) {
        // To ask for the version alone is no mistake.
        Err(Errno::EINVAL) if data.is_null() => return Ok(0),
        other => other?,
    };
    if h.pid < 0 {
        return Err(Errno::EINVAL);
    }
    let mut caps = attrs(cx).caps;
    if h.pid != 0 && h.pid as u32 != cx.process().pid() {
        let other = cx.host().call(Op::GetProc, &[h.pid as u64])?;
        (caps.effective, caps.permitted, caps.inheritable) = (other.value(4), other.value(5), other.value(6));
    }
    if data.is_null() {
        return Err(Errno::EFAULT);
    }
    for i in 0..words {
        let word = |set: u64| (set >> (32 * i)) as u32;
        let d = CapUserData {
            effective: word(caps.effective),
            permitted: word(caps.permitted),
            inheritable: word(caps.inheritable),
        };
        cx.put(data.add(i)?, &d)?;
    }
    Ok(0)
}

/// capset(2).
fn sys_capset(
    cx: &mut Cx<'_>,
    header: UserRef<CapUserHeader>,
    data: UserRef<CapUserData>,
) -> SysResult<usize> {
    let (h, words) = cap_words(cx, header)?;
    if h.pid != 0 && h.pid as u32 != cx.process().pid() {
        return Err(Errno::EPERM);
    }
    let (mut effective, mut permitted, mut inheritable) = (0u64, 0u64, 0u64);
    for i in 0..words {
        let d = cx.get(data.add(i)?)?;
        effective |= u64::from(d.effective) << (32 * i);
        permitted |= u64::from(d.permitted) << (32 * i);
        inheritable |= u64::from(d.inheritable) << (32 * i);
    }
    let [effective, permitted, inheritable] = [effective, permitted, inheritable].map(|s| s & ALL_CAPS);
    set_caps(cx, |c| {
        (c.effective, c.permitted, c.inheritable) = (effective, permitted, inheritable);
        c.ambient &= permitted & inheritable;
    })
}

/// seccomp(2).
fn sys_seccomp(_cx: &mut Cx<'_>, _op: u32, _flags: u32, _args: Addr) -> SysResult<usize> {
    Err(Errno::EINVAL)
}
