//! A member's kernel that lies: it writes a hundred thousand messages of random contents to its door, to the indices and
//! slots of its request ring, and tries to change a page that it may only read. `xtask/lab/tests/hostile.sh` runs it beside
//! a family that must not notice. What it has found it says through the door's log.
#![cfg_attr(freestanding, no_std, no_main)]

extern crate alloc;

#[path = "hostile/sealed.rs"]
mod sealed;

use alloc::format;
use core::sync::atomic::Ordering;

use abi::regs::TrapFrame;
use platform::Platform;
use platform::machine::Entry;
use platform_xen::shell::Kernel;
use platform_xen::{door, hypercall, layout, regions};
use protocol::SharedMem;
use protocol::xen::{
    ASK_CLONE, ASK_CRASH, ASK_EXIT, ASK_LOG, DOOR_GFN, DOOR_PAGES, Exchange, IDLE, POSTED, REQUEST,
    REQUEST_DATA,
};

/// Messages in all.
const MESSAGES: u32 = 100_000;
/// How often the CPU is given away for an answer; the monitor owes none to most of what is said here.
const PATIENCE: u32 = 200;
/// Bytes of the control region in front of the requests: indices, lists and queues (protocol/src/control.rs).
const QUEUES: usize = 0x6000;

/// What the platform runs.
#[cfg_attr(freestanding, unsafe(no_mangle))]
fn offshoot_kernel() -> Kernel {
    Kernel { entry: Entry { trap }, start }
}

/// Stands in outside of the profile `kernel`.
#[cfg(not(freestanding))]
fn main() {
    let _ = offshoot_kernel;
}

fn trap(_: &mut TrapFrame) {}

/// xorshift64: the run is the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// As liars choose numbers: small, enormous, a power of two, or any.
    fn number(&mut self) -> u64 {
        match self.next() % 5 {
            0 => self.next() % 8,
            1 => self.next() % 70_000,
            2 => u64::MAX - self.next() % 8,
            3 => 1 << (self.next() % 64),
            _ => self.next(),
        }
    }
}

const DOOR: usize = layout::direct(DOOR_GFN as u32);

fn put<T: Copy>(at: usize, value: T) {
    assert!(at + size_of::<T>() <= DOOR_PAGES * 4096);
    // SAFETY: in the door's pages, which are mapped for good; nothing else runs here.
    unsafe { ((DOOR + at) as *mut T).write_unaligned(value) };
}

fn state() -> u32 {
    // SAFETY: as in `put`.
    unsafe { ((DOOR + REQUEST) as *const u32).read_volatile() }
}

fn start(platform: &'static dyn Platform) -> ! {
    // While the request ring is still as it should be.
    let library = sealed::library(platform);
    let port = door::header().port;
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut answered = 0;
    for _ in 0..MESSAGES {
        match random.next() % 8 {
            0..5 => at_the_door(&mut random),
            5..7 => in_the_ring(&mut random),
            _ => anywhere(&mut random),
        }
        hypercall::send(port);
        for _ in 0..PATIENCE {
            if state() != POSTED {
                answered += 1;
                break;
            }
            hypercall::yield_now();
        }
    }
    // From here on it says the truth.
    put(REQUEST, IDLE);
    let word = |sealed| if sealed { "stayed as it was" } else { "was changed" };
    let text = format!(
        "{MESSAGES} lies, {answered} taken; a page of others that is only read {}; a page of libc {}; its own code {}",
        word(sealed::is_read_only(&regions::family_view())),
        word(library.is_some_and(|library| sealed::is_read_only(&library))),
        word(sealed::is_code())
    );
    door::put(0, text.as_bytes());
    door::ask(ASK_LOG, &[text.len() as u64]);
    door::post(ASK_EXIT, &[0]);
    loop {
        hypercall::idle(None);
    }
}

fn at_the_door(random: &mut Random) {
    // Its end is for later, a clone would be answered much later, and texts only fill the log.
    let op = match random.number() as u32 {
        ASK_EXIT | ASK_CRASH | ASK_CLONE | ASK_LOG => 0,
        op if op > 20 => op % 16,
        op => op,
    };
    let op = if matches!(op, ASK_EXIT | ASK_CRASH | ASK_CLONE | ASK_LOG) { 2 } else { op };
    let mut args = [0; 6];
    args.fill_with(|| random.number());
    for i in 0..16 {
        put(REQUEST_DATA + i * 8, random.number());
    }
    put(REQUEST, Exchange { state: IDLE, op, args, ret: 0 });
    put(REQUEST, POSTED);
}

/// Indices and slots of the request ring; of what a slot asks, only the operation is none that there is.
fn in_the_ring(random: &mut Random) {
    let control = regions::control_view();
    let at = match random.next() % 3 {
        0 => 64,
        1 => 0x1000 + 4 * (random.next() as usize % 256),
        _ => 0x6000 + 256 * (random.next() as usize % 32),
    };
    let value = if at >= 0x6000 { 0xffff_0001 } else { random.number() as u32 };
    control.u32_at(at).store(value, Ordering::Release);
    if at >= 0x6000 {
        for i in 1..32 {
            control.u32_at(at + 4 + 4 * i).store(random.number() as u32, Ordering::Relaxed);
        }
        control.u32_at(at + 4).store(0xfff0, Ordering::Release);
    }
}

fn anywhere(random: &mut Random) {
    if random.next().is_multiple_of(2) {
        // Behind the header, which tells ourselves where the monitor is.
        let at = 0x100 + random.next() as usize % (DOOR_PAGES * 4096 - 0x108);
        put(at, random.next());
        if matches!(door_op(), ASK_EXIT | ASK_CRASH | ASK_CLONE | ASK_LOG) {
            put(REQUEST, IDLE);
        }
    } else {
        let at = random.next() as usize % (QUEUES / 4) * 4;
        regions::control_view().u32_at(at).store(random.next() as u32, Ordering::Relaxed);
    }
}

fn door_op() -> u32 {
    // SAFETY: as in `put`.
    unsafe { ((DOOR + REQUEST + 4) as *const u32).read_volatile() }
}
