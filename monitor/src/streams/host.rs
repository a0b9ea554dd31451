//! The host's standard streams. They may be files, pipes, sockets or a terminal, and others outside the family use
//! the same open descriptions: their flags are left alone, and waiting is done without O_NONBLOCK.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use abi::fs::{O_ACCMODE, O_APPEND, OpenFlags, S_IFMT, S_IFSOCK, Stat};
use abi::poll::{POLLERR, POLLHUP, POLLIN, POLLOUT};
use abi::signal::{SIGTTIN, SIGTTOU};
use abi::{Errno, ioctl::TOSTOP};
use rustix::event::epoll::EventFlags;
use rustix::event::{PollFd, PollFlags, Timespec, poll as host_poll};
use rustix::fs::SeekFrom;
use rustix::io::{Errno as HostErrno, ReadWriteFlags};

use super::{StreamId, Terminal, jobs};
use crate::call::{Answer, Call, OpResult};
use crate::family::Family;
use crate::poller::Token;

/// POSIX promises that poll(2) saying "writable" means room for this much in a pipe.
const SAFE_WRITE: usize = 4096;

/// How a stream is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// A file, or a device that epoll refuses: always ready.
    Ready,
    /// Pipes and character devices.
    Poll,
    Socket,
    Terminal,
}

/// One of them.
pub(super) struct HostStream {
    file: OwnedFd,
    class: Class,
    pub object: u32,
    /// As F_GETFL gave them, without O_NONBLOCK: that is the caller's business.
    pub flags: u32,
    /// Member slots to be told when it is ready.
    armed: Vec<u32>,
    /// In the poller, and for what it waits at present.
    watched: Option<EventFlags>,
}

impl HostStream {
    /// The host's descriptor 0, 1 or 2. One that is closed, and stdin unless it is passed on, is /dev/null.
    pub fn open(fam: &mut Family, fd: i32) -> Result<Self, Errno> {
        // SAFETY: the descriptor is only borrowed for the duplication; whether it is open is what that tells.
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        let pass = fd != 0 || fam.streams.interactive;
        let file = match rustix::io::fcntl_dupfd_cloexec(borrowed, 10) {
            Ok(file) if pass => file,
            _ => null()?,
        };
        Self::of(fam, file)
    }

    fn of(fam: &mut Family, file: OwnedFd) -> Result<Self, Errno> {
        let mode = rustix::fs::fstat(&file).map_err(errno)?.st_mode;
        let flags = rustix::fs::fcntl_getfl(&file).map_err(errno)?.bits();
        let class = if mode & S_IFMT == S_IFSOCK {
            Class::Socket
        } else if rustix::termios::isatty(&file) {
            Class::Terminal
        } else {
            // Whether epoll takes it is the question; it is added for real when someone waits.
            let takes = fam.poller.add(&file, Token::Stream(u64::MAX), EventFlags::ONESHOT);
            if takes.is_ok() {
                let _ = fam.poller.remove(&file);
                Class::Poll
            } else {
                Class::Ready
            }
        };
        let object = fam.objects.alloc()?;
        let flags = flags & (O_ACCMODE | O_APPEND);
        Ok(Self { file, class, object, flags, armed: Vec::new(), watched: None })
    }

    /// The host's terminal once more, for /dev/tty.
    pub fn reopen_tty(fam: &mut Family) -> Result<u32, Errno> {
        let file = fam
            .streams
            .hosts
            .iter()
            .find(|(_, s)| s.is_tty())
            .map(|(_, s)| s.file.try_clone())
            .unwrap_or_else(|| {
                std::fs::File::options().read(true).write(true).open("/dev/tty").map(OwnedFd::from)
            })
            .map_err(|_| Errno::ENXIO)?;
        let stream = Self::of(fam, file)?;
        Ok(fam.streams.hosts.insert(stream))
    }

    /// The same host file once more, for /proc/PID/fd/N. It shares the host's offset. EACCES for a way of access that the
    /// first opening does not have.
    pub fn again(fam: &mut Family, id: u32, flags: u32) -> Result<u32, Errno> {
        let s = fam.streams.hosts.get(id).ok_or(Errno::ENXIO)?;
        let (has, wants) = (OpenFlags::from_bits_retain(s.flags), OpenFlags::from_bits_retain(flags));
        if (wants.readable() && !has.readable()) || (wants.writable() && !has.writable()) {
            return Err(Errno::EACCES);
        }
        let file = s.file.try_clone().map_err(|_| Errno::ENFILE)?;
        let stream = Self::of(fam, file)?;
        Ok(fam.streams.hosts.insert(stream))
    }

    pub fn is_tty(&self) -> bool {
        self.class == Class::Terminal
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    pub fn stat(&self) -> Stat {
        let Ok(s) = rustix::fs::fstat(&self.file) else { return Stat::default() };
        Stat {
            st_dev: s.st_dev,
            st_ino: s.st_ino,
            st_nlink: s.st_nlink,
            st_mode: s.st_mode,
            st_uid: s.st_uid,
            st_gid: s.st_gid,
            st_rdev: s.st_rdev,
            st_size: s.st_size,
            st_blksize: s.st_blksize,
            st_blocks: s.st_blocks,
            st_atime: s.st_atime,
            st_atime_nsec: s.st_atime_nsec as i64,
            st_mtime: s.st_mtime,
            st_mtime_nsec: s.st_mtime_nsec as i64,
            st_ctime: s.st_ctime,
            st_ctime_nsec: s.st_ctime_nsec as i64,
            ..Stat::default()
        }
    }

    /// What poll(2) says right now.
    fn ready_now(&self, wanted: PollFlags) -> PollFlags {
        if self.class == Class::Ready {
            return wanted & (PollFlags::IN | PollFlags::OUT);
        }
        let mut fds = [PollFd::new(&self.file, wanted)];
        match host_poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            Ok(_) => fds[0].revents(),
            Err(_) => PollFlags::empty(),
        }
    }

    fn try_read(&self, buf: &mut [u8]) -> Result<usize, HostErrno> {
        match self.class {
            Class::Ready => rustix::io::read(&self.file, buf),
            Class::Socket => {
                rustix::net::recv(&self.file, buf, rustix::net::RecvFlags::DONTWAIT).map(|(n, _)| n)
            }
            Class::Poll => {
                let mut bufs = [IoSliceMut::new(buf)];
                match rustix::io::preadv2(&self.file, &mut bufs, u64::MAX, ReadWriteFlags::NOWAIT) {
                    Err(HostErrno::OPNOTSUPP | HostErrno::SPIPE) => self.polled_read(buf),
                    done => done,
                }
            }
            Class::Terminal => self.polled_read(buf),
        }
    }

    fn polled_read(&self, buf: &mut [u8]) -> Result<usize, HostErrno> {
        if self.ready_now(PollFlags::IN).is_empty() {
            return Err(HostErrno::AGAIN);
        }
        rustix::io::read(&self.file, buf)
    }

    fn try_write(&self, data: &[u8]) -> Result<usize, HostErrno> {
        match self.class {
            Class::Ready => rustix::io::write(&self.file, data),
            Class::Socket => rustix::net::send(
                &self.file,
                data,
                rustix::net::SendFlags::DONTWAIT | rustix::net::SendFlags::NOSIGNAL,
            ),
            Class::Poll | Class::Terminal => {
                let mut done = 0;
                for piece in data.chunks(SAFE_WRITE) {
                    if !self.ready_now(PollFlags::OUT).intersects(PollFlags::OUT | PollFlags::ERR) {
                        break;
                    }
                    match rustix::io::write(&self.file, piece) {
                        Ok(n) => done += n,
                        Err(e) if done == 0 => return Err(e),
                        Err(_) => break,
                    }
                }
                if done == 0 && !data.is_empty() { Err(HostErrno::AGAIN) } else { Ok(done) }
            }
        }
    }
}

fn null() -> Result<OwnedFd, Errno> {
    let file = std::fs::File::options().read(true).write(true).open("/dev/null");
    file.map(OwnedFd::from).map_err(|_| Errno::ENXIO)
}

/// The same number on both sides.
pub(crate) fn errno(e: HostErrno) -> Errno {
    Errno(e.raw_os_error())
}

/// Member `slot` is told when the stream is ready for `what`.
fn arm(fam: &mut Family, id: StreamId, slot: u32, what: EventFlags) {
    let Some(s) = fam.streams.hosts.get_mut(id.0) else { return };
    if !s.armed.contains(&slot) {
        s.armed.push(slot);
    }
    let before = s.watched;
    let want = before.unwrap_or(EventFlags::empty()) | what | EventFlags::ONESHOT;
    if before == Some(want) {
        return;
    }
    s.watched = Some(want);
    let token = Token::Stream(id.0.into());
    let done = match before {
        None => fam.poller.add(&s.file, token, want),
        Some(_) => fam.poller.modify(&s.file, token, want),
    };
    if done.is_err() {
        // Ready as far as anyone can tell.
        ready(fam, id.0);
    }
}

/// The poller found it ready: everyone who waits looks again.
pub(super) fn ready(fam: &mut Family, id: u32) {
    let Some(s) = fam.streams.hosts.get_mut(id) else { return };
    s.watched = s.watched.map(|_| EventFlags::ONESHOT);
    let object = s.object;
    for slot in std::mem::take(&mut s.armed) {
        fam.notify(slot, object);
    }
}

/// read(2).
pub(super) fn read(fam: &mut Family, call: &Call, id: StreamId, max: usize) -> Result<Vec<u8>, Errno> {
    if fam.streams.hosts.get(id.0).ok_or(Errno::EBADF)?.is_tty() {
        jobs::check_background(fam, call, Terminal::Host, SIGTTIN)?;
    }
    let s = fam.streams.hosts.get(id.0).ok_or(Errno::EBADF)?;
    let mut buf = vec![0; max];
    match s.try_read(&mut buf) {
        Ok(n) => {
            buf.truncate(n);
            Ok(buf)
        }
        Err(HostErrno::AGAIN | HostErrno::INTR) => {
            arm(fam, id, call.slot, EventFlags::IN);
            Err(Errno::EAGAIN)
        }
        Err(e) => Err(errno(e)),
    }
}

/// write(2).
pub(super) fn write(fam: &mut Family, call: &Call, id: StreamId, data: &[u8]) -> Result<usize, Errno> {
    let s = fam.streams.hosts.get(id.0).ok_or(Errno::EBADF)?;
    if s.is_tty() && super::host_tty::local_flags(s.fd()) & TOSTOP != 0 {
        jobs::check_background(fam, call, Terminal::Host, SIGTTOU)?;
    }
    let s = fam.streams.hosts.get(id.0).ok_or(Errno::EBADF)?;
    match s.try_write(data) {
        Ok(n) => Ok(n),
        Err(HostErrno::AGAIN | HostErrno::INTR) => {
            arm(fam, id, call.slot, EventFlags::OUT);
            Err(Errno::EAGAIN)
        }
        Err(e) => Err(errno(e)),
    }
}

/// poll(2): what it is ready for; the caller's member hears of a change.
pub(super) fn poll(fam: &mut Family, call: &Call, id: StreamId) -> Result<u16, Errno> {
    let s = fam.streams.hosts.get(id.0).ok_or(Errno::EBADF)?;
    let mut wanted = PollFlags::empty();
    let mut watch = EventFlags::empty();
    if s.flags & O_ACCMODE != abi::fs::O_WRONLY {
        wanted |= PollFlags::IN;
    }
    if s.flags & O_ACCMODE != abi::fs::O_RDONLY {
        wanted |= PollFlags::OUT;
    }
    let now = s.ready_now(wanted);
    let mut bits = 0;
    for (host, watched, bit) in [
        (PollFlags::IN, EventFlags::IN, POLLIN),
        (PollFlags::OUT, EventFlags::OUT, POLLOUT),
        (PollFlags::ERR, EventFlags::empty(), POLLERR),
        (PollFlags::HUP, EventFlags::empty(), POLLHUP),
    ] {
        if now.contains(host) {
            bits |= bit;
        } else if wanted.contains(host) {
            watch |= watched;
        }
    }
    // What is ready would fire at once; only what is not yet is waited for.
    if !watch.is_empty() && bits & (POLLERR | POLLHUP) == 0 {
        arm(fam, id, call.slot, watch);
    }
    Ok(bits)
}

/// lseek(2) on a redirected file; the host's own description moves, as it would for any other program.
pub(super) fn seek(fam: &mut Family, call: &Call, id: StreamId) -> OpResult {
    let s = fam.streams.hosts.get(id.0).ok_or(Errno::EBADF)?;
    let offset = call.arg(1) as i64;
    let to = match call.arg32(2)? {
        abi::fs::SEEK_SET => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::EINVAL)?),
        abi::fs::SEEK_CUR => SeekFrom::Current(offset),
        abi::fs::SEEK_END => SeekFrom::End(offset),
        _ => return Err(Errno::EINVAL),
    };
    let at = rustix::fs::seek(&s.file, to).map_err(errno)?;
    Ok(Answer::value(at))
}

/// Device number of the host's terminal.
pub(super) fn tty_device(fam: &Family) -> u64 {
    fam.streams.hosts.iter().find(|(_, s)| s.is_tty()).map_or(0, |(_, s)| s.stat().st_rdev)
}
