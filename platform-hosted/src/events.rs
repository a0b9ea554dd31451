//! Events: pending bits in the events region, a futex on the own wake word, the doorbell for the monitor.
//!
//! Before a sleep the CPU spins a little, if that has paid off lately ([`crate::spinning`]).

use core::sync::atomic::{AtomicU32, Ordering};

use abi::nr::SYS_sched_yield;
use abi::time::CLOCK_MONOTONIC;
use platform_x86::percpu;
use protocol::hosted::FD_DOORBELL;
use protocol::{MONITOR_SLOT, SharedMem, events};

use crate::regions::EVENTS_MEM;
use crate::spinning::Budget;
use crate::{host, vdso};

/// Looks at the pending word between two looks at the clock.
const LOOKS: u32 = 16;

static SLOT: AtomicU32 = AtomicU32::new(0);
/// How long to spin before sleeping for events, and for the monitor's reply.
static FOR_EVENTS: spin::Mutex<Budget> = spin::Mutex::new(Budget::new());
static FOR_REPLY: spin::Mutex<Budget> = spin::Mutex::new(Budget::new());

/// Takes the slot that the identity names.
pub fn set_slot(slot: u32) {
    SLOT.store(slot, Ordering::Relaxed);
}

/// Spinning is for machines with more than one CPU: on one, whoever will post runs only when we sleep.
pub fn set_cpus(cpus: u32) {
    FOR_EVENTS.lock().alone = cpus < 2;
    FOR_REPLY.lock().alone = cpus < 2;
}

/// See `Events::slot`.
pub fn slot() -> u32 {
    SLOT.load(Ordering::Relaxed)
}

/// See `Events::notify`.
pub fn notify(to: u32, event: u32) {
    if !events::post(&EVENTS_MEM, to, event) {
        return;
    }
    if to == MONITOR_SLOT {
        // A full counter means that the monitor has yet to read it: as good as written.
        let _ = host::write(FD_DOORBELL, &1u64.to_ne_bytes());
    } else {
        host::futex_wake(wake_word(to));
    }
}

fn wake_word(slot: u32) -> *const u32 {
    EVENTS_MEM.u32_at(events::slot_base(slot) + events::WAKE).as_ptr()
}

/// See `Events::pending`.
pub fn pending() -> bool {
    percpu::this().is_kicked() || events::any_pending(&EVENTS_MEM, slot())
}

/// See `Events::take`.
pub fn take(each: &mut dyn FnMut(u32)) {
    percpu::this().kick_seen();
    events::take_all(&EVENTS_MEM, slot(), each);
}

fn now() -> u64 {
    vdso::clock(CLOCK_MONOTONIC)
}

/// Spins; true when it came.
fn spin(learnt: &spin::Mutex<Budget>, deadline: Option<u64>, came: &mut dyn FnMut() -> bool) -> bool {
    let budget = learnt.lock().take();
    if budget == 0 {
        return came();
    }
    let end = (now() + u64::from(budget)).min(deadline.unwrap_or(u64::MAX));
    let done = loop {
        let done = (0..LOOKS).any(|_| {
            core::hint::spin_loop();
            came()
        });
        if done || now() >= end {
            break done;
        }
    };
    learnt.lock().learn(budget, done);
    done
}

/// See `Events::wait`.
pub fn wait(deadline: Option<u64>) {
    if spin(&FOR_EVENTS, deadline, &mut pending) {
        return;
    }
    let Some(word) = events::prepare_sleep(&EVENTS_MEM, slot()) else { return };
    // A kick between this look and the sleep is not lost: whoever kicks posts an event first, which changes the word.
    if !percpu::this().is_kicked() {
        // Whatever ends the sleep, the caller looks again.
        let _ = host::futex_wait(wake_word(slot()), word, deadline);
    }
    events::finish_sleep(&EVENTS_MEM, slot());
}

/// See `Events::wait_reply`.
pub fn wait_reply(done: &mut dyn FnMut() -> bool) {
    if spin(&FOR_REPLY, None, done) {
        return;
    }
    let Some(word) = events::prepare_reply_sleep(&EVENTS_MEM, slot(), done) else { return };
    // Whatever ends the sleep, the caller looks again. A kick may come late: the reply comes soon.
    let _ = host::futex_wait(wake_word(slot()), word, None);
    events::finish_sleep(&EVENTS_MEM, slot());
}

/// See `Events::relax`.
pub fn relax() {
    // SAFETY: touches no memory.
    let _ = unsafe { host::call(SYS_sched_yield, []) };
}
