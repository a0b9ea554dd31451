//! Open host descriptors that are kept for the next use, in bounded number. Nodes only hold them weakly.

use std::any::Any;
use std::collections::VecDeque;
use std::rc::Rc;

/// At most so many descriptors are kept per tree.
const MAX: usize = 768;

/// The most recently opened descriptors.
#[derive(Default)]
pub struct Cache {
    kept: VecDeque<Rc<dyn Any>>,
}

impl Cache {
    /// Keeps one more, at the cost of the oldest.
    pub fn keep(&mut self, fd: Rc<dyn Any>) {
        if self.kept.len() >= MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(fd);
    }
}
