//! The page that Xen shares with the domain: pending event channels, time.

use core::arch::x86_64::_rdtsc;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

use abi::time::NSEC_PER_SEC;
use protocol::xen::SHARED_INFO_GFN;

use crate::interface::shared_info::{PENDING, PENDING_SEL, TIME, UPCALL_PENDING, WALL, WORDS};
use crate::layout::direct;

const BASE: usize = direct(SHARED_INFO_GFN as u32);

fn byte(at: usize) -> &'static AtomicU8 {
    // SAFETY: mapped before anything looks here, for good; Xen accesses it atomically.
    unsafe { &*((BASE + at) as *const AtomicU8) }
}

fn word32(at: usize) -> &'static AtomicU32 {
    // SAFETY: as in `byte`; aligned by the callers' constants.
    unsafe { &*((BASE + at) as *const AtomicU32) }
}

fn word(at: usize) -> &'static AtomicU64 {
    // SAFETY: as in `byte`; aligned by the callers' constants.
    unsafe { &*((BASE + at) as *const AtomicU64) }
}

/// Takes all pending ports. True when one other than `known` was among them.
pub fn take_ports(known: u32) -> bool {
    let mut other = false;
    byte(UPCALL_PENDING).store(0, Ordering::SeqCst);
    let mut selected = word(PENDING_SEL).swap(0, Ordering::SeqCst);
    while selected != 0 {
        let i = selected.trailing_zeros() as usize;
        selected &= selected - 1;
        if i < WORDS {
            let bits = word(PENDING + i * 8).swap(0, Ordering::SeqCst);
            let known = if known as usize / 64 == i { 1 << (known % 64) } else { 0 };
            other |= bits & !known != 0;
        }
    }
    other
}

/// Takes one port; true when it was pending.
pub fn take_port(port: u32) -> bool {
    let bit = 1 << (port % 64);
    word(PENDING + (port as usize / 64 % WORDS) * 8).fetch_and(!bit, Ordering::SeqCst) & bit != 0
}

/// Where a port's pending bit is: its word, and which bit.
pub fn pending_bit(port: u32) -> (*const AtomicU64, u64) {
    (word(PENDING + (port as usize / 64 % WORDS) * 8), u64::from(port % 64))
}

/// Nanoseconds since the host started, the same in every domain (`struct vcpu_time_info`).
pub fn system_time() -> u64 {
    let version = word32(TIME);
    loop {
        let before = version.load(Ordering::Acquire);
        let stamp = word(TIME + 8).load(Ordering::Relaxed);
        let base = word(TIME + 16).load(Ordering::Relaxed);
        let scale = word(TIME + 24).load(Ordering::Relaxed);
        // SAFETY: every CPU has it, and the domain is created so that it does not trap.
        let now = unsafe { _rdtsc() };
        fence(Ordering::Acquire);
        if before & 1 == 0 && before == version.load(Ordering::Relaxed) {
            return base + scaled(now.wrapping_sub(stamp), scale as u32, (scale >> 32) as i8);
        }
    }
}

/// Ticks as nanoseconds: shifted, times a fraction of 2^32.
fn scaled(ticks: u64, mul: u32, shift: i8) -> u64 {
    // A timestamp of another moment may lie a little ahead.
    let ticks = if (ticks as i64) < 0 { 0 } else { ticks };
    let ticks = if shift < 0 { ticks >> -i32::from(shift) } else { ticks << shift };
    ((u128::from(ticks) * u128::from(mul)) >> 32) as u64
}

/// CLOCK_REALTIME of the moment when the system time was 0.
pub fn wall_base() -> u64 {
    let version = word32(WALL);
    loop {
        let before = version.load(Ordering::Acquire);
        let low = word32(WALL + 4).load(Ordering::Relaxed);
        let ns = word32(WALL + 8).load(Ordering::Relaxed);
        let high = word32(WALL + 12).load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        if before & 1 == 0 && before == version.load(Ordering::Relaxed) {
            return (u64::from(high) << 32 | u64::from(low)) * NSEC_PER_SEC + u64::from(ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_scale() {
        // 2 GHz: half a nanosecond a tick.
        assert_eq!(scaled(3_000_000_000, 1 << 31, 0), 1_500_000_000);
        assert_eq!(scaled(1000, 1 << 31, 1), 1000);
        assert_eq!(scaled(1000, 1 << 31, -1), 250);
        assert_eq!(scaled(u64::MAX, 1 << 31, 0), 0);
    }
}
