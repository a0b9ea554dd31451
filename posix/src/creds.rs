//! User and group ids, supplementary groups: credentials(7). The monitor holds the truth; the copy here answers the
//! questions.

use abi::errno::{Errno, SysResult};
use abi::process::{CAP_SETGID, CAP_SETUID};
use abi::user::UserRef;
use alloc::vec::Vec;
use process::ids::{self, Ids};
use process::proc::Creds;
use protocol::Op;

use crate::cx::Cx;

crate::syscalls! {
    SYS_getuid getuid() Full "" => sys_getuid;
    SYS_geteuid geteuid() Full "" => sys_geteuid;
    SYS_getgid getgid() Full "" => sys_getgid;
    SYS_getegid getegid() Full "" => sys_getegid;
    SYS_getresuid getresuid(r: UserRef<u32>, e: UserRef<u32>, s: UserRef<u32>) Full "" => sys_getresuid;
    SYS_getresgid getresgid(r: UserRef<u32>, e: UserRef<u32>, s: UserRef<u32>) Full "" => sys_getresgid;
    SYS_setuid setuid(id: u32) Full "" => sys_setuid;
    SYS_setgid setgid(id: u32) Full "" => sys_setgid;
    SYS_setreuid setreuid(r: u32, e: u32) Full "" => sys_setreuid;
    SYS_setregid setregid(r: u32, e: u32) Full "" => sys_setregid;
    SYS_setresuid setresuid(r: u32, e: u32, s: u32) Full "" => sys_setresuid;
    SYS_setresgid setresgid(r: u32, e: u32, s: u32) Full "" => sys_setresgid;
    SYS_setfsuid setfsuid(id: u32) Full "" => sys_setfsuid;
    SYS_setfsgid setfsgid(id: u32) Full "" => sys_setfsgid;
    SYS_getgroups getgroups(size: i32, list: UserRef<u32>) Full "" => sys_getgroups;
    SYS_setgroups setgroups(size: i32, list: UserRef<u32>) Full "" => sys_setgroups;
}

const NGROUPS_MAX: i32 = 65_536;

/// Which half of the eight ids a call is about.
#[derive(Clone, Copy)]
enum Kind {
    User = 0,
    Group = 4,
}

impl Kind {
    fn capability(self) -> u32 {
        match self {
            Kind::User => CAP_SETUID,
            Kind::Group => CAP_SETGID,
        }
    }
}

fn get(cx: &Cx<'_>, kind: Kind) -> Ids {
    let all = cx.process().creds.lock().ids;
    core::array::from_fn(|i| all[kind as usize + i])
}

/// True when the caller has `cap` in its effective set.
pub fn capable(cx: &Cx<'_>, cap: u32) -> bool {
    cx.process().attrs.lock().caps.has(cap)
}

/// Changes one kind of ids as `change` says, given the present ones and whether the caller is privileged.
fn change(cx: &Cx<'_>, kind: Kind, change: impl FnOnce(Ids, bool) -> SysResult<Ids>) -> SysResult<usize> {
    let new = change(get(cx, kind), capable(cx, kind.capability()))?;
    let mut creds = cx.process().creds.lock().clone();
    creds.ids[kind as usize..][..4].copy_from_slice(&new);
    install(cx, creds)?;
    Ok(0)
}

/// Makes these the process's credentials, at the monitor first.
fn install(cx: &Cx<'_>, new: Creds) -> SysResult<()> {
    let old = cx.process().creds.lock().clone();
    if new == old {
        return Ok(());
    }
    let data: Vec<u8> = new.ids.iter().chain(&new.groups).flat_map(|id| id.to_le_bytes()).collect();
    cx.host().call_with(Op::SetCreds, &[], &data)?;
    // Others may be searched now, or no longer.
    cx.host().forget_names();
    // Effective and filesystem ids decide who may look into the process.
    let exposed = [1, 3, 5, 7].iter().any(|i| old.ids[*i] != new.ids[*i]);
    {
        let mut attrs = cx.process().attrs.lock();
        attrs.caps.ids_changed(&old.ids, &new.ids);
        if exposed {
            attrs.dumpable = false;
            attrs.death_signal = 0;
        }
    }
    *cx.process().creds.lock() = new;
    if exposed {
        cx.host().post(Op::SetAttr, &[3, 0], &[])?;
        cx.host().post(Op::SetAttr, &[2, 0], &[])?;
    }
    Ok(())
}

/// getuid(2).
fn sys_getuid(cx: &mut Cx<'_>) -> SysResult<usize> {
    Ok(get(cx, Kind::User)[0] as usize)
}

/// geteuid(2).
fn sys_geteuid(cx: &mut Cx<'_>) -> SysResult<usize> {
    Ok(get(cx, Kind::User)[1] as usize)
}

/// getgid(2).
fn sys_getgid(cx: &mut Cx<'_>) -> SysResult<usize> {
    Ok(get(cx, Kind::Group)[0] as usize)
}

/// getegid(2).
fn sys_getegid(cx: &mut Cx<'_>) -> SysResult<usize> {
    Ok(get(cx, Kind::Group)[1] as usize)
}

fn get_res(cx: &Cx<'_>, kind: Kind, to: [UserRef<u32>; 3]) -> SysResult<usize> {
    for (at, id) in to.into_iter().zip(get(cx, kind)) {
        cx.put(at, &id)?;
    }
    Ok(0)
}

/// getresuid(2).
fn sys_getresuid(cx: &mut Cx<'_>, r: UserRef<u32>, e: UserRef<u32>, s: UserRef<u32>) -> SysResult<usize> {
    get_res(cx, Kind::User, [r, e, s])
}

/// getresgid(2).
fn sys_getresgid(cx: &mut Cx<'_>, r: UserRef<u32>, e: UserRef<u32>, s: UserRef<u32>) -> SysResult<usize> {
    get_res(cx, Kind::Group, [r, e, s])
}

/// setuid(2).
fn sys_setuid(cx: &mut Cx<'_>, id: u32) -> SysResult<usize> {
    change(cx, Kind::User, |ids, privileged| ids::set(ids, id, privileged))
}

/// setgid(2).
fn sys_setgid(cx: &mut Cx<'_>, id: u32) -> SysResult<usize> {
    change(cx, Kind::Group, |ids, privileged| ids::set(ids, id, privileged))
}

/// setreuid(2).
fn sys_setreuid(cx: &mut Cx<'_>, r: u32, e: u32) -> SysResult<usize> {
    change(cx, Kind::User, |ids, privileged| ids::set_re(ids, r, e, privileged))
}

/// setregid(2).
fn sys_setregid(cx: &mut Cx<'_>, r: u32, e: u32) -> SysResult<usize> {
    change(cx, Kind::Group, |ids, privileged| ids::set_re(ids, r, e, privileged))
}

/// setresuid(2).
fn sys_setresuid(cx: &mut Cx<'_>, r: u32, e: u32, s: u32) -> SysResult<usize> {
    change(cx, Kind::User, |ids, privileged| ids::set_res(ids, [r, e, s], privileged))
}

/// setresgid(2).
fn sys_setresgid(cx: &mut Cx<'_>, r: u32, e: u32, s: u32) -> SysResult<usize> {
    change(cx, Kind::Group, |ids, privileged| ids::set_res(ids, [r, e, s], privileged))
}

fn set_fs(cx: &Cx<'_>, kind: Kind, id: u32) -> SysResult<usize> {
    let old = get(cx, kind)[3];
    change(cx, kind, |ids, privileged| Ok(ids::set_fs(ids, id, privileged)))?;
    Ok(old as usize)
}

/// setfsuid(2): gives the old id, whatever happens.
fn sys_setfsuid(cx: &mut Cx<'_>, id: u32) -> SysResult<usize> {
    set_fs(cx, Kind::User, id)
}

/// setfsgid(2).
fn sys_setfsgid(cx: &mut Cx<'_>, id: u32) -> SysResult<usize> {
    set_fs(cx, Kind::Group, id)
}

/// getgroups(2).
fn sys_getgroups(cx: &mut Cx<'_>, size: i32, list: UserRef<u32>) -> SysResult<usize> {
    let groups = cx.process().creds.lock().groups.clone();
    if size < 0 || (size != 0 && (size as usize) < groups.len()) {
        return Err(Errno::EINVAL);
    }
    if size != 0 {
        for (i, g) in groups.iter().enumerate() {
            cx.put(list.add(i)?, g)?;
        }
    }
    Ok(groups.len())
}

/// setgroups(2): Linux keeps the list sorted.
fn sys_setgroups(cx: &mut Cx<'_>, size: i32, list: UserRef<u32>) -> SysResult<usize> {
    if !capable(cx, CAP_SETGID) {
        return Err(Errno::EPERM);
    }
    if !(0..=NGROUPS_MAX).contains(&size) {
        return Err(Errno::EINVAL);
    }
    let mut groups = Vec::new();
    for i in 0..size as usize {
        groups.push(cx.get(list.add(i)?)?);
    }
    groups.sort_unstable();
    let creds = Creds { groups, ..cx.process().creds.lock().clone() };
    install(cx, creds)?;
    Ok(0)
}
