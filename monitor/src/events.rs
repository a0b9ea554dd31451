//! The events region as the monitor uses it: posting to members, taking its own.

use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU32;

use protocol::{MAX_MEMBERS, MAX_OBJECTS, MONITOR_SLOT, SharedMem, events};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use crate::mapping::Mapped;

/// The region, the monitor's doorbell, and the members to be woken at the next [`EventsRegion::flush`].
pub struct EventsRegion {
    mem: Mapped,
    file: OwnedFd,
    doorbell: OwnedFd,
    wake: RefCell<Vec<u32>>,
}

impl EventsRegion {
    /// A fresh region.
    pub fn new() -> Result<Self, Errno> {
        let (file, mem) = Mapped::create("offshoot-events", events::REGION_SIZE)?;
        let doorbell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { mem, file, doorbell, wake: RefCell::default() })
    }

    /// For members.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// The eventfd by which members wake the monitor.
    pub fn doorbell(&self) -> BorrowedFd<'_> {
        self.doorbell.as_fd()
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
            futex_wake(self.mem.u32_at(events::slot_base(slot) + events::WAKE));
        }
    }

    /// Marks something for the monitor's own attention: a member that has more requests, or an object.
    pub fn post_self(&self, event: u32) {
        if event < MAX_OBJECTS {
            events::post(&self.mem, MONITOR_SLOT, event);
        }
    }

    /// Takes the doorbell's count; what it announced is pending.
    pub fn clear_doorbell(&self) {
        // EAGAIN when somebody else's ring was taken already: nothing to do either.
        let _ = rustix::io::read(&self.doorbell, &mut [0; 8]);
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
