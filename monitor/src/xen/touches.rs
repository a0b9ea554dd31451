//! What clones of a member touched of its memory, in the order in which they did: a later clone that goes the same way is
//! told what will come, so that it need not ask for each page.

use std::collections::HashSet;

/// Addresses that are kept of one member.
const KEPT: usize = 1024;
/// Questions that a clone asks before it is told of what others touched: one that only execs or ends wants none of it.
const UNTOLD: u32 = 4;

/// What clones of one member touched.
#[derive(Debug, Default)]
pub struct Touches {
    order: Vec<u64>,
    known: HashSet<u64>,
}

/// How far a clone has been told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// Whose touches these were.
    of: u32,
    next: usize,
}

impl Touches {
    /// A clone touched the page at this address.
    pub fn add(&mut self, addr: u64) {
        if self.order.len() < KEPT && self.known.insert(addr) {
            self.order.push(addr);
        }
    }

    /// The addresses of member `of` that come next for a clone that has asked so often: more each time, at most `room`.
    pub fn next(&self, of: u32, told: &mut Told, asked: u32, room: usize) -> &[u64] {
        if told.of != of {
            *told = Told { of, next: 0 };
        }
        let count = if asked < UNTOLD { 0 } else { room.min(2 * asked as usize) };
        let from = told.next.min(self.order.len());
        told.next = (from + count).min(self.order.len());
        &self.order[from..told.next]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_is_told_once_and_more_each_time() {
        let mut touches = Touches::default();
        for page in (0..40u64).chain(0..40) {
            touches.add(page << 12);
        }
        let mut told = Told::default();
        let mut counts = Vec::new();
        for asked in 1..=8 {
            counts.push(touches.next(7, &mut told, asked, 31).len());
        }
        assert_eq!(counts, [0, 0, 0, 8, 10, 12, 10, 0]);
        // Another ancestor's are others.
        assert_eq!(touches.next(8, &mut told, 4, 5), [0, 1 << 12, 2 << 12, 3 << 12, 4 << 12]);
    }

    #[test]
    fn no_more_is_kept_than_has_room() {
        let mut touches = Touches::default();
        (0..=KEPT as u64).for_each(|page| touches.add(page));
        assert_eq!(touches.next(1, &mut Told::default(), u32::MAX / 2, usize::MAX).len(), KEPT);
    }
}
