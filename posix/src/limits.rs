//! Resource limits: getrlimit(2), setrlimit(2), prlimit(2). The process's kernel holds its own and enforces them; the
//! monitor has a copy for /proc and for other processes' questions.

use abi::errno::{Errno, SysResult};
use abi::process::{RLIM_NLIMITS, RLIMIT_CPU, RLIMIT_NOFILE, Rlimit64};
use abi::user::UserRef;
use protocol::Op;

use crate::cx::Cx;

crate::syscalls! {
    SYS_getrlimit getrlimit(resource: u32, limit: UserRef<Rlimit64>) Full "" => sys_getrlimit;
    SYS_setrlimit setrlimit(resource: u32, limit: UserRef<Rlimit64>) Partial "RSS, LOCKS, NICE and RTTIME are kept but not enforced" => sys_setrlimit;
    SYS_prlimit64 prlimit64(pid: i32, resource: u32, new: UserRef<Rlimit64>, old: UserRef<Rlimit64>) Partial "as setrlimit" => sys_prlimit64;
}

/// Most descriptors that a hard limit may allow (fs.nr_open's default).
const NR_OPEN: u64 = 1 << 20;

fn index(resource: u32) -> SysResult<usize> {
    if resource < RLIM_NLIMITS { Ok(resource as usize) } else { Err(Errno::EINVAL) }
}

/// getrlimit(2).
fn sys_getrlimit(cx: &mut Cx<'_>, resource: u32, limit: UserRef<Rlimit64>) -> SysResult<usize> {
    sys_prlimit64(cx, 0, resource, UserRef::NULL, limit)
}

/// setrlimit(2).
fn sys_setrlimit(cx: &mut Cx<'_>, resource: u32, limit: UserRef<Rlimit64>) -> SysResult<usize> {
    limit.required()?;
    sys_prlimit64(cx, 0, resource, limit, UserRef::NULL)
}

/// prlimit(2).
fn sys_prlimit64(
    cx: &mut Cx<'_>,
    pid: i32,
    resource: u32,
    new: UserRef<Rlimit64>,
    old: UserRef<Rlimit64>,
) -> SysResult<usize> {
    let i = index(resource)?;
    let new = cx.get_opt(new)?;
    if new.is_some_and(|n| n.rlim_cur > n.rlim_max) {
        return Err(Errno::EINVAL);
    }
    let (set, soft, hard) = new.map_or((0, 0, 0), |n| (1, n.rlim_cur, n.rlim_max));
    let own = pid == 0 || pid as u32 == cx.process().pid();
    let was = if own {
        let was = cx.process().rlimits.lock()[i];
        if set == 1 {
            let root = cx.process().creds.lock().ids[1] == 0;
            if (hard > was.1 && !root) || (resource == RLIMIT_NOFILE && hard > NR_OPEN) {
                return Err(Errno::EPERM);
            }
            cx.host().call(Op::Prlimit, &[0, resource.into(), set, soft, hard])?;
            cx.process().rlimits.lock()[i] = (soft, hard);
            if resource == RLIMIT_CPU {
                process::timer::cpu_limit_changed(cx.process());
            }
        }
        was
    } else {
        let answer = cx.host().call(Op::Prlimit, &[pid as u64, resource.into(), set, soft, hard])?;
        (answer.value(0), answer.value(1))
    };
    cx.put_opt(old, &Rlimit64 { rlim_cur: was.0, rlim_max: was.1 })?;
    Ok(0)
}
