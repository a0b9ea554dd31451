//! The rights of the kernel's image: its code can be executed and not written, all else can be written or not, and never
//! executed. The image and the direct map share these tables, so that there is no writable alias of the code.

use abi::mm::PAGE_SIZE;
use protocol::xen::IMAGE_VIRT;
use x86_64::registers::control::{Cr4, Cr4Flags};

use crate::boot::{self, Pages};
use crate::tables::{ENTRIES, NO_EXECUTE, PRESENT, WRITABLE};

/// The image lies in the first pages of 2 MiB, so many.
const PARTS: usize = 2;
/// The same in every root: it need not be forgotten when the root changes.
const GLOBAL: u64 = 1 << 8;

#[unsafe(link_section = ".bss.shell.pages")]
static TABLES: Pages<{ PARTS * PAGE_SIZE }> = Pages::new();

unsafe extern "C" {
    static offshoot_text_start: u8;
    static offshoot_text_end: u8;
    static offshoot_data_start: u8;
    static offshoot_bss_end: u8;
}

/// Gives the parts of the image their rights; once, on the boot tables, before anything is cloned.
pub fn image() {
    let at = |symbol: *const u8| symbol as usize;
    let (text, end) = (at(&raw const offshoot_text_start), at(&raw const offshoot_text_end));
    let data = at(&raw const offshoot_data_start);
    let image = IMAGE_VIRT as usize;
    assert!(at(&raw const offshoot_bss_end) <= image + PARTS * ENTRIES * PAGE_SIZE, "the image is too large");
    // SAFETY: once, on the only CPU; nobody else knows these tables yet.
    let tables = unsafe { &mut *TABLES.0.get().cast::<[u64; PARTS * ENTRIES]>() };
    for (page, entry) in tables.iter_mut().enumerate() {
        let (phys, virt) = (page * PAGE_SIZE, image + page * PAGE_SIZE);
        let rights = if text <= virt && virt < end {
            0
        } else if end <= virt && virt < data {
            NO_EXECUTE
        } else {
            NO_EXECUTE | WRITABLE
        };
        *entry = phys as u64 | PRESENT | GLOBAL | rights;
    }
    for part in 0..PARTS {
        let table = TABLES.0.get() as usize - image + part * PAGE_SIZE;
        // SAFETY: 1. in the boot tables' directory; 2. the new table maps the same frames as the entry did, and the code
        // that runs here may still be executed, its stack and data still be written to.
        unsafe {
            (boot::directory() as *mut u64).add(part).write_volatile(table as u64 | PRESENT | WRITABLE)
        };
    }
    let cr4 = Cr4::read();
    // SAFETY: only forgets the old translations, global ones too, and sets the register back.
    unsafe {
        Cr4::write(cr4 - Cr4Flags::PAGE_GLOBAL);
        Cr4::write(cr4);
    }
}
