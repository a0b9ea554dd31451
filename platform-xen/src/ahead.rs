//! How many pages come with one that is touched. A page that comes along is a page that this member has a copy of, needed or
//! not; one that does not come is a further question at the door. So few come where pages are touched here and there, and
//! more where they are touched in a row, or where so many questions were asked that most are likely to be wanted.

use core::ops::Range;

use abi::mm::PAGE_SIZE;

/// With so many questions asked, at least a page more for each comes at a time.
const PATIENCE: usize = 16;

/// What has come so far of one kind of pages.
#[derive(Debug)]
pub struct Ahead {
    most: usize,
    questions: usize,
    /// Addresses of what came last.
    last: Range<usize>,
}

impl Ahead {
    /// Nothing, and at most so many pages at a time.
    pub const fn new(most: usize) -> Self {
        Self { most, questions: 0, last: 0..0 }
    }

    /// How many pages are to come with the one at this address, if nothing speaks for more than a `few`: a power of two.
    pub fn pages(&self, addr: usize, few: usize) -> usize {
        let last = self.last.len() / PAGE_SIZE;
        let near = self.last.start.saturating_sub(self.last.len())..self.last.end + self.last.len();
        let in_a_row = if near.contains(&addr) { (last * 2).next_power_of_two() } else { few };
        let many = (self.questions / PATIENCE).next_power_of_two();
        in_a_row.max(many).clamp(few, self.most)
    }

    /// These addresses were asked for.
    pub fn came(&mut self, addresses: Range<usize>) {
        self.last = addresses;
        self.questions += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: usize = 0x40_0000;

    fn ask(ahead: &mut Ahead, addr: usize) -> usize {
        let pages = ahead.pages(addr, 4);
        ahead.came(addr..addr + pages * PAGE_SIZE);
        pages
    }

    #[test]
    fn a_row_brings_more_each_time_and_a_jump_few() {
        let mut ahead = Ahead::new(32);
        let mut at = AT;
        for wanted in [4, 8, 16, 32, 32] {
            assert_eq!(ask(&mut ahead, at), wanted);
            at += wanted * PAGE_SIZE;
        }
        assert_eq!(ask(&mut ahead, at + 100 * PAGE_SIZE), 4);
        // Downwards is a row too.
        assert_eq!(ask(&mut ahead, at + 99 * PAGE_SIZE), 8);
    }

    #[test]
    fn who_asks_often_gets_more() {
        let mut ahead = Ahead::new(32);
        let counts: [usize; 600] = core::array::from_fn(|i| ask(&mut ahead, AT + i * (PAGE_SIZE << 8)));
        assert_eq!([counts[0], counts[79], counts[100], counts[599]], [4, 4, 8, 32]);
    }
}
