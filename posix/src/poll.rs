//! poll and select.

use abi::errno::{Errno, SysResult};
use abi::poll::*;
use abi::signal::SigSet;
use abi::time::{Timespec, Timeval};
use abi::user::UserRef;
use alloc::vec::Vec;
use process::signal::with_mask;
use process::wait_on::{Waiter, Wake};
use zerocopy::IntoBytes;

use crate::arg::{Addr, Fd};
use crate::cx::Cx;
use crate::epoll::{Until, mask_arg};

crate::syscalls! {
    SYS_poll poll(fds: Addr, nfds: u32, timeout: i32) Full "" => sys_poll;
    SYS_ppoll ppoll(fds: Addr, nfds: u32, timeout: UserRef<Timespec>, mask: UserRef<SigSet>, size: usize) Full "" => sys_ppoll;
    SYS_select select(nfds: i32, read: Addr, write: Addr, except: Addr, timeout: UserRef<Timeval>) Full "" => sys_select;
    SYS_pselect6 pselect6(nfds: i32, read: Addr, write: Addr, except: Addr, timeout: UserRef<Timespec>, mask: UserRef<SigSetArgPack>) Full "" => sys_pselect6;
}

/// Fills in what is ready; how many descriptors have something.
fn scan(cx: &Cx<'_>, fds: &mut [PollFd]) -> usize {
    let mut count = 0;
    for p in fds.iter_mut() {
        p.revents = match cx.file(Fd(p.fd)) {
            _ if p.fd < 0 => 0,
            Err(_) => POLLNVAL,
            Ok(file) => {
                let want = PollEvents::from_bits_retain(p.events) | PollEvents::ALWAYS;
                (file.poll(want, false) & want).bits()
            }
        };
        count += usize::from(p.revents != 0);
    }
    count
}

/// Waits until one of the descriptors is ready. ERESTARTNOHAND when a signal comes.
fn wait(cx: &Cx<'_>, fds: &mut [PollFd], until: Until) -> SysResult<usize> {
    cx.kernel.sched.poll_events();
    let count = scan(cx, fds);
    if count > 0 {
        return Ok(count);
    }
    let deadline = match until {
        Until::Now => return Ok(0),
        Until::Forever => None,
        Until::After(ns) => Some(cx.platform().monotonic().saturating_add(ns)),
    };
    let files: Vec<_> = fds.iter().filter_map(|p| cx.file(Fd(p.fd)).ok()).collect();
    let mut keys: Vec<u32> = Vec::new();
    for file in &files {
        keys.extend_from_slice(file.keys().as_slice());
    }
    keys.sort_unstable();
    keys.dedup();
    let waiter = Waiter::new(&keys);
    loop {
        let count = scan(cx, fds);
        if count > 0 || deadline.is_some_and(|d| cx.platform().monotonic() >= d) {
            return Ok(count);
        }
        let next = files.iter().filter_map(|f| f.deadline()).chain(deadline).min();
        if waiter.sleep(next, true) == Wake::Interrupted {
            return Err(Errno::ERESTARTNOHAND);
        }
    }
}

fn poll(cx: &Cx<'_>, at: Addr, nfds: u32, until: Until) -> SysResult<usize> {
    if u64::from(nfds) > cx.fd_limit() {
        return Err(Errno::EINVAL);
    }
    let mut fds = alloc::vec![PollFd::default(); nfds as usize];
    cx.read_bytes(at.0, fds.as_mut_bytes())?;
    let count = wait(cx, &mut fds, until)?;
    for (i, p) in fds.iter().enumerate() {
        let revents = at.0 + i * size_of::<PollFd>() + core::mem::offset_of!(PollFd, revents);
        cx.write_bytes(revents, &p.revents.to_ne_bytes())?;
    }
    Ok(count)
}

/// poll(2).
fn sys_poll(cx: &mut Cx<'_>, fds: Addr, nfds: u32, timeout: i32) -> SysResult<usize> {
    poll(cx, fds, nfds, Until::from_ms(timeout))
}

/// Writes back what is left of a timeout; errors are ignored, as on Linux.
fn write_rest(cx: &Cx<'_>, at: u64, start: u64, limit: Option<u64>, micro: bool) {
    let Some(limit) = limit else { return };
    let left = limit.saturating_sub(cx.platform().monotonic().saturating_sub(start));
    let _ = if micro {
        cx.put(UserRef::new(at), &Timeval::from_ns(left))
    } else {
        cx.put(UserRef::new(at), &Timespec::from_ns(left))
    };
}

/// ppoll(2).
fn sys_ppoll(
    cx: &mut Cx<'_>,
    fds: Addr,
    nfds: u32,
    timeout: UserRef<Timespec>,
    mask: UserRef<SigSet>,
    size: usize,
) -> SysResult<usize> {
    let start = cx.platform().monotonic();
    let limit = cx.get_opt(timeout)?.map(Timespec::to_ns).transpose()?;
    let mask = mask_arg(cx, mask, size)?;
    let result = with_mask(cx.thread(), mask, || poll(cx, fds, nfds, Until::from_ns(limit)));
    write_rest(cx, timeout.addr(), start, limit, false);
    result
}

/// The three sets of select(2), and which conditions each asks for.
struct Sets {
    bytes: usize,
    at: [Addr; 3],
    bits: [Vec<u64>; 3],
}

/// Descriptors that select(2) looks at though the table of open ones ends before: the size of a grown table on Linux.
const TABLE: usize = 256;

const ASKED: [PollEvents; 3] = [PollEvents::SELECT_READ, PollEvents::SELECT_WRITE, PollEvents::SELECT_EXCEPT];

impl Sets {
    fn read(cx: &Cx<'_>, nfds: i32, at: [Addr; 3]) -> SysResult<Self> {
        let nfds = usize::try_from(nfds).map_err(|_| Errno::EINVAL)?;
        // Descriptors beyond the highest open one are not looked at.
        let highest = cx.process().fds.list().last().map_or(0, |fd| *fd as usize + 1);
        let bytes = fd_set_bytes(nfds.min(highest.max(TABLE)));
        let mut bits = [const { Vec::new() }; 3];
        for (set, at) in bits.iter_mut().zip(at).filter(|(_, at)| at.0 != 0) {
            set.resize(bytes / 8, 0u64);
            cx.read_bytes(at.0, set.as_mut_slice().as_mut_bytes())?;
            let over = (bytes * 8).saturating_sub(nfds);
            if let Some(last) = set.last_mut().filter(|_| over > 0) {
                *last &= u64::MAX.checked_shr(over as u32).unwrap_or(0);
            }
        }
        Ok(Self { bytes, at, bits })
    }

    fn get(set: &[u64], fd: usize) -> bool {
        set.get(fd / 64).is_some_and(|w| w & 1 << (fd % 64) != 0)
    }

    fn fds(&self) -> Vec<PollFd> {
        let mut fds = Vec::new();
        for fd in 0..self.bytes * 8 {
            let mut want = PollEvents::empty();
            for (set, asked) in self.bits.iter().zip(ASKED) {
                if Self::get(set, fd) {
                    want |= asked;
                }
            }
            if !want.is_empty() {
                fds.push(PollFd { fd: fd as i32, events: want.bits(), revents: 0 });
            }
        }
        fds
    }

    fn write(&mut self, cx: &Cx<'_>, fds: &[PollFd]) -> SysResult<usize> {
        let mut count = 0;
        for ((set, asked), at) in self.bits.iter_mut().zip(ASKED).zip(self.at).filter(|(_, at)| at.0 != 0) {
            let old = core::mem::replace(set, alloc::vec![0; self.bytes / 8]);
            for p in fds {
                let fd = p.fd as usize;
                if p.revents & asked.bits() != 0 && Self::get(&old, fd) {
                    set[fd / 64] |= 1 << (fd % 64);
                    count += 1;
                }
            }
            cx.write_bytes(at.0, set.as_bytes())?;
        }
        Ok(count)
    }
}

fn select(cx: &Cx<'_>, nfds: i32, at: [Addr; 3], until: Until) -> SysResult<usize> {
    let mut sets = Sets::read(cx, nfds, at)?;
    let mut fds = sets.fds();
    if fds.iter().any(|p| cx.file(Fd(p.fd)).is_err()) {
        return Err(Errno::EBADF);
    }
    // What was not asked for does not count as ready.
    select_wait(cx, &mut fds, until)?;
    sets.write(cx, &fds)
}

fn select_wait(cx: &Cx<'_>, fds: &mut [PollFd], until: Until) -> SysResult<()> {
    wait(cx, fds, until).map(|_| ())
}

/// select(2).
fn sys_select(
    cx: &mut Cx<'_>,
    nfds: i32,
    read: Addr,
    write: Addr,
    except: Addr,
    timeout: UserRef<Timeval>,
) -> SysResult<usize> {
    let start = cx.platform().monotonic();
    let limit = match cx.get_opt(timeout)? {
        None => None,
        Some(t) if t.tv_sec < 0 || t.tv_usec < 0 => return Err(Errno::EINVAL),
        // Microseconds beyond a second are carried over, as on Linux.
        Some(t) => Some(
            (t.tv_sec as u64)
                .saturating_mul(1_000_000_000)
                .saturating_add((t.tv_usec as u64).saturating_mul(1000)),
        ),
    };
    let result = select(cx, nfds, [read, write, except], Until::from_ns(limit));
    write_rest(cx, timeout.addr(), start, limit, true);
    result
}

/// pselect6(2).
fn sys_pselect6(
    cx: &mut Cx<'_>,
    nfds: i32,
    read: Addr,
    write: Addr,
    except: Addr,
    timeout: UserRef<Timespec>,
    mask: UserRef<SigSetArgPack>,
) -> SysResult<usize> {
    let start = cx.platform().monotonic();
    let limit = cx.get_opt(timeout)?.map(Timespec::to_ns).transpose()?;
    let mask = match cx.get_opt(mask)? {
        None => None,
        Some(pack) => mask_arg(cx, UserRef::new(pack.mask), pack.size as usize)?,
    };
    let result =
        with_mask(cx.thread(), mask, || select(cx, nfds, [read, write, except], Until::from_ns(limit)));
    write_rest(cx, timeout.addr(), start, limit, false);
    result
}
