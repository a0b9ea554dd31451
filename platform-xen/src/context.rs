//! Contexts: a kernel stack, and what of a user thread is not in its trap frame (fs base, vector state).
//!
//! Every context has a slot of [`SLOT`] bytes, found by arithmetic: a guard page, the stack, and behind it the saved state. The vector registers are switched lazily: those of a context stay in
//! the CPU until another one that runs user code is switched to.

use alloc::vec::Vec;
use core::arch::naked_asm;

use abi::mm::PAGE_SIZE;
use abi::regs::{FRAME_SIZE, TrapFrame};
use platform::{ContextId, MemError};
use platform_x86::xstate::Area;

use crate::entry::ENTRY_EXTRA;
use crate::layout::STACKS;
use crate::{cpu, percpu, space};

const SLOT: usize = 0x1_0000;
/// Mapped pages of a slot.
const PAGES: usize = SLOT / PAGE_SIZE - 1;
/// One past the last byte of the stack, from the slot's start.
const STACK_TOP: usize = 0xe000;
const MAX_CONTEXTS: u32 = ((STACKS.1 - STACKS.0) / SLOT) as u32;
/// Freed slots that keep their memory for the next context.
const KEPT: usize = 4;
/// The value of [`percpu::PerCpu::vectors`] when the registers hold no context's state.
const NONE: u32 = u32::MAX;

/// The state behind the stack.
#[repr(C)]
struct Saved {
    area: Area,
    rsp: usize,
    fs: usize,
    /// The context has been in user mode: its vector state counts.
    user: bool,
}

struct Slots {
    /// Never used from here on.
    next: u32,
    /// Free, with memory.
    kept: Vec<u32>,
    /// Free, without.
    bare: Vec<u32>,
}

static SLOTS: spin::Mutex<Slots> = spin::Mutex::new(Slots { next: 0, kept: Vec::new(), bare: Vec::new() });

fn base(id: u32) -> usize {
    STACKS.0 + id as usize * SLOT
}

fn saved(id: u32) -> *mut Saved {
    (base(id) + STACK_TOP) as *mut Saved
}

fn frame_at(id: u32) -> usize {
    base(id) + STACK_TOP - ENTRY_EXTRA - FRAME_SIZE
}

fn take_slot() -> Result<u32, MemError> {
    let mut slots = SLOTS.lock();
    if let Some(id) = slots.kept.pop() {
        return Ok(id);
    }
    let id = match slots.bare.pop() {
        Some(id) => id,
        None if slots.next < MAX_CONTEXTS => {
            slots.next += 1;
            slots.next - 1
        }
        None => return Err(MemError::NoMemory),
    };
    // Its first page stays unmapped as the guard.
    if !space::map_kernel(base(id) + PAGE_SIZE, PAGES) {
        space::unmap_kernel(base(id) + PAGE_SIZE, PAGES);
        slots.bare.push(id);
        return Err(MemError::NoMemory);
    }
    Ok(id)
}

/// Creates a context that will run `entry(arg)`. Its user mode starts with the vector state and fs base of the creator's,
/// as a new thread's does on Linux.
pub fn create(entry: fn(usize) -> !, arg: usize) -> Result<ContextId, MemError> {
    let id = take_slot()?;
    let cpu = percpu::this();
    let state = saved(id);
    // SAFETY: 1. the slot is mapped and ours alone; 2. a zeroed or stale `Saved` is a valid one.
    let state = unsafe { &mut *state };
    state.area.clear();
    if cpu.vectors.get() != NONE && cpu.vectors.get() == cpu.current.get() {
        state.area.save_partial();
    }
    state.fs = current_fs();
    state.user = false;
    // What `switch_asm` pops: r15, r14, r13 (arg), r12 (entry), rbx, rbp, and where it returns to.
    let stack = [0, 0, arg, entry as usize, 0, 0, first as *const () as usize];
    state.rsp = frame_at(id) - size_of_val(&stack);
    // SAFETY: the words lie on the new stack, which nobody uses yet.
    unsafe { (state.rsp as *mut [usize; 7]).write(stack) };
    Ok(ContextId(id))
}

/// The running context.
pub fn current() -> ContextId {
    ContextId(percpu::this().current.get())
}

/// Makes the boot stack's successor: enters context `id` without saving the present one.
pub fn enter_first(id: ContextId) -> ! {
    let mut nobody = 0;
    adopt(id.0);
    // SAFETY: `id` is a fresh context; what is left is never returned to.
    unsafe { switch_asm(&raw mut nobody, (*saved(id.0)).rsp) };
    unreachable!("the boot stack was switched back to")
}

/// Frees a context that does not run.
pub fn free(id: ContextId) {
    let cpu = percpu::this();
    debug_assert_ne!(id.0, cpu.current.get());
    if cpu.vectors.get() == id.0 {
        cpu.vectors.set(NONE);
    }
    let mut slots = SLOTS.lock();
    if slots.kept.len() < KEPT {
        slots.kept.push(id.0);
    } else {
        space::unmap_kernel(base(id.0) + PAGE_SIZE, PAGES);
        slots.bare.push(id.0);
    }
}

/// Switches to `to`; returns when someone switches back.
pub fn switch(to: ContextId) {
    let from = percpu::this().current.get();
    if from == to.0 {
        return;
    }
    // SAFETY: both contexts are live; this CPU is the only one that touches their saved state.
    let (old, new) = unsafe { (&mut *saved(from), &mut *saved(to.0)) };
    old.fs = current_fs();
    if new.user {
        load_vectors(to.0);
    }
    if new.fs != old.fs {
        cpu::set_fs_base(new.fs);
    }
    adopt(to.0);
    // SAFETY: `new.rsp` was left by `switch_asm` or `create`.
    unsafe { switch_asm(&raw mut old.rsp, new.rsp) };
}

/// Makes `id` the current context of the CPU block.
fn adopt(id: u32) {
    let cpu = percpu::this();
    cpu.current.set(id);
    cpu.frame.set(frame_at(id));
}

/// Before a clone: what is only in the registers is put where the copy of the stack has it.
pub fn save_for_clone() {
    let cpu = percpu::this();
    let id = cpu.current.get();
    // SAFETY: as in `switch`.
    let state = unsafe { &mut *saved(id) };
    state.fs = current_fs();
    if cpu.vectors.get() == id {
        state.area.save_partial();
    }
}

/// In a fresh clone: into the registers again.
pub fn load_after_clone() {
    let cpu = percpu::this();
    let id = cpu.current.get();
    // SAFETY: as in `switch`.
    let state = unsafe { &*saved(id) };
    cpu::set_fs_base(state.fs);
    cpu.vectors.set(NONE);
    if state.user {
        load_vectors(id);
    }
}

/// Where the app of the running context goes on, its stack, and its thread's own memory.
pub fn places() -> [usize; 3] {
    let id = percpu::this().current.get();
    // SAFETY: the frame of a context that made a system call.
    let frame = unsafe { &*(frame_at(id) as *const TrapFrame) };
    [frame.rip as usize, frame.rsp as usize, current_fs()]
}

/// Frames of stacks that a clone need not copy, in order: what is unused of this one, and all of others, which do not exist
/// in the child.
pub fn not_worth_copying(rsp: usize) -> Vec<u32> {
    let current = percpu::this().current.get();
    let mut frames = Vec::new();
    let slots = SLOTS.lock().next;
    for id in 0..slots {
        let end = if id == current { rsp & !(PAGE_SIZE - 1) } else { base(id) + SLOT };
        space::clone::frames_of(base(id), end, &mut frames);
    }
    frames.sort_unstable();
    frames
}

/// Brings the vector state of `id` into the registers, saving that of whoever has them.
fn load_vectors(id: u32) {
    let cpu = percpu::this();
    let owner = cpu.vectors.replace(id);
    if owner == id {
        return;
    }
    // SAFETY: as in `switch`; the areas are written by this module only.
    unsafe {
        if owner != NONE {
            (*saved(owner)).area.save_partial();
        }
        (*saved(id)).area.load_partial();
        // The control register came along with the area; the one that counts is in the frame.
        cpu::load_mxcsr((*(frame_at(id) as *const TrapFrame)).mxcsr);
    }
}

/// To be called before the current context goes to user mode by a frame of the kernel's making.
pub fn going_to_user() {
    let id = percpu::this().current.get();
    // SAFETY: as in `switch`.
    unsafe { (*saved(id)).user = true };
    load_vectors(id);
}

/// The current context's area, for the vector state's way to and from signal frames: free to use as long as the
/// context's state is in the registers.
pub fn with_area<R>(f: impl FnOnce(&mut Area) -> R) -> R {
    going_to_user();
    // SAFETY: as in `switch`.
    f(unsafe { &mut (*saved(percpu::this().current.get())).area })
}

/// The fs base of the running context's user mode.
pub fn current_fs() -> usize {
    // SAFETY: as in `switch`.
    cpu::fs_base().unwrap_or_else(|| unsafe { (*saved(percpu::this().current.get())).fs })
}

/// Sets it.
pub fn set_fs(base: usize) {
    // SAFETY: as in `switch`.
    unsafe { (*saved(percpu::this().current.get())).fs = base };
    cpu::set_fs_base(base);
}

/// Saves the callee-saved registers on this stack and goes on with another.
#[unsafe(naked)]
unsafe extern "C" fn switch_asm(save: *mut usize, rsp: usize) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Where a fresh context begins.
#[unsafe(naked)]
extern "C" fn first() {
    naked_asm!("mov rdi, r12", "mov rsi, r13", "xor ebp, ebp", "call {}", "ud2", sym begin)
}

extern "C" fn begin(entry: usize, arg: usize) -> ! {
    // SAFETY: `create` put a function of this type there.
    unsafe { core::mem::transmute::<usize, fn(usize) -> !>(entry)(arg) }
}
