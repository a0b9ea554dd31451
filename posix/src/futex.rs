//! futex(2), robust lists, set_tid_address(2), futex_waitv.

use abi::errno::{Errno, SysResult};
use abi::process::*;
use abi::time::{CLOCK_MONOTONIC, CLOCK_REALTIME, Timespec};
use abi::user::UserRef;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use process::futex::{self, ANY, Place, Want};
use process::timer::Clock;

use crate::arg::Addr;
use crate::cx::Cx;

crate::syscalls! {
    SYS_futex futex(addr: Addr, op: u32, value: u32, timeout: u64, addr2: Addr, value3: u32) Partial "no FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI" => sys_futex;
    SYS_futex_waitv futex_waitv(waiters: UserRef<FutexWaitv>, count: u32, flags: u32, timeout: UserRef<Timespec>, clock: i32) Full "" => sys_futex_waitv;
    SYS_set_robust_list set_robust_list(head: Addr, size: usize) Full "" => sys_set_robust_list;
    SYS_get_robust_list get_robust_list(tid: i32, head: UserRef<u64>, size: UserRef<u64>) Full "" => sys_get_robust_list;
    SYS_set_tid_address set_tid_address(addr: Addr) Full "" => sys_set_tid_address;
}

/// One futex call, decoded.
struct Call<'c, 'f> {
    cx: &'c Cx<'f>,
    op: u32,
    addr: usize,
    value: u32,
    /// A timeout's address, or a second number.
    raw: u64,
    addr2: usize,
    value3: u32,
}

/// futex(2).
fn sys_futex(
    cx: &mut Cx<'_>,
    addr: Addr,
    op: u32,
    value: u32,
    raw: u64,
    addr2: Addr,
    value3: u32,
) -> SysResult<usize> {
    let command = op & FUTEX_CMD_MASK;
    let clock_allowed = [FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_LOCK_PI2].contains(&command);
    if op & FUTEX_CLOCK_REALTIME != 0 && !clock_allowed {
        return Err(Errno::ENOSYS);
    }
    let call = Call { cx, op, addr: addr.0, value, raw, addr2: addr2.0, value3 };
    match command {
        FUTEX_WAIT => call.wait(ANY),
        FUTEX_WAIT_BITSET => call.wait(value3),
        FUTEX_WAKE => call.wake(ANY),
        FUTEX_WAKE_BITSET => call.wake(value3),
        FUTEX_REQUEUE => call.requeue(None),
        FUTEX_CMP_REQUEUE => call.requeue(Some(value3)),
        FUTEX_WAKE_OP => call.wake_op(),
        FUTEX_LOCK_PI | FUTEX_LOCK_PI2 => call.lock_pi(false),
        FUTEX_TRYLOCK_PI => call.lock_pi(true),
        FUTEX_UNLOCK_PI => {
            futex::unlock_pi(cx.thread(), call.place(call.addr)?, call.addr)?;
            Ok(0)
        }
        _ => Err(Errno::ENOSYS),
    }
}

/// How many to wake: Linux wakes one before it looks at the number.
fn count(n: u32) -> usize {
    (n as i32).max(1) as usize
}

impl Call<'_, '_> {
    fn place(&self, addr: usize) -> SysResult<Place> {
        futex::place(&self.cx.process().mm, addr, self.op & FUTEX_PRIVATE_FLAG != 0)
    }

    /// The deadline in monotonic time: FUTEX_WAIT's is relative, the others' absolute.
    fn deadline(&self) -> SysResult<Option<u64>> {
        let Some(time) = self.cx.get_opt(UserRef::<Timespec>::new(self.raw))? else { return Ok(None) };
        let ns = time.to_ns()?;
        let command = self.op & FUTEX_CMD_MASK;
        let wall = self.op & FUTEX_CLOCK_REALTIME != 0 || command == FUTEX_LOCK_PI;
        Ok(Some(match command {
            FUTEX_WAIT => self.cx.platform().monotonic().saturating_add(ns),
            _ if wall => Clock::Wall.to_monotonic(ns),
            _ => ns,
        }))
    }

    fn wait(&self, bitset: u32) -> SysResult<usize> {
        if bitset == 0 {
            return Err(Errno::EINVAL);
        }
        let deadline = self.deadline()?;
        let want = Want { place: self.place(self.addr)?, addr: self.addr, value: self.value, bitset };
        wait_restartable(want, deadline)
    }

    fn wake(&self, bitset: u32) -> SysResult<usize> {
        if bitset == 0 {
            return Err(Errno::EINVAL);
        }
        futex::wake(self.place(self.addr)?, count(self.value), bitset)
    }

    fn requeue(&self, expected: Option<u32>) -> SysResult<usize> {
        let (woken, moved) = (self.value as i32, self.raw as i32);
        if woken < 0 || moved < 0 {
            return Err(Errno::EINVAL);
        }
        let (from, to) = (self.place(self.addr)?, self.place(self.addr2)?);
        let found = self.cx.platform().load_u32(self.addr).map_err(|_| Errno::EFAULT)?;
        if expected.is_some_and(|e| e != found) {
            return Err(Errno::EAGAIN);
        }
        futex::requeue(from, to, woken as usize, moved as usize)
    }

    fn wake_op(&self) -> SysResult<usize> {
        let (first, second) = (self.place(self.addr)?, self.place(self.addr2)?);
        let (most, most2) = (count(self.value), count(self.raw as u32));
        futex::wake_op(first, most, second, most2, self.addr2, self.value3)
    }

    fn lock_pi(&self, only_try: bool) -> SysResult<usize> {
        let deadline = if only_try { None } else { self.deadline()? };
        futex::lock_pi(self.cx.thread(), self.place(self.addr)?, self.addr, deadline, only_try)?;
        Ok(0)
    }
}

/// A wait with a timeout that a signal without a handler interrupts goes on to the same end.
fn wait_restartable(want: Want, deadline: Option<u64>) -> SysResult<usize> {
    match futex::wait(&[want], deadline) {
        Ok(_) => Ok(0),
        Err(Errno::ERESTARTSYS) if deadline.is_some() => {
            let go_on = move || wait_restartable(want, deadline);
            Err(process::kernel::current().signals.restart_with(Box::new(go_on)))
        }
        Err(e) => Err(e),
    }
}

/// futex_waitv: waits for any of several futexes.
fn sys_futex_waitv(
    cx: &mut Cx<'_>,
    waiters: UserRef<FutexWaitv>,
    count: u32,
    flags: u32,
    timeout: UserRef<Timespec>,
    clock: i32,
) -> SysResult<usize> {
    let sane = flags == 0 && count != 0 && count as usize <= FUTEX_WAITV_MAX && !waiters.is_null();
    if !sane {
        return Err(Errno::EINVAL);
    }
    let deadline = match cx.get_opt(timeout)? {
        None => None,
        Some(t) => Some(match clock {
            CLOCK_MONOTONIC => t.to_ns()?,
            CLOCK_REALTIME => Clock::Wall.to_monotonic(t.to_ns()?),
            _ => return Err(Errno::EINVAL),
        }),
    };
    let mut wants = Vec::new();
    for i in 0..count as usize {
        let w = cx.get(waiters.add(i)?)?;
        let known = FUTEX2_SIZE_MASK | FUTEX2_PRIVATE;
        if w.reserved != 0 || w.flags & !known != 0 || w.flags & FUTEX2_SIZE_MASK != FUTEX2_SIZE_U32 {
            return Err(Errno::EINVAL);
        }
        let addr = w.uaddr as usize;
        let place = futex::place(&cx.process().mm, addr, w.flags & FUTEX2_PRIVATE != 0)?;
        wants.push(Want { place, addr, value: w.val as u32, bitset: ANY });
    }
    futex::wait(&wants, deadline)
}

/// set_robust_list(2).
fn sys_set_robust_list(cx: &mut Cx<'_>, head: Addr, size: usize) -> SysResult<usize> {
    if size != size_of::<RobustListHead>() {
        return Err(Errno::EINVAL);
    }
    cx.thread().robust_list.store(head.0, Ordering::Relaxed);
    Ok(0)
}

/// get_robust_list(2): of a thread of the calling process; others' memory could not be read anyway.
fn sys_get_robust_list(
    cx: &mut Cx<'_>,
    tid: i32,
    head: UserRef<u64>,
    size: UserRef<u64>,
) -> SysResult<usize> {
    let thread = match tid {
        0 => cx.thread().clone(),
        tid => process::signal::find_thread(cx.process(), tid as u32).ok_or(Errno::ESRCH)?,
    };
    cx.put(size, &(size_of::<RobustListHead>() as u64))?;
    cx.put(head, &(thread.robust_list.load(Ordering::Relaxed) as u64))?;
    Ok(0)
}

/// set_tid_address(2).
fn sys_set_tid_address(cx: &mut Cx<'_>, addr: Addr) -> SysResult<usize> {
    cx.thread().clear_child_tid.store(addr.0, Ordering::Relaxed);
    Ok(cx.thread().tid() as usize)
}
