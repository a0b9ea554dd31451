//! epoll, epoll(7).

use abi::errno::{Errno, SysResult};
use abi::poll::*;
use abi::signal::SigSet;
use abi::time::Timespec;
use abi::user::UserRef;
use process::signal::with_mask;
use process::wait_on::{Waiter, Wake};
use vfs::epoll::Epoll;
use vfs::file::{LocalFile, OpenFile};
use zerocopy::IntoBytes;

use crate::arg::{Addr, Fd};
use crate::cx::Cx;

crate::syscalls! {
    SYS_epoll_create epoll_create(size: i32) Partial "as epoll_create1" => sys_epoll_create;
    SYS_epoll_create1 epoll_create1(flags: u32) Partial "an edge of a file that is no pipe, socket or timer may be reported to each of several processes that hold the instance; a file that its process closes while another holds it is watched on only if the instance has several holders too" => sys_epoll_create1;
    SYS_epoll_ctl epoll_ctl(epfd: Fd, op: i32, fd: Fd, event: UserRef<EpollEvent>) Full "" => sys_epoll_ctl;
    SYS_epoll_wait epoll_wait(epfd: Fd, events: Addr, maxevents: i32, timeout: i32) Full "" => sys_epoll_wait;
    SYS_epoll_pwait epoll_pwait(epfd: Fd, events: Addr, maxevents: i32, timeout: i32, mask: UserRef<SigSet>, size: usize) Full "" => sys_epoll_pwait;
    SYS_epoll_pwait2 epoll_pwait2(epfd: Fd, events: Addr, maxevents: i32, timeout: UserRef<Timespec>, mask: UserRef<SigSet>, size: usize) Full "" => sys_epoll_pwait2;
}

/// epoll_create(2): the size is only checked.
fn sys_epoll_create(cx: &mut Cx<'_>, size: i32) -> SysResult<usize> {
    if size <= 0 {
        return Err(Errno::EINVAL);
    }
    sys_epoll_create1(cx, 0)
}

/// epoll_create1(2).
fn sys_epoll_create1(cx: &mut Cx<'_>, flags: u32) -> SysResult<usize> {
    if flags & !EPOLL_CLOEXEC != 0 {
        return Err(Errno::EINVAL);
    }
    let file = OpenFile::local(cx.host(), Epoll::new(cx.host()), abi::fs::O_RDWR);
    cx.install(file, flags & EPOLL_CLOEXEC != 0)
}

/// epoll_ctl(2).
fn sys_epoll_ctl(cx: &mut Cx<'_>, epfd: Fd, op: i32, fd: Fd, event: UserRef<EpollEvent>) -> SysResult<usize> {
    let event = if op == EPOLL_CTL_DEL { EpollEvent::default() } else { cx.get(event)? };
    let instance = cx.file(epfd)?;
    let file = cx.file(fd)?;
    if !file.pollable() {
        return Err(Errno::EPERM);
    }
    let epoll = Epoll::of(&instance)?;
    if alloc::sync::Arc::ptr_eq(&instance, &file) {
        return Err(Errno::EINVAL);
    }
    match op {
        EPOLL_CTL_ADD => epoll.add(fd.0, &file, event)?,
        EPOLL_CTL_MOD => epoll.modify(fd.0, &file, event)?,
        EPOLL_CTL_DEL => epoll.remove(fd.0, &file)?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

/// Waits for events until `deadline`, or not at all.
fn wait(cx: &Cx<'_>, epfd: Fd, at: Addr, max: i32, until: Until) -> SysResult<usize> {
    if !(1..=EPOLL_MAX_EVENTS).contains(&max) {
        return Err(Errno::EINVAL);
    }
    let file = cx.file(epfd)?;
    let epoll = Epoll::of(&file)?;
    let step = || {
        let mut at = at.0;
        epoll.collect(max as usize, &mut |event| {
            cx.write_bytes(at, event.as_bytes())?;
            at += size_of::<EpollEvent>();
            Ok(())
        })
    };
    cx.kernel.sched.poll_events();
    match step()? {
        0 => {}
        n => return Ok(n),
    }
    let deadline = match until {
        Until::Now => return Ok(0),
        Until::Forever => None,
        Until::After(ns) => Some(cx.platform().monotonic().saturating_add(ns)),
    };
    let waiter = Waiter::new(&[epoll.key()]);
    loop {
        match step()? {
            0 => {}
            n => return Ok(n),
        }
        if deadline.is_some_and(|d| cx.platform().monotonic() >= d) {
            return Ok(0);
        }
        let timer = epoll.deadline(cx.host());
        let sleep_until = match (deadline, timer) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        if waiter.sleep(sleep_until, true) == Wake::Interrupted {
            return Err(Errno::EINTR);
        }
    }
}

/// How long a call waits.
#[derive(Clone, Copy)]
pub enum Until {
    Now,
    Forever,
    After(u64),
}

impl Until {
    /// From milliseconds; negative is for ever.
    pub fn from_ms(ms: i32) -> Self {
        match ms {
            0 => Until::Now,
            ms if ms < 0 => Until::Forever,
            ms => Until::After(ms as u64 * 1_000_000),
        }
    }

    /// From nanoseconds, if there is a limit.
    pub fn from_ns(ns: Option<u64>) -> Self {
        match ns {
            None => Until::Forever,
            Some(0) => Until::Now,
            Some(ns) => Until::After(ns),
        }
    }
}

/// A signal mask argument: EINVAL for a set of another size.
pub fn mask_arg(cx: &Cx<'_>, mask: UserRef<SigSet>, size: usize) -> SysResult<Option<SigSet>> {
    if mask.is_null() {
        return Ok(None);
    }
    if size != size_of::<SigSet>() {
        return Err(Errno::EINVAL);
    }
    cx.get(mask).map(Some)
}

/// epoll_wait(2).
fn sys_epoll_wait(cx: &mut Cx<'_>, epfd: Fd, events: Addr, max: i32, timeout: i32) -> SysResult<usize> {
    wait(cx, epfd, events, max, Until::from_ms(timeout))
}

/// epoll_pwait(2).
fn sys_epoll_pwait(
    cx: &mut Cx<'_>,
    epfd: Fd,
    events: Addr,
    max: i32,
    timeout: i32,
    mask: UserRef<SigSet>,
    size: usize,
) -> SysResult<usize> {
    let mask = mask_arg(cx, mask, size)?;
    with_mask(cx.thread(), mask, || wait(cx, epfd, events, max, Until::from_ms(timeout)))
}

/// epoll_pwait2(2).
fn sys_epoll_pwait2(
    cx: &mut Cx<'_>,
    epfd: Fd,
    events: Addr,
    max: i32,
    timeout: UserRef<Timespec>,
    mask: UserRef<SigSet>,
    size: usize,
) -> SysResult<usize> {
    let limit = cx.get_opt(timeout)?.map(Timespec::to_ns).transpose()?;
    let mask = mask_arg(cx, mask, size)?;
    with_mask(cx.thread(), mask, || wait(cx, epfd, events, max, Until::from_ns(limit)))
}
