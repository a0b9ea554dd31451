//! Pages that clones touch first: where the parent stands, and what earlier clones soon touched. They go with the kernel's
//! frames, so that a clone need not ask for them.

use abi::mm::PAGE_SIZE;

/// Touches of earlier clones that are kept.
const TOUCHED: usize = 24;
/// Most pages that go along.
pub const MOST: usize = 32;

struct Hot {
    touched: [usize; TOUCHED],
    next: usize,
    /// What goes with the clone that is being made.
    sent: [usize; MOST],
    count: usize,
}

static HOT: spin::Mutex<Hot> =
    spin::Mutex::new(Hot { touched: [0; TOUCHED], next: 0, sent: [0; MOST], count: 0 });

/// A clone touched the page at an address.
pub fn touched(addr: usize) {
    let page = addr & !(PAGE_SIZE - 1);
    let mut hot = HOT.lock();
    if !hot.touched.contains(&page) {
        let at = hot.next % TOUCHED;
        hot.touched[at] = page;
        hot.next += 1;
    }
}

/// Chooses what goes along: `take` says of a page whether it can.
pub fn choose(places: &[usize], take: &mut dyn FnMut(usize) -> bool) {
    let mut hot = HOT.lock();
    let touched = hot.touched;
    hot.count = 0;
    for addr in places.iter().chain(&touched) {
        let page = addr & !(PAGE_SIZE - 1);
        let count = hot.count;
        if page != 0 && count < MOST && !hot.sent[..count].contains(&page) && take(page) {
            hot.sent[count] = page;
            hot.count += 1;
        }
    }
}

/// In the clone: what came along.
pub fn sent() -> ([usize; MOST], usize) {
    let hot = HOT.lock();
    (hot.sent, hot.count)
}
