//! The segment tables. Selectors are those of Linux, which a program can see.

use core::cell::UnsafeCell;
use core::ops::Range;

use abi::mm::PAGE_SIZE;
use x86_64::instructions::segmentation::{CS, Segment};
use x86_64::instructions::tables::{lgdt, load_tss};
use x86_64::registers::model_specific::{LStar, Msr, SFMask};
use x86_64::registers::rflags::RFlags;
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::gdt::SegmentSelector;
use x86_64::structures::tss::TaskStateSegment;
use x86_64::{PrivilegeLevel, VirtAddr};

use crate::boot::Pages;
use crate::entry;
use crate::layout::frame_of;

/// Code and stack segments of the app.
pub const USER_CS: u64 = 0x33;
pub const USER_SS: u64 = 0x2b;
/// Base of the pair that `sysret` loads: code is 16 above it, the stack 8.
const SYSRET_BASE: u64 = 0x23;
const KERNEL_CS: u64 = 0x10;
const TSS_SELECTOR: u16 = 0x40;
const MSR_STAR: u32 = 0xc000_0081;

/// Stacks of the interrupt stack table, by its index from 1: page faults; double faults, NMIs and machine checks; the rest.
pub const IST_FAULT: u8 = 1;
pub const IST_LAST: u8 = 2;
pub const IST_OTHER: u8 = 3;
const IST_SIZE: usize = 0x3000;

#[unsafe(link_section = ".bss.shell.pages")]
static STACKS: [Pages<IST_SIZE>; 3] = [const { Pages::new() }; 3];

/// The frames of the stacks of exceptions.
pub fn stack_frames() -> Range<u32> {
    let start = frame_of(STACKS.as_ptr() as usize);
    start..start + (size_of_val(&STACKS) / PAGE_SIZE) as u32
}

/// Empties the stacks of exceptions.
///
/// # Safety
/// No exception is being handled on them.
pub unsafe fn forget_stacks() {
    for stack in &STACKS {
        // SAFETY: the caller's: nobody uses it.
        unsafe { stack.0.get().write([0; IST_SIZE]) };
    }
}

struct Tables {
    gdt: [u64; 10],
    tss: TaskStateSegment,
}

struct Shared(UnsafeCell<Tables>);
// SAFETY: written once, before anything can fault.
unsafe impl Sync for Shared {}
static TABLES: Shared = Shared(UnsafeCell::new(Tables { gdt: [0; 10], tss: TaskStateSegment::new() }));

/// Builds and loads the tables, and the registers of `syscall`; once.
pub fn init() {
    // SAFETY: once, on the only CPU; the reference is not kept.
    let tables = unsafe { &mut *TABLES.0.get() };
    let mut stacks = tables.tss.interrupt_stack_table;
    for (slot, stack) in stacks.iter_mut().zip(&STACKS) {
        *slot = VirtAddr::from_ptr(stack.0.get()) + IST_SIZE as u64;
    }
    tables.tss.interrupt_stack_table = stacks;
    // For upcalls that interrupt the app: they use no fixed stack (`traps::init`).
    let mut inner = tables.tss.privilege_stack_table;
    inner[0] = stacks[usize::from(IST_OTHER) - 1];
    tables.tss.privilege_stack_table = inner;
    let tss = &raw const tables.tss as u64;
    let limit = size_of::<TaskStateSegment>() as u64 - 1;
    tables.gdt = [
        0,
        0x00cf_9b00_0000_ffff,
        0x00af_9b00_0000_ffff,
        0x00cf_9300_0000_ffff,
        0x00cf_fb00_0000_ffff,
        0x00cf_f300_0000_ffff,
        0x00af_fb00_0000_ffff,
        0,
        // An available 64-bit TSS: base and limit in pieces.
        limit | (tss & 0xff_ffff) << 16 | 0x89 << 40 | (tss >> 24 & 0xff) << 56,
        tss >> 32,
    ];
    let pointer = DescriptorTablePointer {
        limit: size_of_val(&tables.gdt) as u16 - 1,
        base: VirtAddr::from_ptr(tables.gdt.as_ptr()),
    };
    // SAFETY: 1. the tables are static and well-formed; 2. the selectors are those of the entries above.
    unsafe {
        lgdt(&pointer);
        CS::set_reg(SegmentSelector::new((KERNEL_CS >> 3) as u16, PrivilegeLevel::Ring0));
        load_tss(SegmentSelector(TSS_SELECTOR));
        Msr::new(MSR_STAR).write(SYSRET_BASE << 48 | KERNEL_CS << 32);
    }
    LStar::write(VirtAddr::new(entry::syscall_entry as *const () as u64));
    // Everything that our code must not run with, interrupts above all.
    SFMask::write(
        RFlags::INTERRUPT_FLAG
            | RFlags::TRAP_FLAG
            | RFlags::DIRECTION_FLAG
            | RFlags::ALIGNMENT_CHECK
            | RFlags::NESTED_TASK
            | RFlags::RESUME_FLAG
            | RFlags::IOPL_LOW
            | RFlags::IOPL_HIGH,
    );
}
