//! Futexes: waiting on words of memory; futex(2).
//!
//! A futex in memory that only this member maps is a queue in [`Table`]. One in shared memory is the monitor's: a waiter
//! registers there, looks at the word again, and sleeps; a wake-up comes by the inbox. All wakes of shared futexes go
//! through the monitor, so that waiters of all members are woken in order and counted right.

mod ops;
mod pi;
mod robust;
mod table;
mod wait;

use abi::errno::{Errno, SysResult};
use platform::sync::{Mutex, Rank};
use protocol::Op;

pub use ops::{requeue, wake_op};
pub use pi::{lock_pi, unlock_pi};
pub use robust::thread_exit;
pub use table::Place;
pub use wait::{Want, wait};

use crate::kernel::kernel;
use crate::mm::AddressSpace;
use crate::wait_on::Waker;
use table::Table;

static TABLE: Mutex<Table<Waker>> = Mutex::new(Rank::Futex, Table::new());

/// All bits: a wait or wake without a bitset.
pub const ANY: u32 = abi::process::FUTEX_BITSET_MATCH_ANY;

/// The futex at `addr`; `private` promises that no other process uses it. EINVAL: not aligned.
pub fn place(mm: &AddressSpace, addr: usize, private: bool) -> SysResult<Place> {
    if !addr.is_multiple_of(size_of::<u32>()) {
        return Err(Errno::EINVAL);
    }
    let shared = if private { None } else { mm.region_at(addr) };
    Ok(shared.map_or(Place::Private(addr), |(region, offset)| Place::Shared { region, offset }))
}

/// Wakes up to `most` waiters, and says how many.
pub fn wake(place: Place, most: usize, bitset: u32) -> SysResult<usize> {
    match place {
        Place::Private(_) => {
            let woken = TABLE.lock().wake(place, most, bitset);
            woken.iter().for_each(Waker::wake);
            Ok(woken.len())
        }
        Place::Shared { region, offset } => {
            let args = [region, offset, most as u64, bitset.into()];
            let count = kernel().host.call(Op::FutexWake, &args)?.ret();
            // Own waiters are told by the inbox.
            kernel().sched.request_work();
            Ok(count as usize)
        }
    }
}

/// The monitor woke the thread that registered for this place.
pub fn woken_by_monitor(region: u64, offset: u64, tid: u32) {
    let waiter = TABLE.lock().wake_thread(Place::Shared { region, offset }, tid);
    if let Some(waiter) = waiter {
        waiter.wake();
    }
}

/// In a clone: nobody waits.
pub fn child() {
    TABLE.lock().clear();
}
