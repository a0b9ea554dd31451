//! The system as a program sees it: uname(2), sysinfo(2), getrandom(2), host names; and calls that administer a machine,
//! which a family is not given.

use abi::errno::{Errno, SysResult};
use abi::process::*;
use abi::time::NSEC_PER_SEC;
use abi::user::UserRef;
use protocol::wire::Reader;
use protocol::{OS_RELEASE, OS_VERSION, Op};

use crate::arg::Addr;
use crate::cx::Cx;

crate::syscalls! {
    SYS_uname uname(at: UserRef<Utsname>) Full "" => sys_uname;
    SYS_sysinfo sysinfo(at: UserRef<Sysinfo>) Full "" => sys_sysinfo;
    SYS_getrandom getrandom(at: Addr, len: usize, flags: u32) Full "" => sys_getrandom;
    SYS_sethostname sethostname(name: Addr, len: i32) Full "" => sys_sethostname;
    SYS_setdomainname setdomainname(name: Addr, len: i32) Full "" => sys_setdomainname;
    SYS_syslog syslog() Partial "EPERM" => not_permitted;
    SYS_reboot reboot() Partial "EPERM" => not_permitted;
    SYS_acct acct() Partial "EPERM" => not_permitted;
    SYS_swapon swapon() Partial "EPERM" => not_permitted;
    SYS_swapoff swapoff() Partial "EPERM" => not_permitted;
    SYS_init_module init_module() Partial "EPERM" => not_permitted;
    SYS_finit_module finit_module() Partial "EPERM" => not_permitted;
    SYS_delete_module delete_module() Partial "EPERM" => not_permitted;
    SYS_kexec_load kexec_load() Partial "EPERM" => not_permitted;
    SYS_iopl iopl() Partial "EPERM" => not_permitted;
    SYS_ioperm ioperm() Partial "EPERM" => not_permitted;
    SYS_vhangup vhangup() Partial "EPERM" => not_permitted;
    SYS_bpf bpf() Partial "EPERM" => not_permitted;
    SYS_perf_event_open perf_event_open() Partial "EPERM" => not_permitted;
    SYS_ptrace ptrace() Partial "EPERM" => not_permitted;
}

/// Longest request of getrandom(2) that Linux fills at once.
const RANDOM_MAX: usize = 33_554_431;

/// What only the machine's owner may do.
fn not_permitted(_cx: &mut Cx<'_>) -> SysResult<usize> {
    Err(Errno::EPERM)
}

fn field(text: &[u8]) -> [u8; UTS_FIELD] {
    let mut all = [0; UTS_FIELD];
    let n = text.len().min(UTS_FIELD - 1);
    all[..n].copy_from_slice(&text[..n]);
    all
}

/// uname(2).
fn sys_uname(cx: &mut Cx<'_>, at: UserRef<Utsname>) -> SysResult<usize> {
    let names = cx.host().call(Op::HostName, &[0])?.to_vec();
    let mut r = Reader::new(&names);
    let (node, domain) = (r.bytes().ok_or(Errno::EIO)?, r.bytes().ok_or(Errno::EIO)?);
    let name = Utsname {
        sysname: field(b"Linux"),
        nodename: field(node),
        release: field(OS_RELEASE.as_bytes()),
        version: field(OS_VERSION.as_bytes()),
        machine: field(b"x86_64"),
        domainname: field(domain),
    };
    cx.put(at, &name)?;
    Ok(0)
}

/// sysinfo(2).
fn sys_sysinfo(cx: &mut Cx<'_>, at: UserRef<Sysinfo>) -> SysResult<usize> {
    let a = cx.host().call(Op::SysInfo, &[])?;
    let info = Sysinfo {
        uptime: (a.value(3) / NSEC_PER_SEC) as i64,
        loads: [a.value(4), a.value(5), a.value(6)],
        totalram: a.value(1),
        freeram: a.value(2),
        procs: a.value(0) as u16,
        mem_unit: 1,
        ..Sysinfo::default()
    };
    cx.put(at, &info)?;
    Ok(0)
}

/// getrandom(2): the source is always ready.
fn sys_getrandom(cx: &mut Cx<'_>, at: Addr, len: usize, flags: u32) -> SysResult<usize> {
    let both = GRND_RANDOM | GRND_INSECURE;
    if flags & !(both | GRND_NONBLOCK) != 0 || flags & both == both {
        return Err(Errno::EINVAL);
    }
    let len = len.min(RANDOM_MAX);
    let mut done = 0;
    let mut chunk = [0u8; 256];
    while done < len {
        let n = (len - done).min(chunk.len());
        cx.platform().entropy(&mut chunk[..n]);
        match cx.write_bytes(at.0 + done, &chunk[..n]) {
            Ok(()) => done += n,
            Err(e) if done == 0 => return Err(e),
            Err(_) => break,
        }
    }
    Ok(done)
}

fn set_host_name(cx: &Cx<'_>, which: u64, name: Addr, len: i32) -> SysResult<usize> {
    if !crate::creds::capable(cx, CAP_SYS_ADMIN) {
        return Err(Errno::EPERM);
    }
    let len = usize::try_from(len).ok().filter(|n| *n < UTS_FIELD).ok_or(Errno::EINVAL)?;
    let mut buf = [0u8; UTS_FIELD];
    cx.read_bytes(name.0, &mut buf[..len])?;
    cx.host().call_with(Op::HostName, &[which], &buf[..len])?;
    Ok(0)
}

/// sethostname(2).
fn sys_sethostname(cx: &mut Cx<'_>, name: Addr, len: i32) -> SysResult<usize> {
    set_host_name(cx, 1, name, len)
}

/// setdomainname(2).
fn sys_setdomainname(cx: &mut Cx<'_>, name: Addr, len: i32) -> SysResult<usize> {
    set_host_name(cx, 2, name, len)
}
