//! What is special to x86-64: arch_prctl(2).

use abi::errno::{Errno, SysResult};
use abi::process::{ARCH_GET_CPUID, ARCH_GET_FS, ARCH_GET_GS, ARCH_SET_CPUID, ARCH_SET_FS, ARCH_SET_GS};
use abi::user::{USER_END, UserRef};

use crate::cx::Cx;

crate::syscalls! {
    SYS_arch_prctl arch_prctl(code: i32, addr: u64) Partial "the GS base belongs to the kernel; CPUID cannot be made to fault" => sys_arch_prctl;
}

/// arch_prctl(2).
fn sys_arch_prctl(cx: &mut Cx<'_>, code: i32, addr: u64) -> SysResult<usize> {
    match code {
        ARCH_SET_FS if addr >= USER_END => Err(Errno::EPERM),
        ARCH_SET_FS => {
            cx.platform().set_tls(addr as usize);
            Ok(0)
        }
        ARCH_GET_FS => cx.put(UserRef::new(addr), &(cx.platform().tls() as u64)).map(|()| 0),
        ARCH_SET_GS => Err(Errno::EPERM),
        ARCH_GET_GS => cx.put(UserRef::new(addr), &0u64).map(|()| 0),
        ARCH_GET_CPUID => Ok(1),
        ARCH_SET_CPUID if addr != 0 => Ok(0),
        ARCH_SET_CPUID => Err(Errno::ENODEV),
        _ => Err(Errno::EINVAL),
    }
}
