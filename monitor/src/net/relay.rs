//! The relay: between the rings of a connection and its host socket, without a copy in between. The host socket is
//! watched edge-triggered and stays in the poller for its whole life; the member's writes come as the connection's object.

use abi::Errno;
use protocol::MONITOR_SLOT;
use protocol::ring::{CLOSED_READ, CLOSED_WRITE, Side};
use rustix::event::epoll::EventFlags;
use rustix::io::Errno as HostErrno;
use rustix::net::{Shutdown, sockopt};

use super::host::HostLink;
use super::socket::{Rings, Socket};
use super::{SocketId, end};
use crate::events::EventsRegion;
use crate::family::Family;

/// Moves what can be moved, both ways.
pub(super) fn pump(fam: &mut Family, id: SocketId) {
    let Ok(s) = fam.net.get_mut(id) else { return };
    let object = s.object;
    let (Some(h), Some(r)) = (&mut s.host, &s.rings) else { return };
    let sound = inward(h, r, object, &fam.events) && outward(h, r, object, &fam.events);
    if sound {
        late_reset(h, r, object, &fam.events);
    }
    if !sound {
        abort(h, r, object, &fam.events);
    }
    if h.orphan && (h.finished || h.failed || !sound) {
        end::discard(fam, id);
    }
}

/// Host to ring. False: the ring's words lie.
fn inward(h: &mut HostLink, r: &Rings, object: u32, events: &EventsRegion) -> bool {
    let ring = r.input();
    let mut moved = false;
    while h.readable && !h.ended && !h.orphan {
        let Ok(space) = ring.space() else { return false };
        if space == 0 {
            ring.arm(Side::Writer, MONITOR_SLOT);
            match ring.space() {
                Ok(0) => break,
                Ok(_) => continue,
                Err(_) => return false,
            }
        }
        match r.view.read_from(&h.fd, ring.write_spans(0, space)) {
            Ok(0) => {
                match h.broken.take() {
                    Some(e) => fail(h, r, e),
                    None => {
                        h.ended = true;
                        ring.close(CLOSED_WRITE);
                    }
                }
                moved = true;
            }
            Ok(n) => {
                ring.commit_write(n as u32);
                moved = true;
                // A short read emptied the host's buffer; the next byte brings a new edge, but an end that came
                // already does not.
                h.readable = n as u32 == space || h.hung_up;
            }
            Err(HostErrno::AGAIN) => h.readable = false,
            Err(HostErrno::INTR) => {}
            Err(e) => {
                fail(h, r, e);
                moved = true;
            }
        }
    }
    if moved {
        ring.take_waiters(Side::Reader, |slot| {
            events.post(slot, object);
        });
        if h.failed {
            super::pair::wake_both(&r.output(), events, object);
        }
    }
    true
}

/// After the outside's end nothing is read any more that would tell of its reset.
fn late_reset(h: &mut HostLink, r: &Rings, object: u32, events: &EventsRegion) {
    if !h.reset || !h.ended || h.failed {
        return;
    }
    if let Ok(Err(e)) = sockopt::socket_error(&h.fd) {
        fail(h, r, e);
        super::pair::wake_both(&r.input(), events, object);
        super::pair::wake_both(&r.output(), events, object);
    }
    h.reset = false;
}

/// Ring to host. False: the ring's words lie.
fn outward(h: &mut HostLink, r: &Rings, object: u32, events: &EventsRegion) -> bool {
    let ring = r.output();
    let mut moved = false;
    while h.writable && !h.finished {
        // In this order: what was written before the close is seen.
        let closed = ring.closed() & CLOSED_WRITE != 0;
        let Ok(used) = ring.used() else { return false };
        if used == 0 && closed {
            // A peer that is gone need not hear of the end.
            let _ = rustix::net::shutdown(&h.fd, Shutdown::Write);
            h.finished = true;
            break;
        }
        if used == 0 {
            ring.arm(Side::Reader, MONITOR_SLOT);
            if ring.used() == Ok(0) && ring.closed() & CLOSED_WRITE == 0 {
                break;
            }
            continue;
        }
        match r.view.write_to(&h.fd, ring.read_spans(0, used)) {
            Ok(n) => {
                ring.commit_read(n as u32);
                moved = true;
                h.writable = n as u32 == used;
            }
            Err(HostErrno::AGAIN) => h.writable = false,
            Err(HostErrno::INTR) => {}
            Err(e) => {
                // What came before is still read; the error is told after it.
                (h.broken, h.finished, h.readable) = (Some(e), true, true);
                ring.close(CLOSED_READ | CLOSED_WRITE);
                moved = true;
                if !inward(h, r, object, events) {
                    return false;
                }
            }
        }
    }
    if moved {
        ring.take_waiters(Side::Writer, |slot| {
            events.post(slot, object);
        });
    }
    true
}

/// The connection broke: SO_ERROR says why, nothing moves any more.
fn fail(h: &mut HostLink, r: &Rings, e: HostErrno) {
    r.input().set_error(e.raw_os_error() as u32);
    r.input().close(CLOSED_WRITE);
    r.output().close(CLOSED_READ | CLOSED_WRITE);
    (h.ended, h.finished, h.failed) = (true, true, true);
}

/// A member wrote nonsense into its ring: the outside sees a reset, the member EIO.
fn abort(h: &mut HostLink, r: &Rings, object: u32, events: &EventsRegion) {
    h.reset_on_close();
    r.input().set_error(Errno::EIO.0 as u32);
    r.input().close(CLOSED_WRITE | CLOSED_READ);
    r.output().close(CLOSED_WRITE | CLOSED_READ);
    (h.ended, h.finished, h.failed) = (true, true, true);
    super::pair::wake_both(&r.input(), events, object);
    super::pair::wake_both(&r.output(), events, object);
}

/// The poller says what the host socket is ready for.
pub(super) fn ready(fam: &mut Family, id: SocketId, flags: EventFlags) {
    let Ok(s) = fam.net.get_mut(id) else { return };
    let Some(h) = &mut s.host else { return };
    let over = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
    h.hung_up |= over;
    h.reset |= flags.contains(EventFlags::ERR);
    h.readable |= over || flags.contains(EventFlags::IN);
    h.writable |= flags.intersects(EventFlags::OUT | EventFlags::ERR | EventFlags::HUP);
    pump(fam, id);
}

/// Looks whether the host socket takes more, without having been told.
pub(super) fn host_writable(fam: &mut Family, id: SocketId) {
    if let Ok(s) = fam.net.get_mut(id)
        && let Some(h) = &mut s.host
    {
        h.writable = true;
    }
    pump(fam, id);
}

/// Something that the guest wrote has not reached the host yet.
pub(super) fn draining(s: &Socket) -> bool {
    let (Some(h), Some(r)) = (&s.host, &s.rings) else { return false };
    s.is_stream() && s.is_connected() && !h.finished && (h.orphan || r.output().used() != Ok(0))
}

/// The guest closed the connection: what it wrote still goes out; what it did not read resets the connection, as does
/// SO_LINGER with no time.
pub(super) fn guest_closed(fam: &mut Family, id: SocketId) {
    let Ok(s) = fam.net.get_mut(id) else { return };
    let linger = s.options.linger;
    let (Some(h), Some(r)) = (&mut s.host, &s.rings) else { return end::discard(fam, id) };
    let unread = r.input().used() != Ok(0);
    if h.failed || unread || (linger.l_onoff != 0 && linger.l_linger == 0) {
        h.reset_on_close();
        return end::discard(fam, id);
    }
    h.orphan = true;
    r.input().close(CLOSED_READ);
    r.output().close(CLOSED_WRITE);
    if h.finished {
        return end::discard(fam, id);
    }
    pump(fam, id);
}
