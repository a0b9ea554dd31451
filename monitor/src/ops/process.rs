//! Requests on processes.

use abi::Errno;
use abi::process::{CAP_SYS_ADMIN, CAP_SYS_RESOURCE, RLIM_NLIMITS, RLIMIT_NOFILE};
use protocol::Op;
use protocol::caps::Caps;
use protocol::inbox::Message;
use protocol::op::{CHILD_NO_STOP, CHILD_REAPED};
use protocol::wire::{Reader, Writer};

use crate::call::{Answer, Call, OpResult};
use crate::family::Family;
use crate::procs::{FIRST_PID, Image, Times};
use crate::{fs, sysinfo};

/// Most bytes of a node or domain name; sethostname(2).
const HOST_NAME_MAX: usize = 64;
/// Most supplementary groups; setgroups(2).
const NGROUPS_MAX: usize = 65_536;
/// Numbers of system calls are below this.
const NR_MAX: u32 = 1024;

/// Carries out one of them.
pub fn handle(fam: &mut Family, op: Op, call: &Call) -> OpResult {
    match op {
        Op::ForkPrepare => fam.fork_prepare(call),
        Op::ForkDone => fam.fork_done(call),
        Op::SpawnExec => fam.spawn_exec(call),
        Op::Exit => exit(fam, call),
        Op::Stopped => stopped(fam, call),
        Op::Continued => changed(fam, |procs, effects| procs.continued(call.pid, effects)),
        Op::SetPgid => {
            let (pid, pgid) = (call.arg32(0)?, call.arg32(1)?);
            changed(fam, |procs, effects| procs.set_pgid(call.pid, pid, pgid, effects))
        }
        Op::GetPgid => Ok(Answer::value(fam.procs.get(target(call)?)?.pgid)),
        Op::SetSid => {
            let mut effects = Vec::new();
            let sid = fam.procs.set_sid(call.pid, &mut effects)?;
            fam.apply(effects);
            Ok(Answer::value(sid))
        }
        Op::GetSid => Ok(Answer::value(fam.procs.get(target(call)?)?.sid)),
        Op::ProcInfo => proc_info(fam, call),
        Op::SetCreds => set_creds(fam, call),
        Op::SetAttr => set_attr(fam, call),
        Op::GetProc => get_proc(fam, call),
        Op::Unknown => unknown_calls(fam, call),
        Op::Trace => {
            fam.trace_line(call.pid, call.data);
            Answer::ok()
        }
        Op::Crash => {
            match call.arg(0) {
                0 => fam.report_crash(call.slot, call.data),
                _ => fam.report_start_failure(call.data),
            }
            Answer::ok()
        }
        Op::Prlimit => prlimit(fam, call),
        Op::ChildTimes => {
            let t = fam.procs.get(call.pid)?.child_times;
            Ok(times_answer(&t))
        }
        Op::SysInfo => Ok(sysinfo::answer(fam)),
        Op::HostName => host_name(fam, call),
        _ => Err(Errno::ENOSYS),
    }
}

/// a0: a pid, 0 for the caller.
fn target(call: &Call) -> Result<u32, Errno> {
    Ok(match call.arg32(0).map_err(|_| Errno::ESRCH)? {
        0 => call.pid,
        pid => pid,
    })
}

fn changed(
    fam: &mut Family,
    change: impl FnOnce(&mut crate::procs::ProcTable, &mut Vec<crate::procs::Effect>) -> Result<(), Errno>,
) -> OpResult {
    let mut effects = Vec::new();
    change(&mut fam.procs, &mut effects)?;
    fam.apply(effects);
    Answer::ok()
}

fn times_answer(t: &Times) -> Answer {
    Answer::default()
        .with_ret(0, t.user_ns)
        .with_ret(1, t.system_ns)
        .with_ret(2, t.max_rss_kib)
        .with_ret(3, t.minor_faults)
}

fn exit(fam: &mut Family, call: &Call) -> OpResult {
    let times = Times {
        user_ns: call.arg(1),
        system_ns: call.arg(2),
        max_rss_kib: call.arg(3),
        minor_faults: call.arg(4),
        voluntary_switches: call.arg(5),
    };
    // A status that says "stopped" or "continued" is no end.
    let status = match call.arg(0) as u32 & 0xffff {
        s if s & 0x7f == 0x7f => abi::signal::SIGKILL as u32,
        s => s,
    };
    fam.end_process(call.pid, status, times)?;
    Answer::ok()
}

fn stopped(fam: &mut Family, call: &Call) -> OpResult {
    let signo = call.arg32(0)?;
    if !abi::signal::is_valid(signo as i32) {
        return Err(Errno::EINVAL);
    }
    let mut effects = Vec::new();
    let stays = fam.procs.stopped(call.pid, signo, &mut effects)?;
    fam.apply(effects);
    if stays && call.pid == FIRST_PID {
        fam.suspended = true;
    }
    if !stays {
        fam.send(call.slot, Message::Continue { target: call.pid })?;
    }
    Answer::ok()
}

fn proc_info(fam: &mut Family, call: &Call) -> OpResult {
    let mut r = Reader::new(call.data);
    let mut read = || {
        Some(Image { exe: r.bytes()?.to_vec(), comm: r.bytes()?.to_vec(), argv: r.list()?, envp: r.list()? })
    };
    let image = read().ok_or(Errno::EINVAL)?;
    fam.procs.execed(call.pid, image)?;
    if call.arg(0) == 1 {
        fs::process_execed(fam, call.pid);
        crate::ipc::process_execed(fam, call.pid);
    }
    Answer::ok()
}

fn set_creds(fam: &mut Family, call: &Call) -> OpResult {
    let words: Vec<u32> = match call.data.as_chunks::<4>() {
        (words, []) => words.iter().map(|w| u32::from_le_bytes(*w)).collect(),
        _ => return Err(Errno::EINVAL),
    };
    let (ids, groups) = words.split_first_chunk::<8>().ok_or(Errno::EINVAL)?;
    if groups.len() > NGROUPS_MAX {
        return Err(Errno::EINVAL);
    }
    fam.procs.get_mut(call.pid)?.creds.become_ids(*ids, groups.to_vec())?;
    Answer::ok()
}

/// prctl(2), setpriority(2), and how the process takes SIGCHLD.
fn set_attr(fam: &mut Family, call: &Call) -> OpResult {
    let p = fam.procs.get_mut(call.pid)?;
    let value = call.arg(1);
    match call.arg(0) {
        1 => p.subreaper = value != 0,
        2 if value <= abi::signal::NSIG as u64 => p.pdeath_signal = value as u32,
        3 => p.dumpable = value != 0,
        5 => {
            p.auto_reap = value & CHILD_REAPED != 0;
            p.no_stop_signals = value & CHILD_NO_STOP != 0;
        }
        6 => p.image.comm = call.data[..call.data.len().min(15)].to_vec(),
        7 => p.creds.become_caps(Caps {
            effective: value,
            permitted: call.arg(2),
            inheritable: call.arg(3),
            bounding: call.arg(4),
            ambient: call.arg(5),
            securebits: call.arg32(6)?,
        })?,
        _ => return Err(Errno::EINVAL),
    }
    Answer::ok()
}

fn get_proc(fam: &mut Family, call: &Call) -> OpResult {
    let p = fam.procs.get(target(call)?)?;
    Ok(Answer::default()
        .with_ret(0, p.creds.euid.into())
        .with_ret(1, p.creds.egid.into())
        .with_ret(2, i64::from(p.schedule.nice) as u64)
        .with_ret(3, (!p.alive()).into())
        .with_ret(4, p.creds.caps.effective)
        .with_ret(5, p.creds.caps.permitted)
        .with_ret(6, p.creds.caps.inheritable))
}

fn unknown_calls(fam: &mut Family, call: &Call) -> OpResult {
    let mut r = Reader::new(call.data);
    let n = r.u32().ok_or(Errno::EINVAL)?;
    for _ in 0..n {
        let (Some(nr), Some(calls)) = (r.u32(), r.u64()) else { return Err(Errno::EINVAL) };
        let sum = fam.unknown.entry(nr.min(NR_MAX)).or_default();
        *sum = sum.saturating_add(calls);
    }
    Answer::ok()
}

/// prlimit(2).
fn prlimit(fam: &mut Family, call: &Call) -> OpResult {
    let pid = target(call)?;
    let resource = call.arg32(1)?;
    if resource >= RLIM_NLIMITS {
        return Err(Errno::EINVAL);
    }
    let caller = fam.procs.get(call.pid)?.creds.clone();
    let p = fam.procs.get_mut(pid)?;
    let t = &p.creds;
    let same = [t.ruid, t.euid, t.suid].iter().all(|u| *u == caller.ruid)
        && [t.rgid, t.egid, t.sgid].iter().all(|g| *g == caller.rgid);
    if pid != call.pid && !same && !caller.has(CAP_SYS_RESOURCE) {
        return Err(Errno::EPERM);
    }
    p.rlimits.resize(RLIM_NLIMITS as usize, (u64::MAX, u64::MAX));
    let limit = &mut p.rlimits[resource as usize];
    let old = *limit;
    if call.arg(2) == 1 {
        let (soft, hard) = (call.arg(3), call.arg(4));
        if soft > hard || resource == RLIMIT_NOFILE && hard > 1 << 20 {
            return Err(if soft > hard { Errno::EINVAL } else { Errno::EPERM });
        }
        if hard > old.1 && !caller.has(CAP_SYS_RESOURCE) {
            return Err(Errno::EPERM);
        }
        *limit = (soft, hard);
        let slot = p.slot;
        if pid != call.pid && slot != 0 {
            fam.send(slot, Message::Limit { target: pid, resource, soft, hard })?;
        }
    }
    Ok(Answer::default().with_ret(0, old.0).with_ret(1, old.1))
}

/// uname(2), sethostname(2), setdomainname(2).
fn host_name(fam: &mut Family, call: &Call) -> OpResult {
    let which = call.arg(0);
    if which == 0 {
        let mut w = Writer::new();
        w.bytes(&fam.hostname).bytes(&fam.domainname);
        return Ok(Answer::default().with_data(w.finish()));
    }
    if !fam.procs.get(call.pid)?.creds.has(CAP_SYS_ADMIN) {
        return Err(Errno::EPERM);
    }
    if call.data.len() > HOST_NAME_MAX {
        return Err(Errno::EINVAL);
    }
    match which {
        1 => fam.hostname = call.data.to_vec(),
        2 => fam.domainname = call.data.to_vec(),
        _ => return Err(Errno::EINVAL),
    }
    Answer::ok()
}
