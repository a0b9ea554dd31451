//! Sleeping for a time; nanosleep(2), clock_nanosleep(2).

use abi::errno::{Errno, SysResult};

use super::Clock;
use crate::wait_on::{Waiter, Wake};

/// Shortest sleep between looks at a CPU clock, which may stand still.
const CPU_CLOCK_STEP: u64 = 1_000_000;

/// Sleeps until `clock` shows `until`. ERESTARTNOHAND: a signal is to be handled.
pub fn sleep(clock: Clock, until: u64) -> SysResult<()> {
    let waiter = Waiter::new(&[]);
    loop {
        let mut deadline = clock.to_monotonic(until);
        if clock.counts_cpu() {
            deadline = deadline.saturating_add(CPU_CLOCK_STEP);
        }
        if waiter.sleep(Some(deadline), true) == Wake::Interrupted {
            return Err(Errno::ERESTARTNOHAND);
        }
        if clock.now() >= until {
            return Ok(());
        }
    }
}
