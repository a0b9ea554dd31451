//! The ends of sockets: shutdown(2), close(2), and what the other end sees of them.

use std::time::{Duration, Instant};

use abi::Errno;
use abi::socket::{SHUT_RD, SHUT_RDWR, SHUT_WR};
use protocol::ring::{CLOSED_LOCAL, CLOSED_READ, CLOSED_WRITE, MONITOR_LOCK, Side};

use super::pair::wake_both;
use super::socket::State;
use super::{Name, SocketId, connect, relay, unix, wake};
use crate::family::Family;

/// What was written before the family ended may take this long to reach the host's network.
const DRAIN: Duration = Duration::from_secs(2);

/// shutdown(2).
pub fn shutdown(fam: &mut Family, id: SocketId, how: i32) -> Result<(), Errno> {
    let (read, write) = match how {
        SHUT_RD => (true, false),
        SHUT_WR => (false, true),
        SHUT_RDWR => (true, true),
        _ => return Err(Errno::EINVAL),
    };
    let s = fam.net.get_mut(id)?;
    if s.is_listening() {
        if s.is_unix() || read {
            stop_listening(fam, id, !fam.net.get(id)?.is_unix());
        }
        return Ok(());
    }
    if s.is_over() {
        return Err(Errno::ENOTCONN);
    }
    s.shut_read |= read;
    s.shut_write |= write;
    let unconnected = !s.is_connected() && s.mate.is_none() && s.peer == Name::None;
    let (unix, connects, object) = (s.is_unix(), s.connects(), s.object);
    if let Some(r) = &s.rings {
        let (input, output) = (r.input(), r.output());
        if read {
            // Only a Unix peer notices that nobody reads any more.
            input.close(CLOSED_LOCAL | if unix && connects { CLOSED_READ } else { 0 });
        }
        if write && connects {
            output.close(CLOSED_WRITE | CLOSED_READ);
        }
        wake_both(&input, &fam.events, object);
        wake_both(&output, &fam.events, object);
        if s.is_tcp() && s.shut_read && s.shut_write && s.mate.is_some() {
            // What comes now is answered with a reset.
            input.arm(Side::Reader, protocol::MONITOR_SLOT);
        }
    }
    if fam.net.get(id)?.host.is_some() && connects {
        relay::pump(fam, id);
    }
    wake(fam, id);
    if unconnected && !unix { Err(Errno::ENOTCONN) } else { Ok(()) }
}

/// The queue's connections are refused, and accept(2) fails. A TCP socket can be used for something else then.
fn stop_listening(fam: &mut Family, id: SocketId, fresh: bool) {
    let Some(s) = fam.net.get_mut(id).ok().filter(|s| s.is_listening()) else { return };
    let State::Listening(l) = std::mem::replace(&mut s.state, State::Idle) else { return };
    if let (true, Some(addr)) = (fresh, s.local.inet()) {
        s.host = None;
        // Not listening conflicts with nobody.
        let _ = fam.net.tcp.change(addr.port(), id, |c| c.listening = false);
    }
    for new in l.queue {
        reset(fam, new);
        release(fam, new);
    }
    for client in l.pending {
        connect::fail(fam, client, Errno::ECONNREFUSED);
    }
    for (slot, object) in l.blocked {
        fam.notify(slot, object);
    }
    wake(fam, id);
}

/// The peer of a connection that nobody accepts sees a reset.
fn reset(fam: &mut Family, id: SocketId) {
    let mate = fam.net.get(id).ok().and_then(|s| s.mate);
    if let Some(s) = mate.and_then(|m| fam.net.get_mut(m).ok()) {
        s.set_error(Errno::ECONNRESET.0);
    }
    if let Ok(s) = fam.net.get_mut(id) {
        s.options.linger = abi::socket::Linger { l_onoff: 1, l_linger: 0 };
    }
}

/// The last reference to a socket is gone.
pub fn release(fam: &mut Family, id: SocketId) {
    if fam.net.get(id).is_err() {
        return;
    }
    stop_listening(fam, id, false);
    unname(fam, id);
    super::anc::drop_all(fam, id);
    let Ok(s) = fam.net.get_mut(id) else { return };
    if matches!(s.state, State::Connecting) {
        s.host = None;
    }
    for (slot, object) in std::mem::take(&mut s.blocked) {
        fam.notify(slot, object);
    }
    if fam.net.get(id).is_ok_and(|s| s.is_datagram()) {
        for (_, other) in fam.net.sockets.iter_mut().filter(|(_, o)| o.mate == Some(id)) {
            (other.mate, other.mate_gone) = (None, true);
        }
    }
    let Ok(s) = fam.net.get(id) else { return };
    if s.is_stream() && s.is_connected() && s.host.is_some() {
        return relay::guest_closed(fam, id);
    }
    if let Some(mate) = s.mate.filter(|_| s.connects()) {
        part(fam, id, mate);
    }
    discard(fam, id);
}

/// `id` goes away; its mate is told.
fn part(fam: &mut Family, id: SocketId, mate: SocketId) {
    let Ok(s) = fam.net.get(id) else { return };
    let unread = s.rings.as_ref().is_some_and(|r| r.input().used() != Ok(0));
    let abort = unread || (s.options.linger.l_onoff != 0 && s.options.linger.l_linger == 0 && s.is_tcp());
    let (tcp, object) = (s.is_tcp(), s.object);
    if let Ok(m) = fam.net.get_mut(mate) {
        m.mate = None;
    }
    if let Ok(Some(r)) = fam.net.get(id).map(|s| &s.rings) {
        let (input, output) = (r.input(), r.output());
        let mut watch = false;
        if abort {
            // The mate reads what this end reads from elsewhere: its own input is this end's output.
            if output.error() == 0 {
                output.set_error(Errno::ECONNRESET.0 as u32);
            }
            input.close(CLOSED_READ | CLOSED_WRITE);
        } else if tcp {
            // The mate may still write: that is answered with a reset, once it does.
            watch = true;
        } else {
            input.close(CLOSED_READ);
        }
        output.close(CLOSED_WRITE | CLOSED_READ);
        wake_both(&input, &fam.events, object);
        wake_both(&output, &fam.events, object);
        if watch {
            input.arm(Side::Reader, protocol::MONITOR_SLOT);
        }
    }
    wake(fam, mate);
}

/// The mate closed, and yet something was written to it: TCP answers with a reset.
pub(super) fn written_after_close(fam: &mut Family, id: SocketId) {
    let Ok(s) = fam.net.get(id) else { return };
    let Some(r) = &s.rings else { return };
    let output = r.output();
    if output.used() == Ok(0) {
        return output.arm(Side::Reader, protocol::MONITOR_SLOT);
    }
    if output.closed() & CLOSED_READ == 0 {
        output.close(CLOSED_READ | CLOSED_WRITE);
        r.input().set_error(Errno::EPIPE.0 as u32);
    }
    wake_both(&r.input(), &fam.events, s.object);
    wake_both(&output, &fam.events, s.object);
    wake(fam, id);
}

/// Something was written to a socket that was shut down both ways: TCP resets the connection.
pub(super) fn written_after_shutdown(fam: &mut Family, id: SocketId) {
    let Ok(s) = fam.net.get(id) else { return };
    let (Some(r), object) = (&s.rings, s.object) else { return };
    let (input, output) = (r.input(), r.output());
    if input.used() == Ok(0) {
        return input.arm(Side::Reader, protocol::MONITOR_SLOT);
    }
    // What came is not there to be read. A reader that has the lock just now may still get it.
    if input.try_lock(Side::Reader, MONITOR_LOCK) {
        if let Ok(used) = input.used() {
            input.commit_read(used);
        }
        input.unlock(Side::Reader, MONITOR_LOCK);
    }
    // The writer has seen our end, so that it gets another error than we do.
    output.set_error(Errno::EPIPE.0 as u32);
    input.set_error(Errno::ECONNRESET.0 as u32);
    input.close(CLOSED_WRITE | CLOSED_READ);
    wake_both(&input, &fam.events, object);
    wake_both(&output, &fam.events, object);
}

/// Gives up a socket's name or port.
fn unname(fam: &mut Family, id: SocketId) {
    let Ok(s) = fam.net.get(id) else { return };
    if !s.bound {
        return;
    }
    match s.local.clone() {
        Name::Inet(addr) => {
            if let Ok(ports) = fam.net.ports_of(id) {
                ports.unbind(addr.port(), id);
            }
        }
        Name::Unix(_) => unix::unbind(fam, id),
        Name::Netlink { .. } | Name::None => {}
    }
}

/// The socket is no longer announced by its object.
pub(super) fn leave_object(fam: &mut Family, id: SocketId) {
    let Ok(object) = fam.net.get(id).map(|s| s.object) else { return };
    let Some(users) = fam.net.users.get_mut(&object) else { return };
    users.retain(|u| *u != id);
    if users.is_empty() {
        fam.net.users.remove(&object);
        fam.objects.free(object);
    }
}

/// Removes a socket that nobody knows any more.
pub(super) fn discard(fam: &mut Family, id: SocketId) {
    leave_object(fam, id);
    let Some(s) = fam.net.sockets.remove(id.0) else { return };
    if let Some(r) = s.rings {
        fam.regions.disown(r.region);
    }
}

/// The family ends: what its programs wrote still goes out, for a moment.
pub fn finish(fam: &mut Family) {
    let end = Instant::now() + DRAIN;
    loop {
        let waiting: Vec<SocketId> =
            fam.net.sockets.iter().filter(|(_, s)| relay::draining(s)).map(|(id, _)| SocketId(id)).collect();
        if waiting.is_empty() || Instant::now() >= end {
            return;
        }
        for id in waiting {
            relay::host_writable(fam, id);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
