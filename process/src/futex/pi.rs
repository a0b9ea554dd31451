//! Locks whose word names its owner: FUTEX_LOCK_PI and its relatives.
//!
//! There is one priority here, so nothing is inherited. What remains is the protocol of the word: the owner's thread id,
//! FUTEX_WAITERS when the owner must call the kernel to unlock, FUTEX_OWNER_DIED. An unlock frees the word and wakes the
//! longest waiter, which takes the lock unless another thread was quicker; whoever takes it after waiting sets
//! FUTEX_WAITERS, because others may wait still.

use abi::errno::{Errno, SysResult};
use abi::process::{FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS};

use super::wait::{Want, wait};
use super::{ANY, Place, wake};
use crate::Thread;
use crate::kernel::kernel;

fn load(addr: usize) -> SysResult<u32> {
    kernel().platform.load_u32(addr).map_err(|_| Errno::EFAULT)
}

fn swap(addr: usize, old: u32, new: u32) -> SysResult<bool> {
    Ok(kernel().platform.cas_u32(addr, old, new).map_err(|_| Errno::EFAULT)? == old)
}

/// Takes the lock. EDEADLK: the caller has it; ESRCH: its owner is gone without having been robust; EAGAIN: `only_try`
/// and another has it; ETIMEDOUT.
pub fn lock_pi(
    t: &Thread,
    place: Place,
    addr: usize,
    deadline: Option<u64>,
    only_try: bool,
) -> SysResult<()> {
    let mut waited = 0;
    loop {
        let word = load(addr)?;
        let owner = word & FUTEX_TID_MASK;
        if owner == 0 {
            if swap(addr, word, t.tid() | word & FUTEX_OWNER_DIED | waited)? {
                return Ok(());
            }
            continue;
        }
        if owner == t.tid() {
            return Err(Errno::EDEADLK);
        }
        let private = matches!(place, Place::Private(_));
        if private && !t.process.threads.lock().iter().any(|o| o.tid() == owner) {
            return Err(Errno::ESRCH);
        }
        if only_try {
            return Err(Errno::EAGAIN);
        }
        let value = word | FUTEX_WAITERS;
        if word != value && !swap(addr, word, value)? {
            continue;
        }
        match wait(&[Want { place, addr, value, bitset: ANY }], deadline) {
            Ok(_) => waited = FUTEX_WAITERS,
            Err(Errno::EAGAIN) => {}
            Err(Errno::ERESTARTSYS) => return Err(Errno::ERESTARTNOINTR),
            Err(e) => return Err(e),
        }
    }
}

/// Gives the lock back. EPERM: the caller does not have it.
pub fn unlock_pi(t: &Thread, place: Place, addr: usize) -> SysResult<()> {
    loop {
        let word = load(addr)?;
        if word & FUTEX_TID_MASK != t.tid() {
            return Err(Errno::EPERM);
        }
        if swap(addr, word, 0)? {
            wake(place, 1, ANY)?;
            return Ok(());
        }
    }
}
