//! Standard streams of the host, and terminals: ptys, the host's own terminal, controlling terminals and job control.
//!
//! Nothing is read from the host before a guest's read asks for it: what the guest leaves stays for the caller's shell.

mod host;
mod host_tty;
mod jobs;
mod pty;
mod pty_ioctl;

use std::collections::BTreeMap;

use abi::Errno;
use abi::fs::{O_ACCMODE, O_RDWR, S_IFCHR, Stat};
use protocol::desc::{DescInfo, Kind, ST_TTY};
use rustix::event::epoll::EventFlags;
use vfs::server::Dir;

use crate::call::{Answer, Call, OpResult};
use crate::clock::monotonic_ns;
use crate::config::Config;
use crate::descs::Body;
use crate::family::Family;
use crate::fs;
use crate::slab::Slab;

pub(crate) use host::errno;
pub use jobs::{controlling, foreground, process_ended, session_ended};
pub use pty::{PtyEnd, open_ptmx, open_pts, pts_attributes, pts_list, release_pty, set_pts_attributes};

/// A host stream (stdin, stdout, stderr).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// A terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Terminal {
    /// The one that the user sits at.
    Host,
    Pty(u32),
}

/// All streams of a family.
#[derive(Default)]
pub struct Server {
    hosts: Slab<host::HostStream>,
    ptys: BTreeMap<u32, pty::Pty>,
    control: BTreeMap<Terminal, jobs::Control>,
    /// Processes that gave up their session's terminal (TIOCNOTTY) alone.
    detached: std::collections::BTreeSet<u32>,
    /// When the reads began that VTIME bounds, by process and thread.
    reads: BTreeMap<(u32, u32), u64>,
    saved_termios: Option<host_tty::Saved>,
    interactive: bool,
}

impl Server {
    /// Looks at the host's standard streams; nothing is opened yet.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        Ok(Self { interactive: config.interactive, ..Self::default() })
    }
}

/// Opens the first program's descriptors 0, 1 and 2, held by `pid`: description numbers.
pub fn open_stdio(fam: &mut Family, pid: u32) -> Result<[u32; 3], Errno> {
    let mut descs = [0; 3];
    for (fd, desc) in (0..).zip(&mut descs) {
        let stream = host::HostStream::open(fam, fd)?;
        let (flags, tty) = (stream.flags, stream.is_tty());
        let id = StreamId(fam.streams.hosts.insert(stream));
        *desc = fam.open_desc(pid, Body::Stream(id), flags)?;
        if tty {
            if fam.streams.saved_termios.is_none() {
                fam.streams.saved_termios = host_tty::Saved::of(fd);
            }
            jobs::begin(fam, Terminal::Host, pid);
            name(fam, pid, *desc, b"/dev/console");
        }
    }
    Ok(descs)
}

/// The description is known by the name of a device: what ttyname(3) and procfs show, if the process's root has it.
fn name(fam: &mut Family, pid: u32, desc: u32, path: &[u8]) {
    let found =
        fs::with_process(fam, pid, pid, fs::Ids::Fs, |cx, vfs| vfs.find(cx, &Dir::Cwd, path, true, false));
    if let Ok(found) = found {
        fs::Named::insert(fam, desc, found.loc);
    }
}

/// The process's controlling terminal, opened anew (`/dev/tty`): ENXIO without one.
pub fn open_controlling(fam: &mut Family, pid: u32) -> Result<Body, Errno> {
    match jobs::terminal_of(fam, pid).ok_or(Errno::ENXIO)? {
        Terminal::Host => Ok(Body::Stream(StreamId(host::HostStream::reopen_tty(fam)?))),
        Terminal::Pty(n) => pty::open_slave(fam, n).map(Body::Pty),
    }
}

/// A stream or terminal opened anew by a description of it (/proc/PID/fd/N).
pub fn reopen(fam: &mut Family, pid: u32, body: &Body, flags: u32) -> Result<Body, Errno> {
    match body {
        Body::Stream(id) => Ok(Body::Stream(StreamId(host::HostStream::again(fam, id.0, flags)?))),
        // The master's /proc link leads to /dev/ptmx: opening it makes a new pair.
        Body::Pty(end) if end.master => open_ptmx(fam, pid).map(Body::Pty),
        Body::Pty(end) => open_pts(fam, pid, end.n, flags).map(Body::Pty),
        _ => Err(Errno::ENXIO),
    }
}

/// The last reference to a stream is gone.
pub fn release(fam: &mut Family, id: StreamId) {
    if let Some(s) = fam.streams.hosts.remove(id.0) {
        fam.objects.free(s.object);
    }
}

/// What members are told of a stream or pty (`desc` and `flags` are filled in by the caller).
pub fn info(fam: &mut Family, desc: u32) -> DescInfo {
    let Some(body) = fam.descs.any(desc).map(|d| &d.body) else { return DescInfo::default() };
    let stat = stat(fam, body);
    let (object, state) = match body {
        Body::Stream(id) => match fam.streams.hosts.get(id.0) {
            Some(s) => (s.object, if s.is_tty() { ST_TTY } else { 0 }),
            None => return DescInfo::default(),
        },
        Body::Pty(end) => (pty::object(fam, *end), ST_TTY),
        _ => return DescInfo::default(),
    };
    DescInfo {
        kind: Kind::Stream as u32,
        object,
        state,
        mode: stat.st_mode,
        ino: stat.st_ino,
        dev: stat.st_dev,
        rdev: stat.st_rdev,
        size: stat.st_size as u64,
        ..DescInfo::default()
    }
}

/// fstat(2) of a stream or pty.
pub fn stat(fam: &Family, body: &Body) -> Stat {
    match body {
        Body::Stream(id) => fam.streams.hosts.get(id.0).map(|s| s.stat()).unwrap_or_default(),
        Body::Pty(end) => pty::stat(fam, *end),
        _ => Stat { st_mode: S_IFCHR, ..Stat::default() },
    }
}

/// `Op::Read`.
pub fn read(fam: &mut Family, call: &Call, max: usize) -> OpResult {
    let desc = fam.descs.get(call.arg32(0)?, call.pid)?;
    if desc.flags & O_ACCMODE == abi::fs::O_WRONLY {
        return Err(Errno::EBADF);
    }
    let max = max.min(protocol::control::SLOT_DATA);
    let nonblock = desc.flags & abi::fs::O_NONBLOCK != 0;
    let data = match desc.body {
        Body::Stream(id) => host::read(fam, call, id, max)?,
        Body::Pty(end) => pty::read(fam, call, end, max, nonblock)?,
        _ => return Err(Errno::EINVAL),
    };
    Ok(Answer::value(data.len() as i64).with_data(data))
}

/// `Op::Write`.
pub fn write(fam: &mut Family, call: &Call, data: &[u8]) -> OpResult {
    let desc = fam.descs.get(call.arg32(0)?, call.pid)?;
    if desc.flags & O_ACCMODE == abi::fs::O_RDONLY {
        return Err(Errno::EBADF);
    }
    let n = match desc.body {
        Body::Stream(id) => host::write(fam, call, id, data)?,
        Body::Pty(end) => pty::write(fam, call, end, data)?,
        _ => return Err(Errno::EINVAL),
    };
    Ok(Answer::value(n as i64))
}

/// `Op::PollDesc`.
pub fn poll(fam: &mut Family, call: &Call) -> OpResult {
    let bits = match fam.descs.get(call.arg32(0)?, call.pid)?.body {
        Body::Stream(id) => host::poll(fam, call, id)?,
        Body::Pty(end) => pty::poll(fam, call, end),
        _ => return Err(Errno::EINVAL),
    };
    Ok(Answer::value(i64::from(bits)))
}

/// `Op::IoCtl`.
pub fn ioctl(fam: &mut Family, call: &Call) -> OpResult {
    let cmd = call.arg32(1)?;
    match fam.descs.get(call.arg32(0)?, call.pid)?.body {
        Body::Stream(id) => host_tty::ioctl(fam, call, id, cmd),
        Body::Pty(end) => pty_ioctl::ioctl(fam, call, end, cmd),
        _ => Err(Errno::ENOTTY),
    }
}

/// `Op::Seek` and positioned transfers: only a host stream that is a file can do it.
pub fn seek(fam: &mut Family, call: &Call) -> OpResult {
    match fam.descs.get(call.arg32(0)?, call.pid)?.body {
        Body::Stream(id) => host::seek(fam, call, id),
        _ => Err(Errno::ESPIPE),
    }
}

/// A host stream added with `Token::Stream(id)` is ready.
pub fn host_ready(fam: &mut Family, id: u64, _ready: EventFlags) {
    host::ready(fam, id as u32);
}

/// The host's SIGWINCH: the terminal has another size.
pub fn window_changed(fam: &mut Family) {
    if let Some(pgid) = foreground(fam) {
        jobs::signal_group(fam, pgid, abi::signal::SIGWINCH);
    }
}

/// Puts the host's terminal back as it was; also called when the family ends early.
pub fn restore(fam: &mut Family) {
    if let Some(saved) = fam.streams.saved_termios.take() {
        saved.restore();
    }
}

/// The family calls [`on_timer`] no later than this monotonic time.
pub fn next_deadline(fam: &Family) -> Option<u64> {
    fam.streams.ptys.values().filter_map(|p| p.wake_at).min()
}

/// The deadline has passed: reads that VTIME bounds look again.
pub fn on_timer(fam: &mut Family, now: u64) {
    let due: Vec<_> = fam
        .streams
        .ptys
        .iter()
        .filter(|(_, p)| p.wake_at.is_some_and(|t| t <= now))
        .map(|(n, _)| *n)
        .collect();
    for n in due {
        pty::wake(fam, n);
    }
}

/// When the read(2) of this request began.
fn read_began(fam: &mut Family, call: &Call) -> u64 {
    let (key, now) = ((call.pid, call.req.tid), monotonic_ns());
    if call.arg(6) == 0 {
        fam.streams.reads.insert(key, now);
        return now;
    }
    *fam.streams.reads.entry(key).or_insert(now)
}

/// The access mode of a terminal that is opened anew.
pub const TTY_FLAGS: u32 = O_RDWR;
