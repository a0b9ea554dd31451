//! Randomness: ChaCha20, keyed from the identity's fresh entropy, the CPU's own generator and the time.

use core::arch::x86_64::{__cpuid, _rdtsc};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// CPUID 1 ECX: RDRAND.
const RDRAND: u32 = 1 << 30;
/// Attempts at a generator that is busy.
const TRIES: u32 = 10;

static HAS_RDRAND: spin::Once<bool> = spin::Once::new();
static GENERATOR: spin::Mutex<Option<ChaCha20Rng>> = spin::Mutex::new(None);

fn hardware(generator: bool) -> u64 {
    if generator {
        for _ in 0..TRIES {
            let (value, ok): (u64, u8);
            // SAFETY: the CPU has the instruction.
            unsafe {
                core::arch::asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nomem, nostack));
            }
            if ok != 0 {
                return value;
            }
        }
    }
    // SAFETY: every CPU has it.
    unsafe { _rdtsc() }
}

/// Starts anew, as every member and every clone must.
pub fn seed(entropy: &[u8; 32]) {
    let mut seed = *entropy;
    // Asking the CPU is an exit to Xen. A clone has the same.
    let generator = *HAS_RDRAND.call_once(|| __cpuid(1).ecx & RDRAND != 0);
    for part in seed.chunks_mut(8) {
        for (byte, more) in part.iter_mut().zip(hardware(generator).to_le_bytes()) {
            *byte ^= more;
        }
    }
    *GENERATOR.lock() = Some(ChaCha20Rng::from_seed(seed));
}

/// See `Machine::entropy`.
pub fn fill(buf: &mut [u8]) {
    let mut generator = GENERATOR.lock();
    generator.get_or_insert_with(|| panic!("randomness before an identity")).fill_bytes(buf);
}
