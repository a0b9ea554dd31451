//! For tests: a member on the fake platform, with a monitor that knows pipes, eventfds and one kind of file.

use core::sync::atomic::{AtomicU32, Ordering};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::vec::Vec;

use abi::Errno;
use abi::fs::{O_APPEND, O_RDONLY, O_RDWR, O_WRONLY, SEEK_CUR, SEEK_SET, Stat};
use platform::fake::Fake;
use platform::{Events, RegionView};
use protocol::control::{RegionRef, Reply, Request};
use protocol::desc::{DescInfo, EVENTFD_REGION, EVENTFD_RING, Kind};
use protocol::family::{self, DescState};
use protocol::ring::{CLOSED_READ, CLOSED_WRITE, Ring, Side, size_of_ring};
use protocol::{FIRST_OBJECT, Op};
use zerocopy::IntoBytes;

use crate::file::OpenFile;
use crate::host::{Hooks, Host};

/// Data bytes of the lab's pipes.
pub const PIPE: u32 = 8192;

/// A file as the lab's monitor keeps it.
#[derive(Default)]
pub struct File {
    pub data: Vec<u8>,
    pub offset: u64,
    pub flags: u32,
}

#[derive(Default)]
struct Server {
    files: BTreeMap<u32, File>,
    closed: Vec<u32>,
    log: Vec<Op>,
}

/// A member and its monitor.
#[derive(Clone)]
pub struct Lab {
    pub fake: &'static Fake,
    pub host: &'static Host,
    server: Arc<Mutex<Server>>,
    next: Arc<AtomicU32>,
}

fn lock(m: &Mutex<Server>) -> MutexGuard<'_, Server> {
    m.lock().unwrap_or_else(|e| e.into_inner())
}

static KEYS: AtomicU32 = AtomicU32::new(protocol::MAX_OBJECTS);

const HOOKS: Hooks = Hooks {
    block: |_, done| assert!(done(), "a test has one thread: it must not wait"),
    caller: || (2, 2),
    wake: |_| {},
    local_key: || KEYS.fetch_add(1, Ordering::Relaxed),
    tty_mask: || 0,
};

impl Lab {
    /// A fresh member.
    pub fn new() -> Self {
        Self::member(Arc::default(), Arc::new(AtomicU32::new(1)))
    }

    /// Another member of the same family. What one is told of descriptions is published to it alone.
    pub fn beside(&self) -> Self {
        Self::member(self.server.clone(), self.next.clone())
    }

    fn member(server: Arc<Mutex<Server>>, next: Arc<AtomicU32>) -> Self {
        let answering = server.clone();
        let fake = Fake::new(std::boxed::Box::new(move |request, data| {
            let mut s = lock(&answering);
            s.log.extend(Op::from_u16(request.op));
            match s.answer(request, data) {
                Ok(done) => done,
                Err(e) => (Reply { ret: -i64::from(e.0), ..Reply::default() }, Vec::new()),
            }
        }));
        let host = std::boxed::Box::leak(std::boxed::Box::new(Host::new(fake, HOOKS)));
        Self { fake, host, server, next }
    }

    fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Publishes a description.
    pub fn publish(&self, desc: u32, flags: u32, holders: u32) {
        let (_, family) = self.fake.monitor_view();
        family::set_desc_state(family, desc, DescState { flags, holders, generation: 1, changes: 0 });
    }

    fn open(&self, info: DescInfo, flags: u32, fresh: bool) -> Arc<OpenFile> {
        self.publish(info.desc, flags, 1);
        OpenFile::new(self.host, DescInfo { flags, ..info }, None, fresh)
    }

    /// A pipe's read end, write end and ring.
    pub fn pipe(&self) -> (Arc<OpenFile>, Arc<OpenFile>, RegionView) {
        let (n, region) = (self.number(), self.number());
        let view = self.fake.add_region(region.into(), size_of_ring(PIPE));
        let object = FIRST_OBJECT + n;
        Ring::new(&view, 0, PIPE).init(object);
        let info = DescInfo {
            kind: Kind::Pipe as u32,
            object,
            region: region.into(),
            ring_cap: PIPE,
            ..DescInfo::default()
        };
        let end = |flags| {
            let desc = self.number();
            self.serve_region(desc, info);
            self.open(DescInfo { desc, ..info }, flags, true)
        };
        (end(O_RDONLY), end(O_WRONLY), view)
    }

    /// What the last close of an end does.
    pub fn end_of(&self, view: &RegionView, object: u32, bits: u32) {
        let ring = Ring::new(view, 0, PIPE);
        ring.close(bits);
        for side in [Side::Reader, Side::Writer] {
            ring.take_waiters(side, |slot| self.fake.notify(slot, object));
        }
    }

    /// All writers are gone.
    pub fn no_writer(&self, end: &OpenFile, view: &RegionView) {
        self.end_of(view, end.info().object, CLOSED_WRITE);
    }

    /// All readers are gone.
    pub fn no_reader(&self, end: &OpenFile, view: &RegionView) {
        self.end_of(view, end.info().object, CLOSED_READ);
    }

    /// An eventfd.
    pub fn eventfd(&self, flags: u32) -> Arc<OpenFile> {
        let (desc, region) = (self.number(), self.number());
        let view = self.fake.add_region(region.into(), EVENTFD_REGION);
        let object = FIRST_OBJECT + desc;
        Ring::new(&view, EVENTFD_RING, 4096).init(object);
        let info = DescInfo {
            desc,
            kind: Kind::EventFd as u32,
            object,
            region: region.into(),
            ..DescInfo::default()
        };
        self.serve_region(desc, info);
        self.open(info, O_RDWR | flags, true)
    }

    fn serve_region(&self, desc: u32, info: DescInfo) {
        lock(&self.server).regions(desc, info);
    }

    /// A file with some content, held by `holders` processes.
    pub fn file(&self, data: &[u8], flags: u32) -> Arc<OpenFile> {
        let desc = self.number();
        lock(&self.server).files.insert(desc, File { data: data.to_vec(), offset: 0, flags });
        self.open(
            DescInfo { desc, kind: Kind::File as u32, mode: 0o100644, ..DescInfo::default() },
            flags,
            true,
        )
    }

    /// A description of another member of the family, held here too from now on.
    pub fn share(&self, desc: u32, flags: u32) -> Arc<OpenFile> {
        let kind = Kind::File as u32;
        let info = DescInfo { desc, kind, mode: 0o100644, flags, ..DescInfo::default() };
        OpenFile::new(self.host, info, None, false)
    }

    /// Looks at or changes a file behind the member's back.
    pub fn with_file<T>(&self, file: &OpenFile, look: impl FnOnce(&mut File) -> T) -> T {
        look(lock(&self.server).files.get_mut(&file.desc()).expect("a file of the lab"))
    }

    /// The requests made since the last look.
    pub fn requests(&self) -> Vec<Op> {
        std::mem::take(&mut lock(&self.server).log)
    }

    /// Descriptions that the member closed.
    pub fn closed(&self) -> Vec<u32> {
        lock(&self.server).closed.clone()
    }

    /// Delivers pending events, as the scheduler does.
    pub fn deliver(&self) {
        let mut events = Vec::new();
        self.fake.take(&mut |e| events.push(e));
        events.into_iter().for_each(|e| self.host.changed(e));
    }
}

impl Server {
    fn regions(&mut self, desc: u32, info: DescInfo) {
        // Kept as a file without use: only its info is asked for.
        self.files.insert(
            desc,
            File { data: DescInfo { desc, ..info }.as_bytes().to_vec(), offset: info.region, flags: 0 },
        );
    }

    fn file(&mut self, desc: u64) -> Result<&mut File, Errno> {
        self.files.get_mut(&(desc as u32)).ok_or(Errno::EBADF)
    }

    fn answer(&mut self, r: &Request, data: &[u8]) -> Result<(Reply, Vec<u8>), Errno> {
        let op = Op::from_u16(r.op).ok_or(Errno::ENOSYS)?;
        let [a0, a1, a2, ..] = r.args;
        let mut reply = Reply::default();
        let mut out = Vec::new();
        match op {
            Op::Close => self.closed.push(a0 as u32),
            Op::DescInfo => out = self.file(a0)?.data.clone(),
            Op::AttachRegion => {
                let id = self.file(a0)?.offset;
                reply.regions[0] = RegionRef { id, size: 0 };
            }
            Op::Recall => self.file(a0)?.offset = a1,
            Op::TakeOffset => reply.ret = self.file(a0)?.offset as i64,
            Op::FStat => {
                let size = self.file(a0)?.data.len() as i64;
                out = Stat { st_size: size, ..Stat::default() }.as_bytes().to_vec();
            }
            Op::Read | Op::PRead => {
                let f = self.file(a0)?;
                let at = if op == Op::Read { f.offset } else { a2 } as usize;
                out = f.data.iter().skip(at).take(a1 as usize).copied().collect();
                if op == Op::Read {
                    f.offset += out.len() as u64;
                }
                reply.ret = out.len() as i64;
            }
            Op::Write | Op::PWrite => {
                let f = self.file(a0)?;
                let append = f.flags & O_APPEND != 0 || (op == Op::PWrite && a2 == 1);
                let at = match (append, op) {
                    (true, _) => f.data.len(),
                    (_, Op::Write) => f.offset as usize,
                    _ => a1 as usize,
                };
                let end = at + data.len();
                if f.data.len() < end {
                    f.data.resize(end, 0);
                }
                f.data[at..end].copy_from_slice(data);
                if op == Op::Write {
                    f.offset = end as u64;
                }
                reply.ret = data.len() as i64;
                reply.rets[0] = end as u64;
            }
            Op::Seek => {
                let f = self.file(a0)?;
                let base = match a2 as u32 {
                    SEEK_SET => 0,
                    SEEK_CUR => f.offset as i64,
                    _ => f.data.len() as i64,
                };
                let to = base + a1 as i64;
                if to < 0 {
                    return Err(Errno::EINVAL);
                }
                f.offset = to as u64;
                reply.ret = to;
            }
            _ => return Err(Errno::ENOSYS),
        }
        Ok((reply, out))
    }
}
