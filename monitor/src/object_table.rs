//! Object numbers: names of shareable things in the pending bitmaps.

use abi::Errno;
use protocol::{FIRST_OBJECT, MAX_OBJECTS};

/// Gives out object numbers, each again only after all others were tried, so that late events rarely meet a new
/// owner (they would be spurious only).
pub struct ObjectTable {
    used: Vec<u64>,
    next: u32,
    count: u32,
}

impl Default for ObjectTable {
    fn default() -> Self {
        Self { used: vec![0; MAX_OBJECTS as usize / 64], next: FIRST_OBJECT, count: 0 }
    }
}

impl ObjectTable {
    /// A free number; ENFILE when there is none.
    pub fn alloc(&mut self) -> Result<u32, Errno> {
        if self.count == MAX_OBJECTS - FIRST_OBJECT {
            return Err(Errno::ENFILE);
        }
        while self.used[self.next as usize / 64] >> (self.next % 64) & 1 != 0 {
            self.advance();
        }
        let n = self.next;
        self.used[n as usize / 64] |= 1 << (n % 64);
        self.count += 1;
        self.advance();
        Ok(n)
    }

    /// Gives a number back.
    pub fn free(&mut self, n: u32) {
        if (FIRST_OBJECT..MAX_OBJECTS).contains(&n) && self.used[n as usize / 64] >> (n % 64) & 1 != 0 {
            self.used[n as usize / 64] &= !(1 << (n % 64));
            self.count -= 1;
        }
    }

    fn advance(&mut self) {
        self.next = if self.next + 1 == MAX_OBJECTS { FIRST_OBJECT } else { self.next + 1 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_once() {
        let mut t = ObjectTable::default();
        for n in FIRST_OBJECT..MAX_OBJECTS {
            assert_eq!(t.alloc(), Ok(n));
        }
        assert_eq!(t.alloc(), Err(Errno::ENFILE));
        t.free(5000);
        t.free(5000);
        assert_eq!(t.alloc(), Ok(5000));
        assert_eq!(t.alloc(), Err(Errno::ENFILE));
    }
}
