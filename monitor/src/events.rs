//! The events region as the monitor uses it: posting to members, taking its own.

use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use abi::Errno;
use protocol::xen::{EVENTS_DOMAIN, NO_DOMAIN};
use protocol::{MAX_MEMBERS, MAX_OBJECTS, MONITOR_SLOT, SharedMem, events};
use rustix::event::{EventfdFlags, eventfd};

use crate::mapping::Mapped;
use crate::regions::{Backing, Memory};
use crate::xen::Ports;

/// How sleepers are woken.
pub enum Bell {
    /// Members by a futex on their wake word, the monitor by an eventfd.
    Futex(OwnedFd),
    /// Both by the event channel between them.
    Ports(Rc<Ports>),
}

impl Bell {
    /// The hosted platform's.
    pub fn futex() -> Result<Self, Errno> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        fd.map(Self::Futex).map_err(|e| Errno(e.raw_os_error()))
    }
}

/// The region, the monitor's doorbell, and the members to be woken at the next [`EventsRegion::flush`].
pub struct EventsRegion {
    mem: Mapped,
    backing: Backing,
    bell: Bell,
    wake: RefCell<Vec<u32>>,
}

impl EventsRegion {
    /// A fresh region.
    pub fn new(memory: &Memory, bell: Bell) -> Result<Self, Errno> {
        let (backing, mem) = memory.create_mapped("offshoot-events", events::REGION_SIZE as u64)?;
        Ok(Self { mem, backing, bell, wake: RefCell::default() })
    }

    /// For members.
    pub fn backing(&self) -> &Backing {
        &self.backing
    }

    /// Readable when members want the monitor's attention.
    pub fn doorbell(&self) -> BorrowedFd<'_> {
        match &self.bell {
            Bell::Futex(fd) => fd.as_fd(),
            Bell::Ports(ports) => ports.fd(),
        }
    }

    /// Marks `event` pending for member `slot`; true when it slept (it is woken at the next flush).
    pub fn post(&self, slot: u32, event: u32) -> bool {
        if slot == MONITOR_SLOT || slot >= MAX_MEMBERS || event >= MAX_OBJECTS {
            return false;
        }
        let sleeps = events::post(&self.mem, slot, event);
        if sleeps {
            let mut wake = self.wake.borrow_mut();
            if !wake.contains(&slot) {
                wake.push(slot);
            }
        }
        sleeps
    }

    /// Wakes the members that slept when something was posted to them.
    pub fn flush(&self) {
        for slot in self.wake.borrow_mut().drain(..) {
            match &self.bell {
                Bell::Futex(_) => futex_wake(self.mem.u32_at(events::slot_base(slot) + events::WAKE)),
                Bell::Ports(ports) => ports.ring(slot),
            }
        }
    }

    /// Marks something for the monitor's own attention: a member that has more requests, or an object.
    pub fn post_self(&self, event: u32) {
        if event < MAX_OBJECTS {
            events::post(&self.mem, MONITOR_SLOT, event);
        }
    }

    /// Takes what rang; the events that it announced are pending.
    pub fn clear_doorbell(&self) {
        if let Bell::Futex(doorbell) = &self.bell {
            // EAGAIN when somebody else's ring was taken already: nothing to do either.
            let _ = rustix::io::read(doorbell, &mut [0; 8]);
        }
    }

    /// True when something is pending for the monitor.
    pub fn pending(&self) -> bool {
        events::any_pending(&self.mem, MONITOR_SLOT)
    }

    /// Takes what is pending for the monitor.
    pub fn take(&self, each: impl FnMut(u32)) {
        events::take_all(&self.mem, MONITOR_SLOT, each);
    }

    /// Takes what is pending for a member.
    #[cfg(test)]
    pub fn take_for(&self, slot: u32, each: impl FnMut(u32)) {
        events::take_all(&self.mem, slot, each);
    }

    /// Announces that the monitor is about to sleep; false when something is pending.
    pub fn prepare_sleep(&self) -> bool {
        events::prepare_sleep(&self.mem, MONITOR_SLOT).is_some()
    }

    /// After sleeping.
    pub fn finish_sleep(&self) {
        events::finish_sleep(&self.mem, MONITOR_SLOT);
    }

    /// True while a member sleeps with nothing to do.
    pub fn sleeps(&self, slot: u32) -> bool {
        slot < MAX_MEMBERS && events::sleeps(&self.mem, slot)
    }

    /// Says which domain a slot has, on Xen.
    pub fn set_domain(&self, slot: u32, domain: Option<u32>) {
        let word = self.mem.u32_at(events::slot_base(slot) + EVENTS_DOMAIN);
        word.store(domain.unwrap_or(NO_DOMAIN), Ordering::SeqCst);
    }

    /// Makes a slot fresh for a new member.
    pub fn reset(&self, slot: u32) {
        events::reset(&self.mem, slot);
        self.wake.borrow_mut().retain(|s| *s != slot);
    }
}

/// Wakes everyone who sleeps on a futex word in shared memory (at most one thread per slot does).
fn futex_wake(word: &AtomicU32) {
    // The count of woken threads does not matter, and the call cannot fail on a mapped word.
    let _ = rustix::thread::futex::wake(word, rustix::thread::futex::Flags::empty(), i32::MAX as u32);
}
