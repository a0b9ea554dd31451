//! What a thread that ends leaves in memory: locks on its robust list are marked and their waiters woken (get_robust_list(2)),
//! its clear-child-tid word becomes zero (set_tid_address(2)).

use abi::errno::{Errno, SysResult};
use abi::process::{FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS, ROBUST_LIST_LIMIT, RobustListHead};
use core::sync::atomic::Ordering;
use zerocopy::{FromZeros, IntoBytes};

use super::{ANY, place, wake};
use crate::Thread;
use crate::kernel::kernel;

/// Bit of an entry's address that marks a lock of the priority-inheritance kind.
const PI: u64 = 1;

/// The thread ends, or its program does. What cannot be read any more is left as it is.
pub fn thread_exit(t: &Thread) {
    let head = t.robust_list.swap(0, Ordering::Relaxed);
    if head != 0 {
        let _ = walk(t, head);
    }
    let word = t.clear_child_tid.swap(0, Ordering::Relaxed);
    if word != 0 {
        let _ = clear(t, word);
    }
}

fn clear(t: &Thread, word: usize) -> SysResult<()> {
    kernel().platform.copy_out(word, &0u32.to_le_bytes()).map_err(|_| Errno::EFAULT)?;
    wake(place(&t.process.mm, word, false)?, 1, ANY)?;
    Ok(())
}

fn read_u64(addr: u64) -> SysResult<u64> {
    let mut v = 0u64;
    kernel().platform.copy_in(addr as usize, v.as_mut_bytes()).map_err(|_| Errno::EFAULT)?;
    Ok(v)
}

fn walk(t: &Thread, at: usize) -> SysResult<()> {
    let mut head = RobustListHead::new_zeroed();
    kernel().platform.copy_in(at, head.as_mut_bytes()).map_err(|_| Errno::EFAULT)?;
    let futex = |entry: u64| (entry & !PI).wrapping_add(head.futex_offset as u64) as usize;
    let mut entry = head.list;
    for _ in 0..ROBUST_LIST_LIMIT {
        if entry & !PI == at as u64 {
            break;
        }
        // Read before the lock is given up: its next owner may change the list.
        let next = read_u64(entry & !PI);
        if entry & !PI != head.list_op_pending & !PI {
            leave_lock(t, futex(entry), false)?;
        }
        entry = next?;
    }
    if head.list_op_pending != 0 {
        leave_lock(t, futex(head.list_op_pending), head.list_op_pending & PI == 0)?;
    }
    Ok(())
}

/// Marks a lock that the thread held. `pending`: the thread may have died within an unlock, between freeing the word and
/// waking a waiter.
fn leave_lock(t: &Thread, addr: usize, pending: bool) -> SysResult<()> {
    let place = place(&t.process.mm, addr, false)?;
    let pf = kernel().platform;
    loop {
        let word = pf.load_u32(addr).map_err(|_| Errno::EFAULT)?;
        if word == 0 && pending {
            wake(place, 1, ANY)?;
            return Ok(());
        }
        if word & FUTEX_TID_MASK != t.tid() {
            return Ok(());
        }
        let marked = word & FUTEX_WAITERS | FUTEX_OWNER_DIED;
        if pf.cas_u32(addr, word, marked).map_err(|_| Errno::EFAULT)? == word {
            if word & FUTEX_WAITERS != 0 {
                wake(place, 1, ANY)?;
            }
            return Ok(());
        }
    }
}
