//! Rings of connections: making them, connecting two sockets of the family, socketpair(2).

use abi::Errno;
use abi::socket::{AF_UNIX, SO_RCVBUF, SO_SNDBUF, SOCK_TYPE_MASK};
use protocol::ring::{Ring, Side, size_of_ring};

use super::socket::{Rings, State};
use super::{Name, SocketId, create, creds_of, end, socket_flags};
use crate::descs::Body;
use crate::events::EventsRegion;
use crate::family::Family;
use crate::mapping::Mapped;
use crate::regions::RegionId;

/// Data bytes of each ring of a connection within the family.
const LOCAL_CAP: u32 = 0x4_0000;
/// … and of one with the outside: what the host's own buffers hold comes on top.
const HOST_CAP: u32 = 0x2_0000;
const MIN_CAP: u32 = 0x1000;
const MAX_CAP: u32 = 0x10_0000;

/// The capacity that a socket's buffer options ask for.
fn capacity(fam: &Family, ids: &[SocketId], default: u32) -> u32 {
    let asked = ids.iter().filter_map(|id| {
        let s = fam.net.get(*id).ok()?;
        s.options.buffer(SO_SNDBUF).max(s.options.buffer(SO_RCVBUF))
    });
    asked.max().map_or(default, |n| (n as u32).next_power_of_two().clamp(MIN_CAP, MAX_CAP))
}

/// A region with two rings that announce changes as `object`: the rings of the one end. The caller owns the region.
fn make(fam: &mut Family, cap: u32, object: u32) -> Result<Rings, Errno> {
    let region = fam.regions.create("offshoot-socket", 2 * size_of_ring(cap) as u64)?;
    let view = fam.regions.view(region).inspect_err(|_| fam.regions.disown(region))?;
    let rings = Rings { region, view, in_off: 0, out_off: size_of_ring(cap), cap };
    rings.input().init(object);
    rings.output().init(object);
    Ok(rings)
}

/// The same rings seen from the other end.
fn mirrored(r: &Rings) -> Rings {
    Rings { region: r.region, view: r.view.clone(), in_off: r.out_off, out_off: r.in_off, cap: r.cap }
}

/// Gives a datagram socket the ring that it receives in.
pub(super) fn datagram_ring(fam: &mut Family, id: SocketId) -> Result<(), Errno> {
    let region = fam.regions.create("offshoot-datagrams", size_of_ring(LOCAL_CAP) as u64)?;
    let view = fam.regions.view(region).inspect_err(|_| fam.regions.disown(region))?;
    let s = fam.net.get_mut(id)?;
    let rings = Rings { region, view, in_off: 0, out_off: 0, cap: LOCAL_CAP };
    rings.input().init(s.object);
    s.rings = Some(rings);
    Ok(())
}

/// Gives a socket that is connected with the outside its rings.
pub(super) fn host_rings(fam: &mut Family, id: SocketId) -> Result<(), Errno> {
    let cap = capacity(fam, &[id], HOST_CAP);
    let object = fam.net.get(id)?.object;
    let rings = make(fam, cap, object)?;
    let s = fam.net.get_mut(id)?;
    s.rings = Some(rings);
    s.state = State::Connected;
    Ok(())
}

/// Connects two sockets; `b` gives up its own object for `a`'s.
pub(super) fn join(fam: &mut Family, a: SocketId, b: SocketId) -> Result<(), Errno> {
    let cap = capacity(fam, &[a, b], LOCAL_CAP);
    let object = fam.net.get(a)?.object;
    let rings = make(fam, cap, object)?;
    fam.regions.own(rings.region);
    let theirs = mirrored(&rings);
    let s = fam.net.get_mut(a)?;
    (s.rings, s.state, s.mate) = (Some(rings), State::Connected, Some(b));
    end::leave_object(fam, b);
    let s = fam.net.get_mut(b)?;
    (s.rings, s.state, s.mate, s.object) = (Some(theirs), State::Connected, Some(a), object);
    fam.net.users.entry(object).or_default().push(b);
    Ok(())
}

/// Everyone who waits at either side of a ring looks again.
pub(super) fn wake_both(ring: &Ring<'_, Mapped>, events: &EventsRegion, object: u32) {
    for side in [Side::Reader, Side::Writer] {
        ring.take_waiters(side, |slot| {
            if slot == protocol::MONITOR_SLOT {
                events.post_self(object);
            } else {
                events.post(slot, object);
            }
        });
    }
}

/// socketpair(2): both descriptions, and the regions of their rings (one for connections, two for datagrams).
pub fn socket_pair(
    fam: &mut Family,
    pid: u32,
    domain: u32,
    stype: u32,
    protocol: i32,
) -> Result<([u32; 2], Vec<RegionId>), Errno> {
    let flags = socket_flags(stype)?;
    let a = create(fam, pid, domain, stype & SOCK_TYPE_MASK, protocol)?;
    if domain != u32::from(AF_UNIX) {
        end::discard(fam, a);
        return Err(Errno::EOPNOTSUPP);
    }
    let b =
        create(fam, pid, domain, stype & SOCK_TYPE_MASK, protocol).inspect_err(|_| end::discard(fam, a))?;
    let linked = link(fam, a, b, pid);
    if let Err(e) = linked {
        end::discard(fam, a);
        end::discard(fam, b);
        return Err(e);
    }
    let mut regions = Vec::new();
    for id in [a, b] {
        regions.extend(fam.net.get(id)?.rings.as_ref().map(|r| r.region));
    }
    regions.dedup();
    let da = match fam.open_desc(pid, Body::Socket(a), flags) {
        Ok(d) => d,
        Err(e) => {
            end::release(fam, b);
            return Err(e);
        }
    };
    let db = fam.open_desc(pid, Body::Socket(b), flags).inspect_err(|_| fam.close_desc(da, pid))?;
    Ok(([da, db], regions))
}

fn link(fam: &mut Family, a: SocketId, b: SocketId, pid: u32) -> Result<(), Errno> {
    let creds = creds_of(fam, pid);
    if fam.net.get(a)?.connects() {
        join(fam, a, b)?;
    } else {
        fam.net.get_mut(a)?.mate = Some(b);
        fam.net.get_mut(b)?.mate = Some(a);
    }
    for id in [a, b] {
        let s = fam.net.get_mut(id)?;
        s.peer_creds = Some(creds);
        s.peer = Name::None;
    }
    Ok(())
}
