//! Datagram and seqpacket sockets: received records lie in a ring; the monitor delivers what is sent.

use abi::errno::{Errno, SysResult};
use abi::poll::PollEvents;
use protocol::Op;
use protocol::anc;
use protocol::ring::{CLOSED_LOCAL, CLOSED_READ, CLOSED_WRITE, Side};
use protocol::wire::Writer;

use super::super::OpenFile;
use super::{Receive, Received, Socket, hang_up};
use crate::io::IoBuf;
use crate::record;
use crate::ring_io::broken;

/// The longest record that one request carries beside its address.
const MAX_RECORD: usize = protocol::control::SLOT_DATA - 256;

/// A step of receiving: one record, whatever of it fits.
pub fn receive(s: &Socket, f: &OpenFile, io: &mut IoBuf<'_>, how: Receive) -> SysResult<Received> {
    if !s.is_datagram() && !s.connected(f)? {
        return Err(Errno::ENOTCONN);
    }
    let rings = s.rings(f)?;
    let error = rings.input.ring().take_error();
    if error != 0 {
        return Err(Errno(error as i32));
    }
    let (mut got, position) = rings.input.with_lock(f.host(), Side::Reader, |ring| {
        rings.input.ready(f.host())?;
        let mut got = Received { record: true, ..Received::default() };
        let Some(front) = record::front(ring).map_err(broken)? else { return Ok((got, None)) };
        got.whole = front.payload as usize;
        got.addr.resize(front.addr as usize, 0);
        front.read_addr(ring, &mut got.addr).ok_or(Errno::EIO)?;
        let position = front.anc.then(|| ring.head());
        let n = io.left().min(front.payload as usize);
        let mut result = Ok(());
        for (at, len) in front.payload_spans(ring, 0, n as u32) {
            if len > 0 && result.is_ok() {
                result = io.put_region(rings.input.view(), at, len).and_then(|m| {
                    got.bytes += m;
                    if m < len { Err(Errno::EFAULT) } else { Ok(()) }
                });
            }
        }
        // On Linux the record is gone even if it could not be copied.
        if !how.peek {
            front.consume(ring);
        }
        result.map(|()| (got, position))
    })?;
    if !how.peek {
        rings.input.wake(f.host(), Side::Writer);
    }
    if let Some(position) = position {
        let args = [u64::from(f.desc()), u64::from(position), u64::from(how.peek)];
        let answer = f.host().call(Op::RecvAnc, &args)?;
        if answer.ret() == 0 {
            got.ancillary = anc::Received::decode(&answer.to_vec());
        }
    }
    Ok(got)
}

/// A step of sending one record.
pub fn send(
    s: &Socket,
    f: &OpenFile,
    io: &mut IoBuf<'_>,
    addr: &[u8],
    ancillary: Option<&anc::Sent>,
) -> SysResult<usize> {
    let len = io.left();
    if len > MAX_RECORD {
        return Err(Errno::EMSGSIZE);
    }
    let from = io.done();
    let result = match ancillary {
        None => plain(f, io, addr, len),
        Some(sent) => with_ancillary(f, io, addr, len, sent),
    };
    match result {
        Ok(()) => {
            s.set_full(false);
            Ok(len)
        }
        Err(e) => {
            io.rewind(from);
            s.set_full(e == Errno::EAGAIN);
            Err(e)
        }
    }
}

fn plain(f: &OpenFile, io: &mut IoBuf<'_>, addr: &[u8], len: usize) -> SysResult<()> {
    let mut out = f.host().begin(Op::SendTo);
    out.put(addr)?;
    let n = {
        let (view, off) = out.place();
        io.take_region(view, off, len)?
    };
    if n < len {
        return Err(Errno::EFAULT);
    }
    out.advance(n);
    out.send(&[u64::from(f.desc()), 0, addr.len() as u64]).map(|_| ())
}

fn with_ancillary(
    f: &OpenFile,
    io: &mut IoBuf<'_>,
    addr: &[u8],
    len: usize,
    sent: &anc::Sent,
) -> SysResult<()> {
    let mut payload = alloc::vec![0; len];
    if io.take(&mut payload)? < len {
        return Err(Errno::EFAULT);
    }
    let mut w = Writer::new();
    w.bytes(&sent.encode()).bytes(addr).bytes(&payload);
    let message = w.finish();
    if message.len() > protocol::control::SLOT_DATA {
        return Err(Errno::EMSGSIZE);
    }
    f.host().call_with(Op::SendAnc, &[u64::from(f.desc()), u64::MAX], &message).map(|_| ())
}

/// poll(2). Room at the receiver is taken for granted until a record was refused.
pub fn poll(s: &Socket, f: &OpenFile, want: PollEvents) -> PollEvents {
    let Ok(rings) = s.rings(f) else { return PollEvents::POLLERR };
    let (readable, writable) =
        (PollEvents::POLLIN | PollEvents::POLLRDNORM, PollEvents::POLLOUT | PollEvents::POLLWRNORM);
    let ring = rings.input.ring();
    let mut ready = PollEvents::empty();
    match rings.input.ready(f.host()) {
        Ok(n) if n > 0 => {
            ready |= readable;
            if !want.intersects(readable) {
                // Who waits for the end alone is told of it although there are records.
                ring.arm(Side::Reader, f.host().slot());
            }
        }
        Err(e) if e != Errno::EAGAIN => return PollEvents::POLLERR,
        _ => {}
    }
    if s.is_datagram() {
        if ring.closed() & (CLOSED_WRITE | CLOSED_LOCAL | CLOSED_READ) != 0 {
            ready |= readable | PollEvents::POLLRDHUP;
        }
    } else {
        ready |= hang_up(ring.closed(), rings.output.ring().closed());
    }
    if ring.error() != 0 {
        ready |= PollEvents::POLLERR;
    }
    let full = s.state.lock().full;
    if !full {
        return ready | writable;
    }
    if want.intersects(writable) && super::super::stream::poll(f, false).contains(PollEvents::POLLOUT) {
        s.set_full(false);
        ready |= writable;
    }
    ready
}

/// FIONREAD: the length of the next record.
pub fn next_length(s: &Socket, f: &OpenFile) -> SysResult<u32> {
    if !s.is_datagram() && !s.connected(f)? {
        return Ok(0);
    }
    let rings = s.rings(f)?;
    rings.input.with_lock(f.host(), Side::Reader, |ring| {
        Ok(record::front(ring).map_err(broken)?.map_or(0, |front| front.payload))
    })
}
