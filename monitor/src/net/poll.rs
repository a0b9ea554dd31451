//! Readiness of sockets, poll(2), for those states that a member cannot see in rings by itself.

use abi::Errno;
use abi::poll::{POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP};
use protocol::MONITOR_SLOT;
use protocol::ring::{CLOSED_LOCAL, CLOSED_READ, CLOSED_WRITE, Side};

use vfs::record;

use super::SocketId;
use super::datagram::QUEUE_MAX;
use super::socket::State;
use crate::call::Call;
use crate::family::Family;

/// Room that a record ring must have for its writer to be told "writable".
const WRITABLE: u32 = 0x1000;

/// The POLL* bits, and the member hears of a change; `exclusive`: of a new connection, one of several members does.
pub fn poll(fam: &mut Family, call: &Call, id: SocketId, exclusive: bool) -> Result<u16, Errno> {
    let s = fam.net.get_mut(id)?;
    let slot = call.slot;
    match &s.state {
        State::Listening(l) => {
            if !l.queue.is_empty() {
                return Ok(POLLIN);
            }
            if exclusive {
                s.arm_exclusive(slot)
            } else {
                s.arm(slot)
            }
            return Ok(0);
        }
        State::Connecting => {
            s.arm(slot);
            return Ok(0);
        }
        _ => s.arm(slot),
    }
    let Some(r) = &s.rings else {
        let failed = if s.error != 0 { POLLERR } else { 0 };
        let ended = if s.error != 0 || s.refused { POLLIN | POLLRDHUP } else { 0 };
        return Ok(POLLOUT | POLLHUP | failed | ended);
    };
    let input = r.input();
    input.arm(Side::Reader, slot);
    let mut bits = 0;
    let ended = input.closed() & (CLOSED_WRITE | CLOSED_READ | CLOSED_LOCAL) != 0;
    if input.used() != Ok(0) || ended {
        bits |= POLLIN;
    }
    if ended {
        bits |= POLLRDHUP;
    }
    if input.error() != 0 || s.error != 0 {
        bits |= POLLERR;
    }
    if s.is_datagram() {
        return Ok(bits | datagram_writable(fam, slot, id)?);
    }
    let output = r.output();
    output.arm(Side::Writer, slot);
    let finished = output.closed() & (CLOSED_WRITE | CLOSED_READ) != 0;
    let wanted = if s.records() { WRITABLE } else { 1 };
    if finished || output.space().is_ok_and(|n| n >= wanted) {
        bits |= POLLOUT;
    }
    if ended && finished {
        bits |= POLLHUP;
    }
    Ok(bits)
}

/// A datagram socket is writable unless its mate's queue is full.
fn datagram_writable(fam: &mut Family, slot: u32, id: SocketId) -> Result<u16, Errno> {
    let s = fam.net.get(id)?;
    let object = s.object;
    let Some(mate) = s.mate.filter(|m| *m != id) else { return Ok(POLLOUT) };
    let m = fam.net.get_mut(mate)?;
    let Some(r) = &m.rings else { return Ok(POLLOUT) };
    let ring = r.input();
    let room = || {
        let few = record::count(&ring, QUEUE_MAX + 1).is_ok_and(|n| n <= QUEUE_MAX);
        few && ring.space().is_ok_and(|n| n >= WRITABLE)
    };
    if room() {
        return Ok(POLLOUT);
    }
    ring.arm(Side::Writer, MONITOR_SLOT);
    let now = room();
    if !m.blocked.contains(&(slot, object)) {
        m.blocked.push((slot, object));
    }
    Ok(if now { POLLOUT } else { 0 })
}

/// The receiver `id` made room: whoever waits to send to it tries again.
pub(super) fn space_came(fam: &mut Family, id: SocketId) {
    let Ok(s) = fam.net.get_mut(id) else { return };
    for (slot, object) in std::mem::take(&mut s.blocked) {
        fam.notify(slot, object);
    }
}

/// `Op::RecvSpace`: the reader says so itself.
pub fn arm_space(fam: &mut Family, id: SocketId) {
    space_came(fam, id);
}
