//! Sockets: what of them lives in the member. Connections' bytes and received records are rings; names, connecting,
//! options and the sending of records are requests.

use abi::errno::{Errno, SysResult};
use abi::poll::PollEvents;
use abi::socket::{AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};
use alloc::sync::Arc;
use platform::sync::{Mutex, Rank};
use protocol::Op;
use protocol::anc;
use protocol::desc::{DescInfo, ST_CONNECTED, ST_CONNECTING, ST_LISTENING};
use protocol::ring::{CLOSED_LOCAL, CLOSED_READ, CLOSED_WRITE, Side};

use super::attach::Rings;
use super::{Attachment, Keys, OpenFile};
use crate::host::Answer;
use crate::io::IoBuf;
use crate::ring_io::RingView;

mod records;
mod stream;

struct State {
    /// `ST_*` bits as last told.
    bits: u32,
    rings: Attachment,
    /// A record was answered EAGAIN: whether there is room now, the monitor knows.
    full: bool,
    timeouts: [Option<u64>; 2],
    pass_creds: bool,
}

/// A socket.
pub struct Socket {
    domain: u16,
    kind: u32,
    state: Mutex<State>,
}

/// How to receive.
#[derive(Clone, Copy, Debug, Default)]
pub struct Receive {
    /// MSG_PEEK.
    pub peek: bool,
}

/// What was received beside the bytes.
#[derive(Debug, Default)]
pub struct Received {
    /// Bytes put into the buffers.
    pub bytes: usize,
    /// The record's whole length (a stream's is what was put).
    pub whole: usize,
    /// Ends a record.
    pub record: bool,
    /// Source address of a record.
    pub addr: alloc::vec::Vec<u8>,
    pub ancillary: Option<anc::Received>,
}

impl Socket {
    /// A socket as the monitor tells of it, with the rings that the reply brought.
    pub fn new(info: &DescInfo, rings: Attachment) -> Self {
        let state = State { bits: info.state, rings, full: false, timeouts: [None; 2], pass_creds: false };
        Self { domain: info.domain as u16, kind: info.stype & 0xf, state: Mutex::new(Rank::File, state) }
    }

    /// The same for another process.
    pub fn for_child(&self) -> Self {
        let s = self.state.lock();
        let state = State {
            bits: s.bits,
            rings: Attachment::default(),
            full: s.full,
            timeouts: s.timeouts,
            pass_creds: s.pass_creds,
        };
        Self { domain: self.domain, kind: self.kind, state: Mutex::new(Rank::File, state) }
    }

    /// AF_UNIX.
    pub fn is_unix(&self) -> bool {
        self.domain == AF_UNIX
    }

    /// SOCK_STREAM.
    pub fn is_stream(&self) -> bool {
        self.kind == SOCK_STREAM
    }

    /// SOCK_DGRAM and its like.
    pub fn is_datagram(&self) -> bool {
        matches!(self.kind, SOCK_DGRAM | SOCK_RAW)
    }

    fn bits(&self) -> u32 {
        self.state.lock().bits
    }

    /// Takes over what the monitor tells of the socket now, and rings that came with it.
    pub fn update(&self, f: &OpenFile, answer: &Answer<'_>, info: &DescInfo) {
        let rings = Attachment::of_answer(f.host(), answer, info).unwrap_or_default();
        let mut s = self.state.lock();
        s.bits = info.state;
        if rings.rings().is_some() {
            s.rings = rings;
        }
    }

    fn refresh(&self, f: &OpenFile) -> SysResult<()> {
        let answer = f.host().call(Op::DescInfo, &[u64::from(f.desc())])?;
        let info: DescInfo = answer.get(0)?;
        self.update(f, &answer, &info);
        Ok(())
    }

    /// True when there is a connection; asked anew as long as there was none.
    fn connected(&self, f: &OpenFile) -> SysResult<bool> {
        if self.bits() & ST_CONNECTED == 0 {
            self.refresh(f)?;
        }
        Ok(self.bits() & ST_CONNECTED != 0)
    }

    fn rings(&self, f: &OpenFile) -> SysResult<Arc<Rings>> {
        let known = self.state.lock().rings.rings();
        if let Some(rings) = known {
            return Ok(rings);
        }
        let place = Attachment::fetch(f)?;
        let rings = place.rings().ok_or(Errno::EIO)?;
        self.state.lock().rings = place;
        if self.pass_creds() {
            rings.input.ring().set_wants_creds(true);
        }
        Ok(rings)
    }

    /// The ring that is read, if it is attached.
    pub fn input(&self) -> Option<RingView> {
        self.state.lock().rings.rings().map(|rings| rings.input.clone())
    }

    /// SO_RCVTIMEO and SO_SNDTIMEO in ns.
    pub fn timeout(&self, reading: bool) -> Option<u64> {
        self.state.lock().timeouts[usize::from(!reading)]
    }

    /// Sets one of them.
    pub fn set_timeout(&self, reading: bool, ns: Option<u64>) {
        self.state.lock().timeouts[usize::from(!reading)] = ns;
    }

    /// SO_PASSCRED.
    pub fn pass_creds(&self) -> bool {
        self.state.lock().pass_creds
    }

    /// Sets it.
    pub fn set_pass_creds(&self, on: bool) {
        let rings = {
            let mut s = self.state.lock();
            s.pass_creds = on;
            s.rings.rings()
        };
        if let Some(rings) = rings {
            rings.input.ring().set_wants_creds(on);
        }
    }

    /// A step of recvmsg(2).
    pub fn receive(&self, f: &OpenFile, io: &mut IoBuf<'_>, how: Receive) -> SysResult<Received> {
        if self.is_stream() { stream::receive(self, f, io, how) } else { records::receive(self, f, io, how) }
    }

    /// A step of send(2) without an address.
    pub fn send(&self, f: &OpenFile, io: &mut IoBuf<'_>) -> SysResult<usize> {
        if self.is_stream() { stream::send(self, f, io, None) } else { records::send(self, f, io, &[], None) }
    }

    /// A step of sendmsg(2). An address on a stream: EISCONN or EOPNOTSUPP for Unix, ignored for TCP, as on Linux.
    pub fn send_message(
        &self,
        f: &OpenFile,
        io: &mut IoBuf<'_>,
        addr: &[u8],
        ancillary: Option<&anc::Sent>,
    ) -> SysResult<usize> {
        if !self.is_stream() {
            return records::send(self, f, io, addr, ancillary);
        }
        if !addr.is_empty() && self.is_unix() {
            return Err(if self.connected(f)? { Errno::EISCONN } else { Errno::EOPNOTSUPP });
        }
        stream::send(self, f, io, ancillary)
    }

    /// Notes that the monitor refused a record for want of room.
    fn set_full(&self, full: bool) {
        self.state.lock().full = full;
    }

    /// poll(2): arms what is not ready.
    pub fn poll(&self, f: &OpenFile, want: PollEvents, exclusive: bool) -> PollEvents {
        if self.is_datagram() || (!self.is_stream() && self.bits() & ST_CONNECTED != 0) {
            return records::poll(self, f, want);
        }
        if self.bits() & ST_CONNECTED != 0 {
            return stream::poll(self, f, want).unwrap_or(PollEvents::POLLERR);
        }
        let ready = super::stream::poll(f, exclusive);
        let settled = ready.contains(PollEvents::POLLOUT) && !ready.contains(PollEvents::POLLHUP);
        if settled && self.bits() & ST_LISTENING == 0 {
            // It may be connected now; if this cannot be learnt, the next operation asks again.
            let _ = self.refresh(f);
        }
        ready
    }

    /// Arms the sides of `want` whether or not they are ready: what comes next is told.
    pub fn arm(&self, f: &OpenFile, want: PollEvents) {
        let known = self.state.lock().rings.rings();
        let Some(rings) = known else { return };
        if want.intersects(PollEvents::POLLIN | PollEvents::POLLRDNORM | PollEvents::POLLRDHUP) {
            rings.input.ring().arm(Side::Reader, f.host().slot());
        }
    }

    /// Changes when something new is there to be told of; `None`: every event is.
    pub fn edge(&self, want: PollEvents) -> Option<u64> {
        let s = self.state.lock();
        if s.bits & (ST_LISTENING | ST_CONNECTING) != 0 || self.is_datagram() {
            return None;
        }
        let rings = s.rings.rings()?;
        let (input, output) = (rings.input.ring(), rings.output.ring());
        let closed = u64::from(input.closed()) << 8 | u64::from(output.closed());
        let written = u64::from(input.tail());
        let read = if want.contains(PollEvents::POLLOUT) { u64::from(output.head()) } else { 0 };
        Some(written | read << 32 ^ closed.rotate_right(16) ^ u64::from(input.error()).rotate_right(24))
    }

    /// What wakes when the socket becomes ready.
    pub fn keys(&self, f: &OpenFile) -> Keys {
        let mut keys = Keys::one(f.info().object);
        let rings = self.state.lock().rings.rings();
        if let Some(rings) = rings {
            keys.add(rings.input.ring().object());
            keys.add(rings.output.ring().object());
        }
        keys
    }

    /// FIONREAD: bytes of a stream, or of the next record.
    pub fn readable_bytes(&self, f: &OpenFile) -> SysResult<u32> {
        if self.bits() & ST_LISTENING != 0 {
            return Err(Errno::EINVAL);
        }
        if !self.is_stream() {
            return records::next_length(self, f);
        }
        if !self.connected(f)? {
            return Ok(0);
        }
        self.rings(f)?.input.ring().used().map_err(crate::ring_io::broken)
    }

    /// SIOCOUTQ: bytes that the peer has not read; `None`: the monitor knows.
    pub fn unread_bytes(&self, f: &OpenFile) -> Option<u32> {
        if !self.is_stream() || self.bits() & ST_CONNECTED == 0 {
            return None;
        }
        self.rings(f).ok()?.output.ring().used().ok()
    }

    /// connect(2): a step; EINPROGRESS when the connection is under way.
    pub fn connect(&self, f: &OpenFile, addr: &[u8]) -> SysResult<()> {
        let answer = f.host().call_with(Op::Connect, &[u64::from(f.desc())], addr);
        let answer = match answer {
            Err(Errno::EINPROGRESS) => {
                self.state.lock().bits |= ST_CONNECTING;
                return Err(Errno::EINPROGRESS);
            }
            other => other?,
        };
        if !answer.is_empty() {
            let info: DescInfo = answer.get(0)?;
            self.update(f, &answer, &info);
        }
        drop(answer);
        // Who watched the socket before looks again: it is another thing now.
        f.keys().as_slice().iter().for_each(|k| f.host().changed(*k));
        Ok(())
    }

    /// listen(2).
    pub fn listen(&self, f: &OpenFile, backlog: i32) -> SysResult<()> {
        f.host().call(Op::Listen, &[u64::from(f.desc()), backlog as u64])?;
        self.state.lock().bits |= ST_LISTENING;
        f.host().changed(f.info().object);
        Ok(())
    }

    /// accept(2): a step. The connection and its peer's address.
    pub fn accept(
        &self,
        f: &OpenFile,
        flags: u32,
        waits: bool,
    ) -> SysResult<(Arc<OpenFile>, alloc::vec::Vec<u8>)> {
        let args = [u64::from(f.desc()), u64::from(flags), u64::from(waits)];
        let answer = f.host().call(Op::Accept, &args)?;
        let info: DescInfo = answer.get(0)?;
        let mut addr = alloc::vec![0; (answer.value(0) as usize).min(256)];
        if !answer.read(size_of::<DescInfo>(), &mut addr) {
            return Err(Errno::EIO);
        }
        Ok((OpenFile::new(f.host(), info, Some(&answer), true), addr))
    }

    /// shutdown(2).
    pub fn shutdown(&self, f: &OpenFile, how: i32) -> SysResult<()> {
        f.host().call(Op::Shutdown, &[u64::from(f.desc()), how as u64])?;
        f.keys().as_slice().iter().for_each(|k| f.host().changed(*k));
        Ok(())
    }
}

/// Readiness that the closed bits of both directions mean; poll(2).
fn hang_up(input: u32, output: u32) -> PollEvents {
    let mut ready = PollEvents::empty();
    let read_end = input & (CLOSED_WRITE | CLOSED_LOCAL | CLOSED_READ) != 0;
    let write_end = output & (CLOSED_READ | CLOSED_WRITE) != 0;
    if read_end {
        ready |= PollEvents::POLLRDHUP | PollEvents::POLLIN | PollEvents::POLLRDNORM;
    }
    if read_end && write_end {
        ready |= PollEvents::POLLHUP;
    }
    ready
}
