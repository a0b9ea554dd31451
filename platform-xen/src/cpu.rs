//! What the CPU can do, and single instructions that Rust has no words for.

use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use x86_64::registers::control::{Cr3, Cr3Flags, Cr4, Cr4Flags};
use x86_64::registers::model_specific::{FsBase, GsBase, KernelGsBase};
use x86_64::registers::xcontrol::{XCr0, XCr0Flags};
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

/// CPUID 1 ECX: XSAVE.
const XSAVE: u32 = 1 << 26;
/// CPUID 7 EBX: FSGSBASE, SMEP.
const FSGSBASE: u32 = 1;
const SMEP: u32 = 1 << 7;
/// CPUID 7 ECX: UMIP.
const UMIP: u32 = 1 << 2;
/// Bits of `AT_HWCAP2`: the fs and gs bases are the app's to write.
const HWCAP2_FSGSBASE: u64 = 1 << 1;
/// x87 and SSE; AVX; the three of AVX-512.
const XCR0_AVX: u64 = 1 << 2;
const XCR0_AVX512: u64 = 0b111 << 5;

static HAS_FSGSBASE: AtomicBool = AtomicBool::new(false);
static HWCAP: AtomicU64 = AtomicU64::new(0);

/// Switches on what the CPU has; once.
pub fn init() {
    let one = __cpuid(1);
    let seven = __cpuid_count(7, 0);
    let mut cr4 = Cr4::read();
    cr4.set(Cr4Flags::FSGSBASE, seven.ebx & FSGSBASE != 0);
    cr4.set(Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION, seven.ebx & SMEP != 0);
    cr4.set(Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION, seven.ecx & UMIP != 0);
    cr4.set(Cr4Flags::OSXSAVE, one.ecx & XSAVE != 0);
    // SAFETY: each bit was found in CPUID; the app's pages are not executable for us, which we never want.
    unsafe { Cr4::write(cr4) };
    if one.ecx & XSAVE != 0 {
        let has = u64::from(__cpuid_count(0xd, 0).eax);
        let mut want = 0b11;
        if has & XCR0_AVX != 0 {
            want |= XCR0_AVX;
            if has & XCR0_AVX512 == XCR0_AVX512 {
                want |= XCR0_AVX512;
            }
        }
        // SAFETY: all components are there, and those that need others come with them.
        unsafe { XCr0::write(XCr0Flags::from_bits_truncate(want)) };
    }
    HAS_FSGSBASE.store(seven.ebx & FSGSBASE != 0, Ordering::Relaxed);
    HWCAP.store(one.edx.into(), Ordering::Relaxed);
}

/// AT_HWCAP and AT_HWCAP2.
pub fn hwcap() -> (u64, u64) {
    let two = if HAS_FSGSBASE.load(Ordering::Relaxed) { HWCAP2_FSGSBASE } else { 0 };
    (HWCAP.load(Ordering::Relaxed), two)
}

/// The fs base, if it can be read cheaply (otherwise nobody but us can have changed it).
pub fn fs_base() -> Option<usize> {
    if !HAS_FSGSBASE.load(Ordering::Relaxed) {
        return None;
    }
    let base;
    // SAFETY: FSGSBASE is enabled; the instruction only reads a register.
    unsafe { asm!("rdfsbase {}", out(reg) base, options(nomem, nostack, preserves_flags)) };
    Some(base)
}

/// Sets the fs base. The kernel itself has no thread-local storage.
pub fn set_fs_base(base: usize) {
    if HAS_FSGSBASE.load(Ordering::Relaxed) {
        // SAFETY: FSGSBASE is enabled; the kernel does not use fs.
        unsafe { asm!("wrfsbase {}", in(reg) base, options(nomem, nostack, preserves_flags)) };
    } else {
        FsBase::write(VirtAddr::new_truncate(base as u64));
    }
}

/// Sets the gs base to the per-CPU block, and the app's to zero.
pub fn set_gs_base(base: usize) {
    GsBase::write(VirtAddr::new_truncate(base as u64));
    KernelGsBase::write(VirtAddr::zero());
}

/// Loads a root table whose kernel half is like the present one's.
pub fn load_root(frame: u32) {
    let at = PhysFrame::containing_address(PhysAddr::new(u64::from(frame) << 12));
    // SAFETY: the caller's tables map the kernel as it is now.
    unsafe { Cr3::write(at, Cr3Flags::empty()) };
}

/// Forgets translations of the app's half.
pub fn flush_app() {
    let (root, flags) = Cr3::read();
    // SAFETY: the same root.
    unsafe { Cr3::write(root, flags) };
}

/// Forgets the translation of one page.
pub fn flush_page(addr: usize) {
    // SAFETY: only forgets.
    unsafe { asm!("invlpg [{}]", in(reg) addr, options(nostack, preserves_flags)) };
}
