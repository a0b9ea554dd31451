//! Waiting awake. What another domain is asked for often takes it less time than Xen needs to put the asker to sleep and to
//! wake it. So whoever waits lets others have the CPU a few times first; meanwhile nobody needs to ring.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::hypercall;
use crate::shared_info::system_time;

/// How often others get the CPU.
const TURNS: u32 = 4;
/// Others that keep the CPU for so long, in nanoseconds, are not those that are waited for.
const LONG: u64 = 1_000_000;
/// How many waits go to sleep at once after such a turn.
const RESTS: u32 = 32;

/// Waits that are still to go to sleep at once.
static RESTING: AtomicU32 = AtomicU32::new(0);

/// Waits a little until it is done; false when it is not.
pub fn until(done: &mut dyn FnMut() -> bool) -> bool {
    let resting = RESTING.load(Ordering::Relaxed);
    if resting > 0 {
        RESTING.store(resting - 1, Ordering::Relaxed);
        return done();
    }
    for _ in 0..TURNS {
        if done() {
            return true;
        }
        let start = system_time();
        hypercall::yield_now();
        if system_time().saturating_sub(start) > LONG {
            RESTING.store(RESTS, Ordering::Relaxed);
            break;
        }
    }
    done()
}
