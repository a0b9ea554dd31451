//! Open files: what a descriptor of this process refers to.
//!
//! An [`OpenFile`] stands for one description that the process holds at the monitor (however many descriptors name it),
//! or for something that lives in the member alone (epoll, signalfd). Operations are steps that never wait: one
//! that cannot go on arms what it waits for and answers EAGAIN.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use abi::errno::{Errno, SysResult};
use abi::fs::{O_NONBLOCK, OpenFlags, S_IFMT, Stat};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use platform::Platform;
use platform::sync::{Mutex, Rank};
use protocol::Op;
use protocol::desc::{DescInfo, Kind, ST_NO_DELEGATE, ST_TTY};

use crate::cache::Entry;
use crate::epoll::Epoll;
use crate::host::{Answer, Host, Watch};
use crate::io::IoBuf;
use crate::region::Held;

pub mod attach;
pub mod device;
mod eventfd;
mod local;
mod own;
mod pipe;
mod position;
mod ready;
mod regular;
mod shadow;
mod shared_state;
mod socket;
mod stream;
mod timerfd;

#[cfg(test)]
mod delegation_tests;
#[cfg(test)]
mod tests;

pub use attach::Attachment;
pub use local::LocalFile;
pub use own::{Own, OwnMaker};
pub use pipe::Pipe;
pub use ready::Keys;
pub use shadow::Shadow;
pub use socket::{Receive, Received, Socket};
pub use timerfd::TimerFd;

/// Who gets SIGIO, and which signal in its place: F_SETOWN, F_SETSIG; fcntl(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP.
    pub kind: i32,
    pub id: i32,
    pub signal: i32,
    pub uid: u32,
    pub euid: u32,
}

enum Body {
    File(regular::Regular),
    Dir,
    Device,
    Pipe(Pipe),
    EventFd(eventfd::EventFd),
    TimerFd(TimerFd),
    Socket(Socket),
    Stream,
    Path,
    Local(Arc<dyn LocalFile>),
    Own(Own),
    Shadow(Shadow),
}

/// What a descriptor refers to.
pub struct OpenFile {
    host: &'static Host,
    info: DescInfo,
    kind: Kind,
    body: Body,
    /// Status flags of a file that the monitor does not know.
    local_flags: AtomicU32,
    /// Another member holds it in this one's place, or the process is gone: no close is sent.
    given_away: AtomicBool,
    /// Locks of the description were taken here.
    locked: AtomicBool,
    owner: Mutex<Owner>,
    /// Epoll items that watch it.
    watches: Mutex<Vec<Weak<dyn Watch>>>,
}

impl OpenFile {
    /// The description that a reply names; `answer` is the reply, which may have brought its region. A file just opened
    /// (`fresh`) has its offset at 0 here.
    pub fn new(host: &'static Host, info: DescInfo, answer: Option<&Answer<'_>>, fresh: bool) -> Arc<Self> {
        let kind = Kind::from_u32(info.kind).unwrap_or(Kind::Path);
        // What cannot be attached now is tried again on first use.
        let place = || answer.and_then(|a| Attachment::of_answer(host, a, &info).ok()).unwrap_or_default();
        let body = match kind {
            Kind::File | Kind::Generated => {
                Body::File(regular::Regular::new(fresh.then_some(0), info.state & ST_NO_DELEGATE != 0))
            }
            Kind::Dir => Body::Dir,
            Kind::Null | Kind::Zero | Kind::Full | Kind::Random => Body::Device,
            Kind::Pipe => Body::Pipe(Pipe::new(place())),
            Kind::EventFd => Body::EventFd(eventfd::EventFd::default()),
            Kind::TimerFd => Body::TimerFd(TimerFd::default()),
            Kind::Stream | Kind::PidFd | Kind::MQueue => Body::Stream,
            Kind::Socket => Body::Socket(Socket::new(&info, place())),
            Kind::Epoll => Body::Local(Epoll::of_desc(host, info)),
            Kind::Path | Kind::Local => Body::Path,
        };
        let file = Arc::new(Self::make(host, info, kind, body, 0));
        match (&file.body, answer) {
            (Body::EventFd(e), Some(answer)) => e.attach(&file, answer),
            (Body::TimerFd(t), Some(answer)) => t.attach(&file, answer),
            _ => {}
        }
        file
    }

    /// A file that lives in this member alone.
    pub fn local(host: &'static Host, local: Arc<dyn LocalFile>, flags: u32) -> Arc<Self> {
        let info = DescInfo { mode: 0o600, ino: 1, dev: 0xe, ..DescInfo::default() };
        Arc::new(Self::make(host, info, Kind::Local, Body::Local(local), flags))
    }

    /// The line to the monitor.
    pub fn host(&self) -> &'static Host {
        self.host
    }

    /// The description's number; 0 for a local file. A cached file becomes a description of its own by this.
    pub fn desc(&self) -> u32 {
        match &self.body {
            Body::Shadow(s) => s.real(self).map_or(0, |real| real.info.desc),
            Body::Local(l) => l.shared().map_or(0, |info| info.desc),
            _ => self.info.desc,
        }
    }

    /// The same, but 0 for a cached file that is no description yet.
    pub fn known_desc(&self) -> u32 {
        match &self.body {
            Body::Shadow(s) => s.known().map_or(0, |real| real.info.desc),
            Body::Local(l) => l.shared().map_or(0, |info| info.desc),
            _ => self.info.desc,
        }
    }

    /// What another member needs to go on with this file; `None` for what lives in this one alone.
    pub fn boot_info(&self) -> Option<DescInfo> {
        if let Body::Local(l) = &self.body {
            return l.share().ok();
        }
        let desc = self.desc();
        (desc != 0).then_some(DescInfo { desc, ..self.info })
    }

    /// A cached file, opened for reading.
    pub(crate) fn shadow(host: &'static Host, entry: Arc<Entry>, flags: u32) -> Arc<Self> {
        let info = DescInfo { desc: 0, ..*entry.pin().info() };
        Arc::new(Self::make(host, info, Kind::File, Body::Shadow(Shadow::new(entry)), flags))
    }

    /// Status flags as this side has them.
    fn local_status(&self) -> u32 {
        self.local_flags.load(Ordering::Relaxed)
    }

    fn make(host: &'static Host, info: DescInfo, kind: Kind, body: Body, flags: u32) -> Self {
        Self {
            host,
            info,
            kind,
            body,
            local_flags: AtomicU32::new(flags),
            given_away: AtomicBool::new(false),
            locked: AtomicBool::new(false),
            owner: Mutex::new(Rank::Leaf, Owner::default()),
            watches: Mutex::new(Rank::Leaf, Vec::new()),
        }
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What the monitor told of it when it was opened.
    pub fn info(&self) -> &DescInfo {
        &self.info
    }

    /// File type bits of its mode.
    pub fn file_type(&self) -> u32 {
        self.info.mode & S_IFMT
    }

    /// The local file behind it.
    pub fn as_local(&self) -> Option<&Arc<dyn LocalFile>> {
        match &self.body {
            Body::Local(l) => Some(l),
            _ => None,
        }
    }

    /// The same file with content of our own.
    pub fn with_own_content(&self, maker: OwnMaker) -> Arc<Self> {
        let file = self.with_body(Body::Own(Own::new(maker)));
        self.give_away();
        file
    }

    /// getdents64(2): records that fit `room` bytes, where they are ours to make.
    pub fn own_entries(&self, room: usize) -> Option<SysResult<Vec<u8>>> {
        match &self.body {
            Body::Own(o) => Some(o.entries(room)),
            _ => None,
        }
    }

    /// The pipe's end.
    pub fn as_pipe(&self) -> Option<&Pipe> {
        match &self.body {
            Body::Pipe(p) => Some(p),
            _ => None,
        }
    }

    /// The timer.
    pub fn as_timer(&self) -> Option<&TimerFd> {
        match &self.body {
            Body::TimerFd(t) => Some(t),
            _ => None,
        }
    }

    /// The socket.
    pub fn as_socket(&self) -> Option<&Socket> {
        match &self.body {
            Body::Socket(s) => Some(s),
            _ => None,
        }
    }

    /// True for a terminal.
    pub fn is_tty(&self) -> bool {
        self.kind == Kind::Stream && self.info.state & ST_TTY != 0
    }

    /// Access mode and status flags as F_GETFL gives them.
    pub fn flags(&self) -> u32 {
        match &self.body {
            Body::Local(_) => self.local_status(),
            Body::Shadow(s) => s.known().map_or_else(|| self.local_status(), |real| real.flags()),
            _ => self.host.desc_state(self.info.desc).flags,
        }
    }

    /// [`OpenFile::flags`], typed.
    pub fn open_flags(&self) -> OpenFlags {
        OpenFlags::from_bits_retain(self.flags())
    }

    /// O_NONBLOCK is set.
    pub fn nonblocking(&self) -> bool {
        self.flags() & O_NONBLOCK != 0
    }

    /// F_SETFL: `flags` are the settable ones, all of them.
    pub fn set_flags(&self, flags: u32) -> SysResult<()> {
        if let Body::Local(_) = self.body {
            let keep = self.flags() & !OpenFlags::SETTABLE.bits();
            self.local_flags.store(keep | flags & OpenFlags::SETTABLE.bits(), Ordering::Relaxed);
            return Ok(());
        }
        self.host.call(Op::SetFlags, &[u64::from(self.desc()), u64::from(flags)]).map(|_| ())
    }

    /// Who gets SIGIO.
    pub fn owner(&self) -> Owner {
        *self.owner.lock()
    }

    /// Changes who gets SIGIO.
    pub fn set_owner(&self, change: impl FnOnce(&mut Owner)) {
        change(&mut self.owner.lock());
    }

    fn check(&self, allowed: fn(OpenFlags) -> bool) -> SysResult<()> {
        match self.body {
            Body::Path => Err(Errno::EBADF),
            Body::Local(_) => Ok(()),
            _ if allowed(self.open_flags()) => Ok(()),
            _ => Err(Errno::EBADF),
        }
    }

    /// EBADF unless it was opened for reading (or writing).
    pub fn may_transfer(&self, writing: bool) -> SysResult<()> {
        self.check(if writing { OpenFlags::writable } else { OpenFlags::readable })
    }

    /// A step of read(2); not of sockets, whose [`Socket::receive`] may bring more than bytes.
    pub fn read(&self, io: &mut IoBuf<'_>) -> SysResult<usize> {
        self.check(OpenFlags::readable)?;
        match &self.body {
            Body::File(r) => r.read(self, io),
            Body::Dir => Err(Errno::EISDIR),
            Body::Device => device::read(self.kind, self.host.platform, io),
            Body::Pipe(p) => p.read(self, io),
            Body::EventFd(e) => e.read(self, io),
            Body::TimerFd(t) => t.read(self, io),
            Body::Socket(_) => Err(Errno::EINVAL),
            Body::Stream => stream::read(self, io),
            Body::Path => Err(Errno::EBADF),
            Body::Local(l) => l.read(self.host, io),
            Body::Own(o) => o.read(io),
            Body::Shadow(s) => s.read(self, io),
        }
    }

    /// A step of write(2).
    pub fn write(&self, io: &mut IoBuf<'_>) -> SysResult<usize> {
        self.check(OpenFlags::writable)?;
        match &self.body {
            Body::File(r) => r.write(self, io),
            Body::Dir => Err(Errno::EISDIR),
            Body::Device => device::write(self.kind, io),
            Body::Pipe(p) => p.write(self, io),
            Body::EventFd(e) => e.write(self, io),
            Body::TimerFd(_) => Err(Errno::EINVAL),
            Body::Socket(s) => s.send(self, io),
            Body::Stream => stream::write(self, io),
            Body::Path => Err(Errno::EBADF),
            Body::Local(l) => l.write(self.host, io),
            Body::Own(_) => Err(Errno::EIO),
            Body::Shadow(_) => Err(Errno::EBADF),
        }
    }

    /// True if it has places: otherwise pread(2), pwrite(2) and lseek(2) answer ESPIPE.
    pub fn seekable(&self) -> bool {
        !matches!(self.body, Body::Pipe(_) | Body::Socket(_) | Body::Stream)
    }

    /// pread(2).
    pub fn read_at(&self, io: &mut IoBuf<'_>, at: u64) -> SysResult<usize> {
        match &self.body {
            Body::Path => Err(Errno::EBADF),
            _ if !self.seekable() => Err(Errno::ESPIPE),
            Body::File(r) => self.check(OpenFlags::readable).and_then(|()| r.read_at(self, io, at)),
            Body::Own(o) => self.check(OpenFlags::readable).and_then(|()| o.read_at(io, at)),
            Body::Shadow(s) => s.read_at(self, io, at),
            _ => self.read(io),
        }
    }

    /// Hands bytes of a file to `take`, from an offset on, up to `len`; 0 at the end. EINVAL for what has no places.
    pub fn lend_at(
        &self,
        at: u64,
        len: usize,
        take: &mut dyn FnMut(&mut IoBuf<'_>) -> SysResult<usize>,
    ) -> SysResult<usize> {
        self.check(OpenFlags::readable)?;
        match &self.body {
            Body::File(r) => return r.lend_at(self, at, len, take),
            Body::Shadow(s) => return s.lend_at(self, at, len, take),
            _ => {}
        }
        if !matches!(self.body, Body::Own(_) | Body::Device) {
            return Err(Errno::EINVAL);
        }
        let mut bytes = alloc::vec![0; len.min(0x1_0000)];
        let n = self.read_at(&mut IoBuf::target(&mut bytes), at)?;
        if n == 0 { Ok(0) } else { take(&mut IoBuf::source(&bytes[..n])) }
    }

    /// pwrite(2). `append`: at the end, whatever `at` says.
    pub fn write_at(&self, io: &mut IoBuf<'_>, at: u64, append: bool) -> SysResult<usize> {
        match &self.body {
            Body::Path => Err(Errno::EBADF),
            _ if !self.seekable() => Err(Errno::ESPIPE),
            Body::File(r) => {
                self.check(OpenFlags::writable)?;
                r.write_at(self, io, at, append || self.flags() & abi::fs::O_APPEND != 0)
            }
            _ => self.write(io),
        }
    }

    /// Reads the file's content for the kernel itself (exec, private mappings).
    pub fn read_at_kernel(&self, at: u64, to: &mut [u8]) -> SysResult<usize> {
        match &self.body {
            Body::File(r) => r.read_at(self, &mut IoBuf::target(to), at),
            Body::Shadow(s) => s.read_at(self, &mut IoBuf::target(to), at),
            Body::Dir => Err(Errno::EISDIR),
            _ => Err(Errno::EACCES),
        }
    }

    /// The region of a regular file's pages, for mmap(2): ENODEV for what has none. `write`: for a shared writable
    /// mapping. Permissions are the caller's to check ([`OpenFile::open_flags`]).
    pub fn region_for_map(&self, write: bool) -> SysResult<Arc<Held>> {
        if !matches!(self.body, Body::File(_) | Body::Shadow(_)) || self.kind != Kind::File {
            return Err(Errno::ENODEV);
        }
        loop {
            let answer = self.host.call(Op::FileRegion, &[u64::from(self.desc()), u64::from(write)])?;
            match Held::take(self.host, answer.region(0).ok_or(Errno::ENODEV)?) {
                Err(Errno::EAGAIN) => {}
                Err(e) => return Err(e),
                Ok(held) => {
                    held.set_name(&answer.to_vec());
                    return Ok(held);
                }
            }
        }
    }

    /// lseek(2).
    pub fn seek(&self, off: i64, whence: u32) -> SysResult<u64> {
        match &self.body {
            Body::Path => Err(Errno::EBADF),
            _ if !self.seekable() => Err(Errno::ESPIPE),
            _ if whence > abi::fs::SEEK_HOLE => Err(Errno::EINVAL),
            Body::File(r) => r.seek(self, off, whence),
            Body::Dir => regular::seek_shared(self, off, whence),
            Body::Own(o) => o.seek(off, whence),
            Body::Shadow(s) => s.seek(self, off, whence),
            _ => Ok(0),
        }
    }

    /// fstat(2).
    pub fn stat(&self) -> SysResult<Stat> {
        match &self.body {
            Body::Shadow(s) => s.stat(self),
            Body::Local(_) => Ok(Stat {
                st_dev: self.info.dev,
                st_ino: self.info.ino,
                st_nlink: 1,
                st_mode: self.info.mode,
                st_blksize: 4096,
                ..Stat::default()
            }),
            _ => self.stat_desc(),
        }
    }

    /// True if a blocking write(2) goes on until all is written.
    pub fn is_stream(&self) -> bool {
        match &self.body {
            Body::Socket(s) => s.is_stream(),
            Body::Pipe(_) | Body::Stream => true,
            _ => false,
        }
    }

    /// When a blocking read (or write) that begins now gives up: SO_RCVTIMEO, SO_SNDTIMEO; socket(7).
    pub fn timeout(&self, clock: &dyn Platform, reading: bool) -> Option<u64> {
        let limit = self.as_socket()?.timeout(reading)?;
        Some(clock.monotonic().saturating_add(limit))
    }

    /// Before the description gets another holder (fork, SCM_RIGHTS): gives its offset back to the monitor, or its list.
    pub fn recall(&self) {
        match &self.body {
            Body::File(r) => r.recall(self),
            Body::Shadow(s) => s.recall(self),
            // What cannot be shared is copied.
            Body::Local(l) => drop(l.share()),
            _ => {}
        }
    }

    /// The offset that a file's next read or write uses.
    pub fn tell(&self) -> SysResult<u64> {
        match &self.body {
            Body::File(r) => r.tell(self),
            Body::Shadow(s) => s.seek(self, 0, abi::fs::SEEK_CUR),
            _ => Ok(0),
        }
    }

    /// A lock that belongs to the description was taken: its end is waited for at the last close.
    pub fn note_lock(&self) {
        match &self.body {
            Body::Shadow(s) => s.known().into_iter().for_each(|real| real.note_lock()),
            _ => self.locked.store(true, Ordering::Relaxed),
        }
    }

    /// Closing the last descriptor changes something for others: an end of file, a released lock, a file written.
    fn close_shows(&self) -> bool {
        match self.body {
            Body::Pipe(_) | Body::Socket(_) | Body::Stream => true,
            Body::File(_) => self.locked.load(Ordering::Relaxed) || self.open_flags().writable(),
            _ => false,
        }
    }

    /// The process that this object was made for holds the description no longer, or elsewhere: dropping it sends nothing.
    pub fn give_away(&self) {
        if let Body::Shadow(s) = &self.body {
            s.known().into_iter().for_each(|real| real.give_away());
        }
        self.given_away.store(true, Ordering::Relaxed);
    }

    /// The same description for another process of this member (a vfork child), which the monitor has made a holder.
    pub fn for_child(&self) -> Arc<Self> {
        let body = match &self.body {
            Body::File(_) => Body::File(regular::Regular::new(None, self.info.state & ST_NO_DELEGATE != 0)),
            Body::Dir => Body::Dir,
            Body::Device => Body::Device,
            Body::Pipe(_) => Body::Pipe(Pipe::new(Attachment::default())),
            Body::EventFd(_) => Body::EventFd(eventfd::EventFd::default()),
            Body::TimerFd(_) => Body::TimerFd(TimerFd::default()),
            Body::Socket(s) => Body::Socket(s.for_child()),
            Body::Stream => Body::Stream,
            Body::Path => Body::Path,
            Body::Local(l) => Body::Local(l.clone()),
            Body::Own(o) => Body::Own(Own::new(o.maker())),
            Body::Shadow(s) => match s.known() {
                Some(real) => return real.for_child(),
                None => Body::Path,
            },
        };
        self.with_body(body)
    }

    fn with_body(&self, body: Body) -> Arc<Self> {
        let flags = self.local_flags.load(Ordering::Relaxed);
        let copy = Self::make(self.host, self.info, self.kind, body, flags);
        let owner = self.owner();
        copy.set_owner(|o| *o = owner);
        Arc::new(copy)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let watches = core::mem::take(&mut *self.watches.lock());
        watches.iter().filter_map(Weak::upgrade).for_each(|w| w.gone());
        let desc = match &self.body {
            Body::Local(_) => self.known_desc(),
            _ => self.info.desc,
        };
        if desc == 0 || *self.given_away.get_mut() {
            return;
        }
        let desc = [u64::from(desc)];
        if self.close_shows() && self.host.desc_state(self.info.desc).holders <= 1 {
            // Others see the end before close(2) returns.
            let _ = self.host.call(Op::Close, &desc);
        } else {
            // NOREPLY without data cannot fail.
            let _ = self.host.post(Op::Close, &desc, &[]);
        }
    }
}
