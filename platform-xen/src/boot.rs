//! From Xen's entry point to Rust. A PVH guest starts in 32-bit mode without paging; this builds the tables that map guest-
//! physical memory for the kernel and goes to long mode.
//!
//! What lies in the section `.shell` is a domain's own: a clone does not get it from its parent. The tables here are such:
//! the kernel's half of every later root points to them, and they are the same in every member.

use core::cell::UnsafeCell;

use crate::hypercall;
use crate::layout::frame_of;

/// Bytes of a page table.
const TABLE: usize = 4096;
/// Bytes of the stack on which a shell waits.
pub const STACK: usize = 0x6000;

/// Pages of the section `.shell`: of its part `.pages`, or of `.scratch`, which a member gives back.
#[repr(C, align(4096))]
pub struct Pages<const N: usize>(pub UnsafeCell<[u8; N]>);
// SAFETY: each user says how it is accessed; there is one CPU.
unsafe impl<const N: usize> Sync for Pages<N> {}

impl<const N: usize> Pages<N> {
    /// Zeroes.
    pub const fn new() -> Self {
        Self(UnsafeCell::new([0; N]))
    }
}

impl<const N: usize> Default for Pages<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.shell.pages")]
static OFFSHOOT_PML4: Pages<TABLE> = Pages::new();
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.shell.pages")]
static OFFSHOOT_PDPT_DIRECT: Pages<TABLE> = Pages::new();
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.shell.pages")]
static OFFSHOOT_PDPT_IMAGE: Pages<TABLE> = Pages::new();
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.shell.pages")]
static OFFSHOOT_PD: Pages<{ TABLE * 4 }> = Pages::new();
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.scratch")]
static OFFSHOOT_SHELL_STACK: Pages<STACK> = Pages::new();

/// The directory of the first 4 GiB, which the direct map and the image share.
pub fn directory() -> usize {
    OFFSHOOT_PD.0.get() as usize
}

unsafe extern "C" {
    static offshoot_scratch_start: u8;
    static offshoot_scratch_end: u8;
}

/// In a member: gives back what only a shell uses, its stack above all.
pub fn forget_shell() {
    let (start, end) = (&raw const offshoot_scratch_start, &raw const offshoot_scratch_end);
    for gfn in frame_of(start as usize)..frame_of(end as usize) {
        // SAFETY: nobody uses it any more.
        unsafe { hypercall::unpopulate(&[gfn.into()]) };
    }
}

/// The boot root table.
pub fn root() -> usize {
    OFFSHOOT_PML4.0.get() as usize
}

// Symbols are linked at their virtual address; `- 0xffffffff80000000` (written as an addition that wraps) gives the
// physical one. Entry bits: 0x3 present and writable, 0x183 a global 2 MiB page.
// Segments are marked as accessed: the CPU would write that mark, and nothing can be written here.
#[cfg(freestanding)]
core::arch::global_asm!(
    ".section .note.Xen, \"a\", @note",
    ".balign 4",
    ".long 4, 4, 18",
    ".asciz \"Xen\"",
    ".long offshoot_start32 + 0x80000000",
    ".section .text.head, \"ax\", @progbits",
    ".code32",
    ".globl offshoot_start32",
    "offshoot_start32:",
    "cli",
    "cld",
    "movl $(OFFSHOOT_PDPT_DIRECT + 0x80000003), %eax",
    "movl %eax, OFFSHOOT_PML4 + 0x80000000",
    "movl %eax, OFFSHOOT_PML4 + 0x80000000 + 272 * 8",
    "movl $0x80000000, OFFSHOOT_PML4 + 0x80000000 + 272 * 8 + 4",
    "movl $(OFFSHOOT_PDPT_IMAGE + 0x80000003), %eax",
    "movl %eax, OFFSHOOT_PML4 + 0x80000000 + 511 * 8",
    "movl $(OFFSHOOT_PD + 0x80000003), %eax",
    "movl %eax, OFFSHOOT_PDPT_IMAGE + 0x80000000 + 510 * 8",
    "movl $(OFFSHOOT_PDPT_DIRECT + 0x80000000), %edi",
    "movl $4, %ecx",
    "1:",
    "movl %eax, (%edi)",
    "addl $0x1000, %eax",
    "addl $8, %edi",
    "loop 1b",
    "movl $(OFFSHOOT_PD + 0x80000000), %edi",
    "movl $0x183, %eax",
    "movl $2048, %ecx",
    "2:",
    "movl %eax, (%edi)",
    "addl $0x200000, %eax",
    "addl $8, %edi",
    "loop 2b",
    "movl $(OFFSHOOT_PML4 + 0x80000000), %eax",
    "movl %eax, %cr3",
    // PAE, PGE, OSFXSR, OSXMMEXCPT.
    "movl %cr4, %eax",
    "orl $0x6a0, %eax",
    "movl %eax, %cr4",
    // EFER: SCE, LME, NXE.
    "movl $0xc0000080, %ecx",
    "rdmsr",
    "orl $0x901, %eax",
    "wrmsr",
    // PG, AM, WP, NE, MP, PE; not EM, not TS.
    "movl %cr0, %eax",
    "orl $0x80050023, %eax",
    "andl $~0xc, %eax",
    "movl %eax, %cr0",
    "lgdt offshoot_boot_gdtr + 0x80000000",
    "ljmp $0x10, $(offshoot_start64 + 0x80000000)",
    ".balign 8",
    "offshoot_boot_gdt: .quad 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff",
    "offshoot_boot_gdtr: .word 31",
    ".long offshoot_boot_gdt + 0x80000000",
    ".code64",
    "offshoot_start64:",
    "movl $0x18, %eax",
    "movl %eax, %ds",
    "movl %eax, %es",
    "movl %eax, %ss",
    "xorl %eax, %eax",
    "movl %eax, %fs",
    "movl %eax, %gs",
    "movq $(OFFSHOOT_SHELL_STACK + {stack}), %rsp",
    "xorl %ebp, %ebp",
    "movq $offshoot_shell, %rax",
    "call *%rax",
    "ud2",
    ".text",
    stack = const STACK,
    options(att_syntax)
);
