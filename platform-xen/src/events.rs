//! Events: pending bits in the events region; an event channel wakes whoever sleeps.

use alloc::collections::BTreeMap;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use platform_x86::percpu;
use platform_x86::words::Words;
use protocol::xen::{ASK_BIND, ASK_RING, EVENTS_DOMAIN, PageGrant};
use protocol::{MONITOR_SLOT, SharedMem, events};

use crate::layout::VIEWS;

use crate::{door, hypercall, rest, shared_info, turns};

/// Where the events region is mapped: no lookup on the way to a pending bit.
pub const EVENTS: usize = VIEWS.0 + 0x1000_0000;

static SLOT: AtomicU32 = AtomicU32::new(0);
/// The own part of the region is mapped. A domain's own: a clone has it mapped later than its parent.
#[unsafe(link_section = ".bss.shell")]
static READY: AtomicBool = AtomicBool::new(false);
/// The last sleep was short, or what came since came while others had the CPU: the next wait may be short as well.
static BRISK: AtomicBool = AtomicBool::new(false);
/// A sleep of fewer nanoseconds is short: two processes that answer each other.
const SHORT: u64 = 50_000;
/// Ports to other members, by slot, with the domain that the slot had.
static PORTS: spin::Mutex<BTreeMap<u32, (u32, u32)>> = spin::Mutex::new(BTreeMap::new());

/// The events region at its place.
// SAFETY: a view of the region, mapped on demand, for good; accessed only atomically.
static EVENTS_MEM: Words = unsafe { Words::new(EVENTS, events::REGION_SIZE) };

/// Takes the slot; its part of the region is mapped.
pub fn set_slot(slot: u32) {
    SLOT.store(slot, Ordering::Relaxed);
    READY.store(true, Ordering::Relaxed);
}

/// In a fresh clone: ports were the parent's.
pub fn become_child() {
    PORTS.lock().clear();
}

/// See `Events::slot`.
pub fn slot() -> u32 {
    SLOT.load(Ordering::Relaxed)
}

/// Takes all event channels' pending bits; what they mean is in the region, or that a timer is due. Who takes another one
/// than the monitor's is to look before the app goes on: it does not come again.
pub fn acknowledge() {
    if shared_info::take_ports(door::header().port) {
        percpu::this().kicked();
    }
}

/// Takes one port; true when it was pending.
pub fn clear_port(port: u32) -> bool {
    shared_info::take_port(port)
}

/// After an answer of the monitor, whose event may have meant more: the kernel is to look before the app goes on.
pub fn look_soon() {
    let other = shared_info::take_ports(door::header().port);
    if other || READY.load(Ordering::Relaxed) && events::any_pending(&EVENTS_MEM, slot()) {
        percpu::this().kicked();
    }
}

/// See `Events::notify`.
pub fn notify(to: u32, event: u32) {
    if !events::post(&EVENTS_MEM, to, event) {
        return;
    }
    if to == MONITOR_SLOT {
        hypercall::send(door::header().port);
    } else if to == slot() {
        percpu::this().kicked();
    } else if let Some(port) = port_to(to) {
        hypercall::send(port);
    } else {
        // One of us has as many ports as Xen allows; the monitor has one to each.
        door::ask(ASK_RING, &[to.into()]);
    }
}

/// The port to a member, bound at first use and when the slot has another domain. None when there can be none.
fn port_to(slot: u32) -> Option<u32> {
    let domain = EVENTS_MEM.u32_at(events::slot_base(slot) + EVENTS_DOMAIN).load(Ordering::Relaxed);
    let mut ports = PORTS.lock();
    if let Some((bound, port)) = ports.get(&slot).copied() {
        if bound == domain {
            return Some(port);
        }
        ports.remove(&slot);
        hypercall::close_port(port);
    }
    if door::ask(ASK_BIND, &[slot.into()]) < 0 {
        return None;
    }
    let end: PageGrant = door::get(0);
    let port = hypercall::bind_interdomain(end.domid, end.gref).or_else(|| {
        // No port is free. Those that are in use are bound again when they are needed.
        core::mem::take(&mut *ports).into_values().for_each(|(_, port)| hypercall::close_port(port));
        hypercall::bind_interdomain(end.domid, end.gref)
    })?;
    ports.insert(slot, (end.domid, port));
    Some(port)
}

/// See `Events::pending`.
pub fn pending() -> bool {
    percpu::this().is_kicked() || events::any_pending(&EVENTS_MEM, slot()) || door::has_notices()
}

/// See `Events::take`.
pub fn take(each: &mut dyn FnMut(u32)) {
    percpu::this().kick_seen();
    crate::space::take_notices();
    events::take_all(&EVENTS_MEM, slot(), each);
}

/// See `Events::wait`.
pub fn wait(deadline: Option<u64>) {
    acknowledge();
    if BRISK.load(Ordering::Relaxed) {
        if turns::until(&mut pending) {
            return;
        }
        BRISK.store(false, Ordering::Relaxed);
    }
    if events::prepare_sleep(&EVENTS_MEM, slot()).is_none() {
        return;
    }
    if !percpu::this().is_kicked() {
        let start = shared_info::system_time();
        hypercall::idle(rest::deadline(deadline, start));
        let time = shared_info::system_time().saturating_sub(start);
        BRISK.store(time < SHORT, Ordering::Relaxed);
        rest::slept(time, deadline);
    }
    events::finish_sleep(&EVENTS_MEM, slot());
}

/// See `Events::linger`.
pub fn linger(done: &mut dyn FnMut() -> bool) {
    if BRISK.load(Ordering::Relaxed) && !turns::until(&mut || done() || pending()) {
        BRISK.store(false, Ordering::Relaxed);
    }
}

/// See `Events::wait_reply`.
pub fn wait_reply(done: &mut dyn FnMut() -> bool) {
    acknowledge();
    if !turns::until(done) && events::prepare_reply_sleep(&EVENTS_MEM, slot(), done).is_some() {
        hypercall::idle(None);
        events::finish_sleep(&EVENTS_MEM, slot());
    }
    // What came with the reply is to be true before the app goes on, and is not told again.
    crate::space::take_notices();
    if events::any_pending(&EVENTS_MEM, slot()) {
        percpu::this().kicked();
    }
}
