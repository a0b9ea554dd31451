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
    /// 1 when a kick came that the kernel has not yet looked at.
    pub kick: AtomicU32,
    /// The user code and stack segments, for `iretq`.
    pub cs: Cell<u64>,
    pub ss: Cell<u64>,
    /// The context that runs.
    pub current: Cell<u32>,
    /// The context whose user vector state (beyond xmm0-15) is in the registers, or `u32::MAX`.
    pub vectors: Cell<u32>,
    /// While this word is not 0, no call is answered by the entry code.
    pub unless: Cell<*const AtomicU32>,
    /// Calls that the entry code answers, each in the place of its number's lowest bits.
    pub answers: [Answer; ANSWERS],
    /// A frame on its way to the stack that it will be restored from.
    pub passing: Cell<TrapFrame>,
    /// The kernel's entry.
    pub trap: Cell<fn(&mut TrapFrame)>,
}

/// Places for calls that the entry code answers by itself: a power of two.
pub const ANSWERS: usize = 16;

/// A call whose answer is a word that somebody keeps.
#[repr(C)]
pub struct Answer {
    /// Its number; in a free place, one that belongs elsewhere.
    pub nr: Cell<u64>,
    pub at: Cell<*const AtomicU32>,
}

impl Answer {
    /// Nothing is answered in this place.
    const fn none(place: usize) -> Self {
        Answer { nr: Cell::new(place as u64 ^ 1), at: Cell::new(core::ptr::null()) }
    }
}

// SAFETY: 1. a member has one virtual CPU, and one thread that runs our code; 2. what interrupts that (a host's signal
// handler) touches only `kick`, which is atomic, and reads `frame`, which is a single word.
unsafe impl Sync for PerCpu {}

pub const OFF_SCRATCH: usize = offset_of!(PerCpu, scratch);
pub const OFF_FRAME: usize = offset_of!(PerCpu, frame);
pub const OFF_KICK: usize = offset_of!(PerCpu, kick);
pub const OFF_CS: usize = offset_of!(PerCpu, cs);
pub const OFF_SS: usize = offset_of!(PerCpu, ss);
pub const OFF_UNLESS: usize = offset_of!(PerCpu, unless);
pub const OFF_ANSWERS: usize = offset_of!(PerCpu, answers);
/// Where an [`Answer`] has the word's address.
pub const OFF_AT: usize = offset_of!(Answer, at);
const _: () = assert!(size_of::<Answer>() == 16);

static CPU0: PerCpu = PerCpu {
    scratch: Cell::new(0),
    frame: Cell::new(0),
    kick: AtomicU32::new(0),
    cs: Cell::new(0),
    ss: Cell::new(0),
    current: Cell::new(0),
    vectors: Cell::new(u32::MAX),
    unless: Cell::new(core::ptr::null()),
    answers: {
        let mut all = [const { Answer::none(0) }; ANSWERS];
        let mut i = 0;
        while i < ANSWERS {
            all[i] = Answer::none(i);
            i += 1;
        }
        all
    },
    // SAFETY: a frame is plain words.
    passing: Cell::new(unsafe { core::mem::zeroed() }),
    trap: Cell::new(no_kernel),
};

fn no_kernel(_: &mut TrapFrame) {
    panic!("entered from user mode before a kernel was installed");
}

/// Hands a frame to the kernel: what entry code calls.
pub extern "C" fn dispatch(frame: &mut TrapFrame) {
    (this().trap.get())(frame);
}

/// This CPU's block.
pub fn this() -> &'static PerCpu {
    &CPU0
}

impl PerCpu {
    /// The entry code answers call `nr` with the word at `at` while that at `unless` is 0. Both are mapped: the entry code
    /// reads them where a fault is dear. A call whose place another has is not answered.
    pub fn answer(&self, nr: usize, at: &'static AtomicU32, unless: &'static AtomicU32) {
        let answer = &self.answers[nr % ANSWERS];
        if answer.at.get().is_null() || answer.nr.get() == nr as u64 {
            self.unless.set(unless);
            answer.nr.set(nr as u64);
            answer.at.set(at);
        }
    }

    /// Notes a kick.
    pub fn kicked(&self) {
        self.kick.store(1, Ordering::SeqCst);
    }

    /// Forgets the kick: the kernel looks at what is pending now.
    pub fn kick_seen(&self) {
        self.kick.store(0, Ordering::SeqCst);
    }

    /// True when a kick came.
    pub fn is_kicked(&self) -> bool {
        self.kick.load(Ordering::Relaxed) != 0
    }
}
