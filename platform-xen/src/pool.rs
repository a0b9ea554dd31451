//! Xen's tables of where a domain's frames are. They come from a pool that belongs to the domain, and count as its memory; so
//! it is small at first and grows with the frame numbers that are used. A table is for 512 numbers.

use core::cell::UnsafeCell;

use protocol::xen::{ASK_POOL, POOL_PAGES};

use crate::door;

/// Frame numbers of a table, as a shift.
const TABLE: u32 = 9;
/// Tables that are accounted for: up to 4 GiB, where all zones end.
const TABLES: usize = (1 << 20) >> TABLE;
/// Pages for the upper levels, for what the builder made, and for Xen's own use.
const OTHERS: u32 = 16;
/// Pages that the pool grows by at least.
const STEP: u32 = 32;

struct Pool {
    /// One bit a table.
    used: [u64; TABLES / 64],
    count: u32,
    size: u32,
}

struct Shared(UnsafeCell<Pool>);
// SAFETY: one virtual CPU, and nothing that interrupts it comes here.
unsafe impl Sync for Shared {}
/// A domain's own.
#[unsafe(link_section = ".bss.shell")]
static POOL: Shared = Shared(UnsafeCell::new(Pool { used: [0; TABLES / 64], count: 0, size: 0 }));

/// Sees to it that these frame numbers can be used, as far as the monitor and Xen let it.
pub fn make_room(gfns: impl Iterator<Item = u64>) {
    // SAFETY: not reentered: what is asked below comes from here alone.
    let pool = unsafe { &mut *POOL.0.get() };
    for gfn in gfns {
        let table = (gfn >> TABLE) as usize % TABLES;
        let (word, bit) = (table / 64, 1 << (table % 64));
        if pool.used[word] & bit == 0 {
            pool.used[word] |= bit;
            pool.count += 1;
        }
    }
    let needed = pool.count + OTHERS;
    if needed > pool.size.max(POOL_PAGES) {
        // Without more, what was wanted fails as without memory.
        let size = door::ask(ASK_POOL, &[(needed + STEP).into()]);
        pool.size = pool.size.max(u32::try_from(size).unwrap_or(0));
    }
}
