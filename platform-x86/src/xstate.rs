//! The user vector state beyond what a trap frame holds: XSAVE areas, and their form in Linux signal frames
//! (`arch/x86/include/uapi/asm/sigcontext.h`).
//!
//! While a context is in the kernel, xmm0-15 and mxcsr of its user mode are in its trap frame; all else stays in the
//! registers, because compiled kernel code uses nothing beyond legacy SSE. [`PARTIAL`] names that rest.

use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use abi::regs::{MXCSR_DEFAULT, TrapFrame};
use abi::signal::{FP_XSTATE_MAGIC1, FP_XSTATE_MAGIC2, FP_XSTATE_MAGIC2_SIZE, FPX_SW_OFFSET, FpxSwBytes};
use zerocopy::{FromBytes, IntoBytes};

/// Bytes of the FXSAVE part, and where the XSAVE header and what follows begin.
pub const LEGACY: usize = 512;
const HEADER: usize = 64;
/// x87, SSE.
const X87: u64 = 1;
const SSE: u64 = 2;
/// What is handled: x87, SSE, AVX, opmask, ZMM_Hi256, Hi16_ZMM. Not MPX (gone), PKRU (protection keys are not offered)
/// and AMX (needs a permission that is not asked for).
const HANDLED: u64 = 0b1110_0111;
/// All of them but SSE.
const PARTIAL_MASK: u64 = HANDLED & !SSE;
/// The most bytes that the handled components take.
pub const MAX_AREA: usize = 4096;
const OFF_MXCSR: usize = 24;
const OFF_MXCSR_MASK: usize = 28;
const OFF_XMM: usize = 160;
const DEFAULT_MXCSR_MASK: u32 = 0xffbf;
const DEFAULT_FCW: u16 = 0x37f;

/// Components in use here (0: no XSAVE at all, only FXSAVE).
static FEATURES: AtomicU64 = AtomicU64::new(0);
/// Bytes of the area.
static SIZE: AtomicU32 = AtomicU32::new(LEGACY as u32);
static MXCSR_MASK: AtomicU32 = AtomicU32::new(DEFAULT_MXCSR_MASK);

/// Finds out what the CPU and the host offer; once, before any other function here.
pub fn init() {
    const OSXSAVE: u32 = 1 << 27;
    if __cpuid(1).ecx & OSXSAVE != 0 {
        let (lo, hi): (u32, u32);
        // SAFETY: OSXSAVE says that XGETBV may be used.
        unsafe { asm!("xgetbv", in("ecx") 0, out("eax") lo, out("edx") hi, options(nomem, nostack)) };
        let features = (u64::from(hi) << 32 | u64::from(lo)) & HANDLED;
        FEATURES.store(features, Ordering::Relaxed);
        SIZE.store(area_size(features) as u32, Ordering::Relaxed);
    }
    let mut area = Area([0; MAX_AREA]);
    // SAFETY: the area is large enough and aligned.
    unsafe { asm!("fxsave64 [{}]", in(reg) area.0.as_mut_ptr(), options(nostack)) };
    let mask = word(&area.0, OFF_MXCSR_MASK);
    if mask != 0 {
        MXCSR_MASK.store(mask, Ordering::Relaxed);
    }
}

/// Size of an area in the standard format with these components.
fn area_size(features: u64) -> usize {
    let mut size = LEGACY + HEADER;
    for component in 2..64 {
        if features & (1 << component) != 0 {
            let leaf = __cpuid_count(0xd, component);
            size = size.max((leaf.eax + leaf.ebx) as usize);
        }
    }
    assert!(size <= MAX_AREA, "the vector state needs {size} bytes");
    size
}

/// Memory for one area.
#[repr(C, align(64))]
pub struct Area(pub [u8; MAX_AREA]);

impl Area {
    /// Makes the area describe the initial state.
    pub fn clear(&mut self) {
        self.0.fill(0);
        self.0[..2].copy_from_slice(&DEFAULT_FCW.to_le_bytes());
        self.0[OFF_MXCSR..OFF_MXCSR + 4].copy_from_slice(&MXCSR_DEFAULT.to_le_bytes());
    }

    /// Saves the registers beyond the trap frame's.
    pub fn save_partial(&mut self) {
        let features = FEATURES.load(Ordering::Relaxed);
        if features == 0 {
            self.fxsave();
        } else {
            self.xsave(features & PARTIAL_MASK);
        }
    }

    /// Loads what [`Area::save_partial`] saved; the low vector registers are undefined then.
    pub fn load_partial(&self) {
        let features = FEATURES.load(Ordering::Relaxed);
        if features == 0 {
            // SAFETY: the area is aligned and was written by `fxsave`, by `clear`, or checked by `adopt`.
            unsafe { self.fxrstor() };
        } else {
            // SAFETY: as above, with XSAVE; the low vector registers are not in the mask.
            unsafe { self.xrstor(features & PARTIAL_MASK) };
        }
    }

    fn fxsave(&mut self) {
        // SAFETY: the area is large enough and aligned.
        unsafe { asm!("fxsave64 [{}]", in(reg) self.0.as_mut_ptr(), options(nostack)) };
    }

    fn xsave(&mut self, mask: u64) {
        let area = self.0.as_mut_ptr();
        // SAFETY: the area is large enough for HANDLED, and aligned; `mask` is within what XCR0 enables.
        unsafe {
            asm!("xsave64 [{}]", in(reg) area, in("eax") mask as u32, in("edx") (mask >> 32) as u32, options(nostack));
        }
    }

    /// # Safety
    /// The area is well-formed.
    unsafe fn fxrstor(&self) {
        // SAFETY: the caller's; the compiler is told of the registers that it may be using.
        unsafe {
            asm!(
                "fxrstor64 [{}]", in(reg) self.0.as_ptr(),
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
                out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _, options(nostack),
            );
        }
    }

    /// # Safety
    /// The area is well-formed, and `mask` does not name SSE.
    unsafe fn xrstor(&self, mask: u64) {
        let area = self.0.as_ptr();
        // SAFETY: the caller's; compiled code uses none of the components in the mask.
        unsafe {
            asm!("xrstor64 [{}]", in(reg) area, in("eax") mask as u32, in("edx") (mask >> 32) as u32, options(nostack));
        }
    }

    /// Writes the whole user state as a Linux signal frame has it: the area, its description, the closing magic number.
    /// `out` has [`signal_size`] bytes.
    pub fn save_for_signal(&mut self, frame: &TrapFrame, out: &mut [u8]) {
        let features = FEATURES.load(Ordering::Relaxed);
        self.0.fill(0);
        if features == 0 {
            self.fxsave();
        } else {
            self.xsave(features);
        }
        put_frame(&mut self.0, frame);
        describe(&mut self.0, features, SIZE.load(Ordering::Relaxed) as usize);
        let size = out.len().min(signal_size());
        out[..size].copy_from_slice(&self.0[..size]);
    }

    /// Takes over the state of a signal frame, checked as Linux checks it; false when it is malformed. On success the
    /// registers and the frame are as `from` says.
    pub fn load_from_signal(&mut self, frame: &mut TrapFrame, from: &[u8]) -> bool {
        let features = FEATURES.load(Ordering::Relaxed);
        if !self.adopt(from, features, SIZE.load(Ordering::Relaxed) as usize) {
            return false;
        }
        take_frame(&self.0, frame, features != 0);
        self.load_partial();
        true
    }

    /// Copies and checks a signal frame's state.
    fn adopt(&mut self, from: &[u8], features: u64, size: usize) -> bool {
        if from.len() < LEGACY || word(from, OFF_MXCSR) & !MXCSR_MASK.load(Ordering::Relaxed) != 0 {
            return false;
        }
        self.0.fill(0);
        self.0[..LEGACY].copy_from_slice(&from[..LEGACY]);
        if features == 0 {
            return true;
        }
        let header = LEGACY..LEGACY + HEADER;
        match described(from, size) {
            Some(xfeatures) => {
                self.0[..size].copy_from_slice(&from[..size]);
                // XSTATE_BV may name only what is handled; the rest of the header must be zero (compaction is not).
                let bv = word64(&self.0, LEGACY);
                if bv & !features != 0 || self.0[LEGACY + 8..header.end].iter().any(|b| *b != 0) {
                    return false;
                }
                self.0[LEGACY..LEGACY + 8].copy_from_slice(&(bv & xfeatures).to_le_bytes());
            }
            // Only the FXSAVE part is there: everything else becomes initial.
            None => self.0[LEGACY..LEGACY + 8].copy_from_slice(&(X87 | SSE).to_le_bytes()),
        }
        true
    }
}

/// Bytes of the vector state in a signal frame.
pub fn signal_size() -> usize {
    match FEATURES.load(Ordering::Relaxed) {
        0 => LEGACY,
        _ => SIZE.load(Ordering::Relaxed) as usize + FP_XSTATE_MAGIC2_SIZE,
    }
}

/// Puts the frame's part of the state into an area.
fn put_frame(area: &mut [u8], frame: &TrapFrame) {
    area[OFF_MXCSR..OFF_MXCSR + 4].copy_from_slice(&frame.mxcsr.to_le_bytes());
    area[OFF_XMM..OFF_XMM + 256].copy_from_slice(frame.xmm.as_bytes());
}

/// Takes it from there. In the XSAVE format, a component that the header does not name is in its initial state.
fn take_frame(area: &[u8], frame: &mut TrapFrame, xsave: bool) {
    frame.mxcsr = word(area, OFF_MXCSR);
    if xsave && word64(area, LEGACY) & SSE == 0 {
        frame.xmm = [[0; 2]; 16];
    } else {
        frame.xmm.as_mut_bytes().copy_from_slice(&area[OFF_XMM..OFF_XMM + 256]);
    }
}

/// Sets the frame's part to the initial state.
pub fn reset_frame(frame: &mut TrapFrame) {
    frame.mxcsr = MXCSR_DEFAULT;
    frame.xmm = [[0; 2]; 16];
}

/// Adds what Linux adds to an XSAVE area in a signal frame.
fn describe(area: &mut [u8], features: u64, size: usize) {
    let mut sw = FpxSwBytes::default();
    if features != 0 {
        // The low components are always valid in the frame, whatever XSAVE found them to be.
        let bv = word64(area, LEGACY) | X87 | SSE;
        area[LEGACY..LEGACY + 8].copy_from_slice(&bv.to_le_bytes());
        sw.magic1 = FP_XSTATE_MAGIC1;
        sw.extended_size = (size + FP_XSTATE_MAGIC2_SIZE) as u32;
        sw.xfeatures = features;
        sw.xstate_size = size as u32;
        area[size..size + FP_XSTATE_MAGIC2_SIZE].copy_from_slice(&FP_XSTATE_MAGIC2.to_le_bytes());
    }
    area[FPX_SW_OFFSET..FPX_SW_OFFSET + size_of::<FpxSwBytes>()].copy_from_slice(sw.as_bytes());
}

/// The components that a signal frame's XSAVE area describes itself to have; `None` if it is only an FXSAVE area.
fn described(from: &[u8], size: usize) -> Option<u64> {
    let (sw, _) = FpxSwBytes::read_from_prefix(&from[FPX_SW_OFFSET..]).ok()?;
    let fits = sw.magic1 == FP_XSTATE_MAGIC1
        && sw.xstate_size as usize >= LEGACY + HEADER
        && sw.xstate_size as usize <= size
        && sw.xstate_size <= sw.extended_size
        && from.len() >= size + FP_XSTATE_MAGIC2_SIZE;
    (fits && word(from, sw.xstate_size as usize) == FP_XSTATE_MAGIC2).then_some(sw.xfeatures)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default())
}

fn word64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests;
