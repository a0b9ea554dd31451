//! The per-CPU block, addressed through `%gs` by the entry code.

use core::cell::Cell;
use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, Ordering};

use abi::regs::TrapFrame;

/// What the entry code must find without a register of its own.
#[repr(C, align(64))]
pub struct PerCpu {
    /// The app's stack pointer while the entry code has no other place for it.
    pub scratch: Cell<u64>,
    /// Where the current context's trap frame lies: at the top of its stack.
    pub frame: Cell<usize>,
    /// 1 when the kernel should look at what is pending before it goes back to the app.
    pub kick: AtomicU32,
    /// The context that runs.
    pub current: Cell<u32>,
    /// The context whose user vector state (beyond xmm0-15) is in the registers, or `u32::MAX`.
    pub vectors: Cell<u32>,
    /// A frame on its way to the stack that it will be restored from.
    pub passing: Cell<TrapFrame>,
    /// The kernel's entry.
    pub trap: Cell<fn(&mut TrapFrame)>,
}

// SAFETY: one virtual CPU, whose interrupts are off while it runs our code.
unsafe impl Sync for PerCpu {}

pub const OFF_SCRATCH: usize = offset_of!(PerCpu, scratch);
pub const OFF_FRAME: usize = offset_of!(PerCpu, frame);
pub const OFF_KICK: usize = offset_of!(PerCpu, kick);

static CPU0: PerCpu = PerCpu {
    scratch: Cell::new(0),
    frame: Cell::new(0),
    kick: AtomicU32::new(0),
    current: Cell::new(0),
    vectors: Cell::new(u32::MAX),
    // SAFETY: a frame is plain words.
    passing: Cell::new(unsafe { core::mem::zeroed() }),
    trap: Cell::new(no_kernel),
};

fn no_kernel(_: &mut TrapFrame) {
    panic!("entered from user mode before a kernel was installed");
}

/// This CPU's block.
pub fn this() -> &'static PerCpu {
    &CPU0
}

impl PerCpu {
    /// Notes a kick.
    pub fn kicked(&self) {
        self.kick.store(1, Ordering::Relaxed);
    }

    /// Forgets the kick: the kernel looks at what is pending now.
    pub fn kick_seen(&self) {
        self.kick.store(0, Ordering::Relaxed);
    }

    /// True when a kick came.
    pub fn is_kicked(&self) -> bool {
        self.kick.load(Ordering::Relaxed) != 0
    }
}
