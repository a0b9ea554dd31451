//! The host's vDSO: where it lies, and its clock_gettime, so that reading a clock enters no host kernel.

use core::sync::atomic::{AtomicUsize, Ordering};

use abi::nr::SYS_clock_gettime;
use abi::time::Timespec;

use crate::host;

type ClockGettime = unsafe extern "C" fn(i32, *mut Timespec) -> i32;

static BASE: AtomicUsize = AtomicUsize::new(0);
static END: AtomicUsize = AtomicUsize::new(0);
static CLOCK_GETTIME: AtomicUsize = AtomicUsize::new(0);

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const DT_HASH: u64 = 4;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_GNU_HASH: u64 = 0x6fff_fef5;
/// Bytes of an `Elf64_Sym`, an `Elf64_Phdr`, an `Elf64_Dyn`.
const SYM: usize = 24;
const PHDR: usize = 56;
const DYN: usize = 16;
/// No vDSO is larger.
const MAX_LEN: usize = 0x1_0000;

/// The vDSO's ELF image in memory.
struct Image {
    base: usize,
}

impl Image {
    /// Reads a plain value `at` bytes into the image.
    fn get<T: Copy>(&self, at: usize) -> T {
        assert!(at < MAX_LEN, "the host's vDSO is malformed");
        // SAFETY: the host gave us the image; the offsets come from its own headers.
        unsafe { ((self.base + at) as *const T).read_unaligned() }
    }

    fn headers(&self) -> impl Iterator<Item = usize> + '_ {
        let (phoff, phnum) = (self.get::<u64>(32) as usize, self.get::<u16>(56) as usize);
        (0..phnum).map(move |i| phoff + i * PHDR)
    }

    /// The end of the last loaded segment.
    fn end(&self) -> usize {
        let ends = self
            .headers()
            .filter(|at| self.get::<u32>(*at) == PT_LOAD)
            .map(|at| self.get::<u64>(at + 16) as usize + self.get::<u64>(at + 40) as usize);
        self.base + ends.max().unwrap_or(0).next_multiple_of(abi::mm::PAGE_SIZE)
    }

    fn dynamic(&self, tag: u64) -> Option<usize> {
        let at = self.headers().find(|at| self.get::<u32>(*at) == PT_DYNAMIC)?;
        let mut at = self.get::<u64>(at + 16) as usize;
        loop {
            match self.get::<u64>(at) {
                0 => return None,
                t if t == tag => return Some(self.get::<u64>(at + 8) as usize % MAX_LEN),
                _ => at += DYN,
            }
        }
    }

    /// How many dynamic symbols there are, from whichever hash table is there.
    fn symbol_count(&self) -> Option<usize> {
        if let Some(hash) = self.dynamic(DT_HASH) {
            return Some(self.get::<u32>(hash + 4) as usize);
        }
        let hash = self.dynamic(DT_GNU_HASH)?;
        let (buckets, first, bloom) = (
            self.get::<u32>(hash) as usize,
            self.get::<u32>(hash + 4) as usize,
            self.get::<u32>(hash + 8) as usize,
        );
        let table = hash + 16 + bloom * 8;
        let chains = table + buckets * 4;
        let mut last = (0..buckets).map(|i| self.get::<u32>(table + i * 4) as usize).max()?;
        if last < first {
            return Some(first);
        }
        while self.get::<u32>(chains + (last - first) * 4) & 1 == 0 {
            last += 1;
        }
        Some(last + 1)
    }

    fn symbol(&self, name: &[u8]) -> Option<usize> {
        let (strings, symbols) = (self.dynamic(DT_STRTAB)?, self.dynamic(DT_SYMTAB)?);
        let matches = |at: usize| {
            let start = strings + self.get::<u32>(at) as usize;
            name.iter().chain([&0]).enumerate().all(|(i, b)| self.get::<u8>(start + i) == *b)
        };
        let at = (0..self.symbol_count()?).map(|i| symbols + i * SYM).find(|at| matches(*at))?;
        Some(self.base + self.get::<u64>(at + 8) as usize)
    }
}

/// Takes the image that AT_SYSINFO_EHDR names, if any.
pub fn init(base: usize) {
    if base == 0 {
        return;
    }
    let image = Image { base };
    BASE.store(base, Ordering::Relaxed);
    END.store(image.end(), Ordering::Relaxed);
    CLOCK_GETTIME.store(image.symbol(b"__vdso_clock_gettime").unwrap_or(0), Ordering::Relaxed);
}

/// Start and end of the image.
pub fn range() -> Option<(usize, usize)> {
    match BASE.load(Ordering::Relaxed) {
        0 => None,
        base => Some((base, END.load(Ordering::Relaxed))),
    }
}

/// Reads one of the host's clocks, in nanoseconds.
pub fn clock(id: i32) -> u64 {
    let mut now = Timespec::default();
    let function = CLOCK_GETTIME.load(Ordering::Relaxed);
    if function == 0 {
        // SAFETY: the host only writes `now`.
        let _ = unsafe { host::call(SYS_clock_gettime, [id as usize, &raw mut now as usize]) };
    } else {
        // SAFETY: 1. the address is the vDSO's function of that name; 2. it writes `now` only, and needs little stack.
        unsafe { core::mem::transmute::<usize, ClockGettime>(function)(id, &raw mut now) };
    }
    now.tv_sec as u64 * abi::time::NSEC_PER_SEC + now.tv_nsec as u64
}
