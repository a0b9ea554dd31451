//! Frames of members that the monitor writes to once. To unmap them costs more than to write them, and is left for an idle
//! moment.

use std::cell::Cell;
use std::rc::Rc;

use abi::Errno;

use super::hyper::Hypervisor;
use super::window::Window;

/// Pages that are mapped before all of them are unmapped: as many as go at one time.
const PAGES: usize = 512;

/// A window of its own for them.
pub struct Scratch {
    window: Rc<dyn Window>,
    used: Cell<usize>,
}

impl Scratch {
    /// With nothing mapped.
    pub fn new(hyper: &dyn Hypervisor) -> Result<Self, Errno> {
        Ok(Self { window: hyper.window(PAGES)?, used: Cell::new(0) })
    }

    /// Maps frames of a domain, until something else is mapped; the first page.
    pub fn map(&self, domain: u32, gfns: &[u64]) -> Result<usize, Errno> {
        if self.used.get() + gfns.len() > PAGES {
            self.clear();
        }
        let at = self.used.get();
        self.window.map(at, domain, gfns)?;
        self.used.set(at + gfns.len());
        Ok(at)
    }

    /// Where they are mapped.
    pub fn window(&self) -> &dyn Window {
        &*self.window
    }

    /// Unmaps everything; false when there is nothing.
    pub fn clear(&self) -> bool {
        let used = self.used.replace(0);
        // A window that cannot be changed keeps frames that nobody uses until the monitor ends.
        used > 0 && self.window.unmap(0, used).is_ok()
    }
}
