//! Pseudo terminals, pty(7): `/dev/ptmx`, `/dev/pts/N`. The line discipline is `vfs::tty`.

use abi::Errno;
use abi::fs::{O_NOCTTY, S_IFCHR, Stat};
use abi::ioctl::{TOSTOP, Termios};
use abi::poll::{POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI};
use abi::process::CAP_SYS_ADMIN;
use abi::signal::{SIGTTIN, SIGTTOU};
use vfs::tty::{Clocked, Effects, Got, Tty};

use super::{Terminal, jobs};
use crate::call::Call;
use crate::clock::{monotonic_ns, wall_seconds};
use crate::descs::Body;
use crate::family::Family;

/// The largest number of ptys (`/proc/sys/kernel/pty/max`).
const PTY_MAX: u32 = 4096;
/// Device numbers: `/dev/ptmx` is 5:2, slaves are 136 and up, 256 each.
const PTMX_DEVICE: u64 = makedev(5, 2);
const SLAVE_MAJOR: u64 = 136;
/// `st_dev` of devpts.
const DEVPTS_DEV: u64 = 24;
/// The group that owns slaves ("tty"), and their mode.
const SLAVE_GROUP: u32 = 5;
const SLAVE_MODE: u32 = 0o620;

const fn makedev(major: u64, minor: u64) -> u64 {
    (minor & 0xff) | major << 8 | (minor & !0xff) << 12
}

/// Device number of a slave.
pub(super) const fn slave_device(n: u32) -> u64 {
    makedev(SLAVE_MAJOR + (n as u64 >> 8), n as u64 & 0xff)
}

/// One end of a pty: a reference that [`release_pty`] gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PtyEnd {
    pub n: u32,
    pub master: bool,
    /// Which incarnation of the slave this is: those from before a hang-up stay dead.
    generation: u32,
}

/// A pty.
pub(super) struct Pty {
    pub tty: Tty,
    pub object: u32,
    /// False once the master is closed.
    pub master: bool,
    pub slaves: u32,
    /// The slave was open and is not: the master sees EIO.
    pub other_closed: bool,
    /// TIOCSPTLCK: the slave cannot be opened yet.
    pub locked: bool,
    /// TIOCEXCL: it can be opened by the superuser only.
    pub exclusive: bool,
    /// TIOCSLCKTRMIOS: the settings that stay as they are.
    pub fixed: Termios,
    generation: u32,
    armed: Vec<u32>,
    /// When a read that VTIME bounds must look again.
    pub wake_at: Option<u64>,
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    created: i64,
}

/// Opens a new pair: the master's end. ENOSPC when there are too many.
pub fn open_ptmx(fam: &mut Family, pid: u32) -> Result<PtyEnd, Errno> {
    let n = (0..PTY_MAX).find(|n| !fam.streams.ptys.contains_key(n)).ok_or(Errno::ENOSPC)?;
    let uid = fam.procs.get(pid).map_or(0, |p| p.creds.fsuid);
    let pty = Pty {
        tty: Tty::new(),
        object: fam.objects.alloc()?,
        master: true,
        slaves: 0,
        other_closed: false,
        locked: true,
        exclusive: false,
        fixed: Termios::default(),
        generation: 0,
        armed: Vec::new(),
        wake_at: None,
        uid,
        gid: SLAVE_GROUP,
        mode: SLAVE_MODE,
        created: wall_seconds(),
    };
    fam.streams.ptys.insert(n, pty);
    Ok(PtyEnd { n, master: true, generation: 0 })
}

/// Opens slave `n` with open(2)'s flags: ENXIO when there is none, EIO while it is locked.
pub fn open_pts(fam: &mut Family, pid: u32, n: u32, flags: u32) -> Result<PtyEnd, Errno> {
    let privileged = fam.procs.get(pid).is_ok_and(|p| p.creds.has(CAP_SYS_ADMIN));
    let p = fam.streams.ptys.get(&n).ok_or(Errno::ENXIO)?;
    if p.exclusive && p.slaves > 0 && !privileged {
        return Err(Errno::EBUSY);
    }
    let end = open_slave(fam, n)?;
    if flags & O_NOCTTY == 0 {
        jobs::adopt(fam, Terminal::Pty(n), pid);
    }
    Ok(end)
}

pub(super) fn open_slave(fam: &mut Family, n: u32) -> Result<PtyEnd, Errno> {
    let p = fam.streams.ptys.get_mut(&n).filter(|p| p.master).ok_or(Errno::EIO)?;
    if p.locked {
        return Err(Errno::EIO);
    }
    p.slaves += 1;
    p.other_closed = false;
    let generation = p.generation;
    wake(fam, n);
    Ok(PtyEnd { n, master: false, generation })
}

/// Slaves that exist, for `/dev/pts`.
pub fn pts_list(fam: &Family) -> Vec<u32> {
    fam.streams.ptys.iter().filter(|(_, p)| p.master).map(|(n, _)| *n).collect()
}

/// Owner, group and permission bits of slave `n`.
pub fn pts_attributes(fam: &Family, n: u32) -> Option<(u32, u32, u32)> {
    fam.streams.ptys.get(&n).filter(|p| p.master).map(|p| (p.uid, p.gid, p.mode))
}

/// Changes them.
pub fn set_pts_attributes(fam: &mut Family, n: u32, uid: u32, gid: u32, mode: u32) {
    if let Some(p) = fam.streams.ptys.get_mut(&n) {
        (p.uid, p.gid, p.mode) = (uid, gid, mode & 0o7777);
    }
}

/// The last reference to a pty's end is gone. Closing the master hangs the slave up.
pub fn release_pty(fam: &mut Family, end: PtyEnd) {
    let Some(p) = fam.streams.ptys.get_mut(&end.n) else { return };
    if end.master {
        p.master = false;
        hang_up_slaves(fam, end.n);
        jobs::hang_up(fam, Terminal::Pty(end.n));
    } else {
        p.slaves -= 1;
        if p.slaves == 0 {
            p.other_closed = true;
            p.exclusive = false;
        }
    }
    let unused = fam.streams.ptys.get(&end.n).is_some_and(|p| !p.master && p.slaves == 0);
    wake(fam, end.n);
    if unused && let Some(p) = fam.streams.ptys.remove(&end.n) {
        fam.objects.free(p.object);
    }
}

/// From now on the open slaves read the end and write EIO.
pub(super) fn hang_up_slaves(fam: &mut Family, n: u32) {
    if let Some(p) = fam.streams.ptys.get_mut(&n) {
        p.generation += 1;
    }
    wake(fam, n);
}

/// Object number of its readiness.
pub(super) fn object(fam: &Family, end: PtyEnd) -> u32 {
    fam.streams.ptys.get(&end.n).map_or(0, |p| p.object)
}

/// fstat(2).
pub(super) fn stat(fam: &Family, end: PtyEnd) -> Stat {
    let Some(p) = fam.streams.ptys.get(&end.n) else { return Stat::default() };
    let (uid, gid, mode) = if end.master { (0, SLAVE_GROUP, 0o666) } else { (p.uid, p.gid, p.mode) };
    Stat {
        st_dev: DEVPTS_DEV,
        st_ino: if end.master { 2 } else { u64::from(end.n) + 3 },
        st_nlink: 1,
        st_mode: S_IFCHR | mode,
        st_uid: uid,
        st_gid: gid,
        st_rdev: if end.master { PTMX_DEVICE } else { slave_device(end.n) },
        st_blksize: 1024,
        st_atime: p.created,
        st_mtime: p.created,
        st_ctime: p.created,
        ..Stat::default()
    }
}

/// Everyone who waits at either end looks again.
pub(super) fn wake(fam: &mut Family, n: u32) {
    let Some(p) = fam.streams.ptys.get_mut(&n) else { return };
    p.wake_at = None;
    let object = p.object;
    for slot in std::mem::take(&mut p.armed) {
        fam.notify(slot, object);
    }
}

impl Pty {
    /// This slave's end was hung up.
    pub fn dead(&self, end: PtyEnd) -> bool {
        !end.master && (!self.master || end.generation != self.generation)
    }

    fn arm(&mut self, slot: u32) {
        if !self.armed.contains(&slot) {
            self.armed.push(slot);
        }
    }
}

/// Carries out what the line discipline asks for.
pub(super) fn apply(fam: &mut Family, n: u32, effects: Effects) {
    let group = fam.streams.control.get(&Terminal::Pty(n)).map_or(0, |c| c.foreground);
    for signo in effects.signals() {
        jobs::signal_group(fam, group, signo);
    }
    wake(fam, n);
}

/// read(2).
pub(super) fn read(
    fam: &mut Family,
    call: &Call,
    end: PtyEnd,
    max: usize,
    nonblock: bool,
) -> Result<Vec<u8>, Errno> {
    if end.master {
        return read_master(fam, call, end, max);
    }
    if fam.streams.ptys.get(&end.n).ok_or(Errno::EIO)?.dead(end) {
        return Ok(Vec::new());
    }
    jobs::check_background(fam, call, Terminal::Pty(end.n), SIGTTIN)?;
    let since = super::read_began(fam, call);
    let p = fam.streams.ptys.get_mut(&end.n).ok_or(Errno::EIO)?;
    match p.tty.read(max, Clocked { now: monotonic_ns(), since, nonblock }) {
        Got::Bytes(bytes) => {
            fam.streams.reads.remove(&(call.pid, call.req.tid));
            wake(fam, end.n);
            Ok(bytes)
        }
        Got::Wait(until) => {
            p.arm(call.slot);
            p.wake_at = match (p.wake_at, until) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            Err(Errno::EAGAIN)
        }
    }
}

fn read_master(fam: &mut Family, call: &Call, end: PtyEnd, max: usize) -> Result<Vec<u8>, Errno> {
    let p = fam.streams.ptys.get_mut(&end.n).ok_or(Errno::EIO)?;
    let mut buf = vec![0; max];
    if let Some(n) = p.tty.master_read(&mut buf) {
        buf.truncate(n);
        wake(fam, end.n);
        return Ok(buf);
    }
    if max == 0 {
        return Ok(buf);
    }
    if p.other_closed {
        return Err(Errno::EIO);
    }
    p.arm(call.slot);
    Err(Errno::EAGAIN)
}

/// write(2).
pub(super) fn write(fam: &mut Family, call: &Call, end: PtyEnd, data: &[u8]) -> Result<usize, Errno> {
    let p = fam.streams.ptys.get_mut(&end.n).ok_or(Errno::EIO)?;
    if p.dead(end) {
        return Err(Errno::EIO);
    }
    let mut effects = Effects::default();
    if !end.master && p.tty.termios().c_lflag & TOSTOP != 0 {
        jobs::check_background(fam, call, Terminal::Pty(end.n), SIGTTOU)?;
    }
    let p = fam.streams.ptys.get_mut(&end.n).ok_or(Errno::EIO)?;
    let n = if end.master { p.tty.receive(data, monotonic_ns(), &mut effects) } else { p.tty.transmit(data) };
    if n == 0 && !data.is_empty() {
        p.arm(call.slot);
        return Err(Errno::EAGAIN);
    }
    apply(fam, end.n, effects);
    Ok(n)
}

/// poll(2); the caller's member hears of the next change.
pub(super) fn poll(fam: &mut Family, call: &Call, end: PtyEnd) -> u16 {
    let Some(p) = fam.streams.ptys.get_mut(&end.n) else { return POLLERR | POLLHUP };
    if p.dead(end) {
        return POLLIN | POLLOUT | POLLERR | POLLHUP;
    }
    p.arm(call.slot);
    let mut bits = 0;
    let mut set = |on: bool, bit: u16| {
        if on {
            bits |= bit;
        }
    };
    if end.master {
        set(p.tty.output_len() > 0 || p.tty.packet_status(), POLLIN);
        set(p.tty.packet_status(), POLLPRI);
        set(p.tty.can_receive(), POLLOUT);
        set(p.other_closed, POLLHUP);
    } else {
        set(p.tty.readable(), POLLIN);
        set(p.tty.can_transmit(), POLLOUT);
    }
    bits
}

/// The slave's end, opened by its master (TIOCGPTPEER): its description.
pub(super) fn open_peer(fam: &mut Family, call: &Call, n: u32, flags: u32) -> Result<u32, Errno> {
    let end = open_pts(fam, call.pid, n, flags)?;
    let keep = abi::fs::O_ACCMODE | abi::fs::O_NONBLOCK;
    let desc = fam.open_desc(call.pid, Body::Pty(end), flags & keep)?;
    super::name(fam, call.pid, desc, format!("/dev/pts/{n}").as_bytes());
    Ok(desc)
}
