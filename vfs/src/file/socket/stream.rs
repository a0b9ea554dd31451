//! Stream sockets: bytes over two rings; descriptors and credentials through the monitor, tied to a place in the stream.

use abi::errno::{Errno, SysResult};
use abi::poll::PollEvents;
use protocol::Op;
use protocol::anc;
use protocol::desc::ST_REFUSED;
use protocol::ring::{CLOSED_READ, CLOSED_WRITE, Side};

use super::super::OpenFile;
use super::super::attach::Rings;
use super::{Receive, Received, Socket, hang_up};
use crate::io::IoBuf;

/// The part of a ring that must be free for POLLOUT, so that a writer is not woken for every byte.
const WRITABLE_PART: u32 = 4;

/// A step of receiving.
pub fn receive(s: &Socket, f: &OpenFile, io: &mut IoBuf<'_>, how: Receive) -> SysResult<Received> {
    if s.bits() & protocol::desc::ST_CONNECTED == 0 && !s.connected(f)? {
        return not_connected(s, f);
    }
    let rings = s.rings(f)?;
    let mut got = Received::default();
    if io.left() == 0 {
        return Ok(got);
    }
    let input = rings.input.ring();
    let error = input.error();
    // EPIPE came after the peer's end, which is all that readers see; whoever sends is told of it.
    if error != 0 && error != Errno::EPIPE.0 as u32 && input.used() == Ok(0) {
        return Err(Errno(input.take_error() as i32));
    }
    if rings.input.ring().anc_pending() > 0 {
        if rings.input.ready(f.host())? == 0 {
            return Ok(got);
        }
        got.ancillary = ancillary(f, &rings, io, how)?;
    }
    let n = rings.input.pull(f.host(), io, how.peek)?;
    (got.bytes, got.whole) = (n, n);
    Ok(got)
}

fn not_connected(s: &Socket, f: &OpenFile) -> SysResult<Received> {
    match take_error(f)? {
        Some(e) => Err(e),
        None if s.is_unix() => Err(Errno::EINVAL),
        None if s.bits() & ST_REFUSED != 0 => Ok(Received::default()),
        None => Err(Errno::ENOTCONN),
    }
}

/// The pending error of a socket that has no rings.
fn take_error(f: &OpenFile) -> SysResult<Option<Errno>> {
    let args = [u64::from(f.desc()), abi::socket::SOL_SOCKET as u64, abi::socket::SO_ERROR as u64];
    let e: i32 = f.host().call(Op::GetSockOpt, &args)?.get(0)?;
    Ok((e != 0).then_some(Errno(e)))
}

/// Fetches what belongs to the stream's next byte, and limits the read to before the next such place. A peek leaves it
/// there, so that what comes after it is not learnt.
fn ancillary(
    f: &OpenFile,
    rings: &Rings,
    io: &mut IoBuf<'_>,
    how: Receive,
) -> SysResult<Option<anc::Received>> {
    let head = rings.input.ring().head();
    let mut found: Option<anc::Received> = None;
    while rings.input.ring().anc_pending() > 0 {
        let args = [u64::from(f.desc()), u64::from(head), u64::from(how.peek)];
        let answer = f.host().call(Op::RecvAnc, &args)?;
        if answer.ret() != 0 {
            if answer.value(0) == 1 {
                // A distance of 0 would be what was just fetched.
                io.limit((answer.value(1) as u32).wrapping_sub(head).max(1) as usize);
            }
            break;
        }
        let more = anc::Received::decode(&answer.to_vec()).ok_or(Errno::EIO)?;
        let all = found.get_or_insert_default();
        all.descs.extend(more.descs);
        all.control.extend(more.control);
        all.creds = more.creds.or(all.creds);
        if how.peek {
            break;
        }
    }
    Ok(found)
}

/// A step of sending. Ancillary data goes to the monitor before the bytes that it belongs to are visible. Two writers at
/// once may see it tied to bytes of the other.
pub fn send(s: &Socket, f: &OpenFile, io: &mut IoBuf<'_>, ancillary: Option<&anc::Sent>) -> SysResult<usize> {
    if s.bits() & protocol::desc::ST_CONNECTED == 0 && !s.connected(f)? {
        return match take_error(f)? {
            Some(e) => Err(e),
            None if s.is_unix() => Err(Errno::ENOTCONN),
            None => Err(Errno::EPIPE),
        };
    }
    let rings = s.rings(f)?;
    if rings.output.ring().closed() & (CLOSED_READ | CLOSED_WRITE) != 0 {
        let error = rings.input.ring().take_error();
        return Err(if error != 0 { Errno(error as i32) } else { Errno::EPIPE });
    }
    if io.left() == 0 {
        return Ok(0);
    }
    // Who sends is told by the monitor where the sender did not say it.
    let plain = anc::Sent::default();
    let ancillary = ancillary.or_else(|| rings.output.ring().wants_creds().then_some(&plain));
    if let Some(sent) = ancillary {
        rings.output.room(f.host(), 1)?;
        let position = u64::from(rings.output.ring().tail());
        f.host().call_with(Op::SendAnc, &[u64::from(f.desc()), position], &sent.encode())?;
    }
    rings.output.push(f.host(), io, 1)
}

/// poll(2) of a connection.
pub fn poll(s: &Socket, f: &OpenFile, want: PollEvents) -> SysResult<PollEvents> {
    let rings = s.rings(f)?;
    let (input, output) = (rings.input.ring(), rings.output.ring());
    let mut ready = hang_up(input.closed(), output.closed());
    let readable = PollEvents::POLLIN | PollEvents::POLLRDNORM;
    match rings.input.ready(f.host()) {
        Ok(n) if n > 0 => {
            ready |= readable;
            if !want.intersects(readable) {
                // Who waits for the end alone is told of it although there is data.
                input.arm(Side::Reader, f.host().slot());
            }
        }
        Err(e) if e != Errno::EAGAIN => return Err(e),
        _ => {}
    }
    // Closing is looked at again after arming.
    ready |= hang_up(input.closed(), output.closed());
    if input.error() != 0 {
        ready |= PollEvents::POLLERR | readable;
    }
    let writable = PollEvents::POLLOUT | PollEvents::POLLWRNORM;
    let least = output.capacity() / WRITABLE_PART;
    let room = if want.intersects(writable) {
        !matches!(rings.output.room(f.host(), least), Err(Errno::EAGAIN))
    } else {
        output.space().is_ok_and(|n| n >= least)
    };
    if room || output.closed() & (CLOSED_READ | CLOSED_WRITE) != 0 {
        ready |= writable;
    }
    Ok(ready)
}
