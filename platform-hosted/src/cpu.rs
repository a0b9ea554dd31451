//! Single instructions that Rust has no words for, and what the CPU can do.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

use abi::nr::SYS_arch_prctl;
use abi::process::{ARCH_SET_FS, ARCH_SET_GS};

use crate::host;

/// Bit of AT_HWCAP2: the host lets user code read and write the fs and gs bases.
const HWCAP2_FSGSBASE: u64 = 1 << 1;

static FSGSBASE: AtomicBool = AtomicBool::new(false);

/// Notes what AT_HWCAP2 says.
pub fn init(hwcap2: u64) {
    FSGSBASE.store(hwcap2 & HWCAP2_FSGSBASE != 0, Ordering::Relaxed);
}

/// True when the base registers can be accessed without a host call.
pub fn has_fsgsbase() -> bool {
    FSGSBASE.load(Ordering::Relaxed)
}

/// The fs base, if it can be read (otherwise nobody but us can have changed it).
pub fn fs_base() -> Option<usize> {
    if !has_fsgsbase() {
        return None;
    }
    let base;
    // SAFETY: FSGSBASE is enabled; the instruction only reads a register.
    unsafe { asm!("rdfsbase {}", out(reg) base, options(nomem, nostack, preserves_flags)) };
    Some(base)
}

/// Sets the fs base. The kernel itself has no thread-local storage.
pub fn set_fs_base(base: usize) {
    if has_fsgsbase() {
        // SAFETY: FSGSBASE is enabled; the kernel does not use fs.
        unsafe { asm!("wrfsbase {}", in(reg) base, options(nomem, nostack, preserves_flags)) };
    } else {
        // SAFETY: as above. A base that the host refuses (not canonical) leaves the old one.
        let _ = unsafe { host::call(SYS_arch_prctl, [ARCH_SET_FS as usize, base]) };
    }
}

/// Sets the gs base, once, to the per-CPU block.
pub fn set_gs_base(base: usize) {
    if has_fsgsbase() {
        // SAFETY: FSGSBASE is enabled; gs is the kernel's own.
        unsafe { asm!("wrgsbase {}", in(reg) base, options(nomem, nostack, preserves_flags)) };
    } else {
        // SAFETY: as above.
        let _ = unsafe { host::call(SYS_arch_prctl, [ARCH_SET_GS as usize, base]) };
    }
}

/// The code and stack segment selectors of user mode here.
pub fn segments() -> (u64, u64) {
    let (cs, ss): (u64, u64);
    // SAFETY: reading selectors has no effect.
    unsafe {
        asm!("mov {0:r}, cs", "mov {1:r}, ss", out(reg) cs, out(reg) ss, options(nomem, nostack, preserves_flags));
    }
    (cs & 0xffff, ss & 0xffff)
}
