//! Event channels between the monitor and the members: one each, by which either rings the other.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use super::hyper::Hypervisor;

/// The monitor's ends.
pub struct Ports {
    hyper: Rc<dyn Hypervisor>,
    by_slot: RefCell<BTreeMap<u32, u32>>,
}

impl Ports {
    /// None yet.
    pub fn new(hyper: Rc<dyn Hypervisor>) -> Self {
        Self { hyper, by_slot: RefCell::default() }
    }

    /// Readable when somebody rang.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.hyper.fd()
    }

    /// The member in `slot` is reached by our end `port`.
    pub fn set(&self, slot: u32, port: u32) {
        self.by_slot.borrow_mut().insert(slot, port);
    }

    /// Nobody is reached by our end `port` any more.
    pub fn forget(&self, port: u32) {
        self.by_slot.borrow_mut().retain(|_, p| *p != port);
    }

    /// Rings the member in `slot`.
    pub fn ring(&self, slot: u32) {
        if let Some(port) = self.by_slot.borrow().get(&slot) {
            self.hyper.ring(*port);
        }
    }
}
