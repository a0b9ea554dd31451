//! Contexts: a kernel stack, and what of a user thread is not in its trap frame (fs base, vector state).
//!
//! Every context has a slot of [`SLOT`] bytes in the platform's range, found by arithmetic: a guard page, the stack, and
//! behind it the saved state. The vector registers are switched lazily: those of a context stay in the CPU until another
//! one that runs user code is switched to.

use alloc::vec::Vec;
use core::arch::{asm, naked_asm};
use core::marker::PhantomData;

use abi::mm::PAGE_SIZE;
use abi::regs::{FRAME_SIZE, TrapFrame};
use platform::{ContextId, MemError};

use crate::percpu;
use crate::xstate::Area;

/// Bytes of a slot.
pub const SLOT: usize = 0x1_0000;
/// Bytes above the trap frame that belong to the entry code.
pub const ENTRY_EXTRA: usize = 64;
/// One past the last byte of the stack, from the slot's start.
const STACK_TOP: usize = 0xe000;
/// The value of [`percpu::PerCpu::vectors`] when the registers hold no context's state.
const NONE: u32 = u32::MAX;

/// What contexts need of a platform.
pub trait Ground {
    /// Where the slots lie, first and one past the last byte.
    const RANGE: (usize, usize);
    /// Freed slots that keep their memory for the next context.
    const KEPT: usize;

    /// Maps fresh memory for a slot; false, with nothing mapped, when there is none.
    fn map(at: usize, len: usize) -> bool;

    /// Gives it back.
    ///
    /// # Safety
    /// Nobody uses it any more.
    unsafe fn unmap(at: usize, len: usize);

    /// The fs base, if it can be read cheaply (otherwise nobody but the kernel can have changed it).
    fn fs_base() -> Option<usize>;

    /// Sets the fs base. The kernel itself has no thread-local storage.
    fn set_fs_base(base: usize);
}

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

/// A member's contexts. One virtual CPU is the only one that touches their saved state.
pub struct Contexts<G> {
    slots: spin::Mutex<Slots>,
    ground: PhantomData<G>,
}

/// Where a context's slot begins.
pub const fn base<G: Ground>(id: u32) -> usize {
    G::RANGE.0 + id as usize * SLOT
}

fn saved<G: Ground>(id: u32) -> *mut Saved {
    (base::<G>(id) + STACK_TOP) as *mut Saved
}

fn frame_at<G: Ground>(id: u32) -> usize {
    base::<G>(id) + STACK_TOP - ENTRY_EXTRA - FRAME_SIZE
}

fn running() -> u32 {
    percpu::this().current.get()
}

impl<G: Ground> Contexts<G> {
    const MAX: u32 = ((G::RANGE.1 - G::RANGE.0) / SLOT) as u32;

    /// None yet.
    #[expect(clippy::new_without_default, reason = "a default cannot be const")]
    pub const fn new() -> Self {
        let slots = Slots { next: 0, kept: Vec::new(), bare: Vec::new() };
        Contexts { slots: spin::Mutex::new(slots), ground: PhantomData }
    }

    fn take_slot(&self) -> Result<u32, MemError> {
        let mut slots = self.slots.lock();
        if let Some(id) = slots.kept.pop() {
            return Ok(id);
        }
        let id = match slots.bare.pop() {
            Some(id) => id,
            None if slots.next < Self::MAX => {
                slots.next += 1;
                slots.next - 1
            }
            None => return Err(MemError::NoMemory),
        };
        // Its first page stays unmapped as the guard.
        if !G::map(base::<G>(id) + PAGE_SIZE, SLOT - PAGE_SIZE) {
            slots.bare.push(id);
            return Err(MemError::NoMemory);
        }
        Ok(id)
    }

    /// Slots that were ever used.
    pub fn used(&self) -> u32 {
        self.slots.lock().next
    }

    /// Creates a context that will run `entry(arg)`. Its user mode starts with the vector state and fs base of the
    /// creator's, as a new thread's does on Linux.
    pub fn create(&self, entry: fn(usize) -> !, arg: usize) -> Result<ContextId, MemError> {
        let id = self.take_slot()?;
        let cpu = percpu::this();
        let state = saved::<G>(id);
        // SAFETY: 1. the slot is mapped and ours alone; 2. a zeroed or stale `Saved` is a valid one.
        let state = unsafe { &mut *state };
        state.area.clear();
        if cpu.vectors.get() != NONE && cpu.vectors.get() == cpu.current.get() {
            state.area.save_partial();
        }
        state.fs = self.fs();
        state.user = false;
        // What `switch_asm` pops: r15, r14, r13 (arg), r12 (entry), rbx, rbp, and where it returns to.
        let stack = [0, 0, arg, entry as usize, 0, 0, first as *const () as usize];
        state.rsp = frame_at::<G>(id) - size_of_val(&stack);
        // SAFETY: the words lie on the new stack, which nobody uses yet.
        unsafe { (state.rsp as *mut [usize; 7]).write(stack) };
        Ok(ContextId(id))
    }

    /// The running context.
    pub fn current(&self) -> ContextId {
        ContextId(running())
    }

    /// Makes the boot stack's successor: enters context `id` without saving the present one.
    pub fn enter_first(&self, id: ContextId) -> ! {
        let mut nobody = 0;
        Self::adopt(id.0);
        // SAFETY: `id` is a fresh context; what is left is never returned to.
        unsafe { switch_asm(&raw mut nobody, (*saved::<G>(id.0)).rsp) };
        unreachable!("the boot stack was switched back to")
    }

    /// Frees a context that does not run.
    pub fn free(&self, id: ContextId) {
        let cpu = percpu::this();
        debug_assert_ne!(id.0, cpu.current.get());
        if cpu.vectors.get() == id.0 {
            cpu.vectors.set(NONE);
        }
        let mut slots = self.slots.lock();
        if slots.kept.len() < G::KEPT {
            slots.kept.push(id.0);
        } else {
            // SAFETY: nobody uses the slot any more.
            unsafe { G::unmap(base::<G>(id.0) + PAGE_SIZE, SLOT - PAGE_SIZE) };
            slots.bare.push(id.0);
        }
    }

    /// Switches to `to`; returns when someone switches back.
    pub fn switch(&self, to: ContextId) {
        let from = running();
        if from == to.0 {
            return;
        }
        // SAFETY: both contexts are live; this CPU is the only one that touches their saved state.
        let (old, new) = unsafe { (&mut *saved::<G>(from), &mut *saved::<G>(to.0)) };
        old.fs = self.fs();
        if new.user {
            Self::load_vectors(to.0);
        }
        if new.fs != old.fs {
            G::set_fs_base(new.fs);
        }
        Self::adopt(to.0);
        // SAFETY: `new.rsp` was left by `switch_asm` or `create`.
        unsafe { switch_asm(&raw mut old.rsp, new.rsp) };
    }

    /// Makes `id` the current context of the CPU block.
    fn adopt(id: u32) {
        let cpu = percpu::this();
        cpu.current.set(id);
        cpu.frame.set(frame_at::<G>(id));
    }

    /// Brings the vector state of `id` into the registers, saving that of whoever has them.
    fn load_vectors(id: u32) {
        let owner = percpu::this().vectors.replace(id);
        if owner == id {
            return;
        }
        // SAFETY: as in `switch`; the areas are written by this module only.
        unsafe {
            if owner != NONE {
                (*saved::<G>(owner)).area.save_partial();
            }
            (*saved::<G>(id)).area.load_partial();
            // The control register came along with the area; the one that counts is in the frame.
            load_mxcsr((*(frame_at::<G>(id) as *const TrapFrame)).mxcsr);
        }
    }

    /// To be called before the current context goes to user mode by a frame of the kernel's making.
    pub fn going_to_user(&self) {
        let id = running();
        // SAFETY: as in `switch`.
        unsafe { (*saved::<G>(id)).user = true };
        Self::load_vectors(id);
    }

    /// The current context's area, for the vector state's way to and from signal frames: free to use as long as the
    /// context's state is in the registers.
    pub fn with_area<R>(&self, f: impl FnOnce(&mut Area) -> R) -> R {
        self.going_to_user();
        // SAFETY: as in `switch`.
        f(unsafe { &mut (*saved::<G>(running())).area })
    }

    /// The fs base of the running context's user mode.
    pub fn fs(&self) -> usize {
        // SAFETY: as in `switch`.
        G::fs_base().unwrap_or_else(|| unsafe { (*saved::<G>(running())).fs })
    }

    /// Sets it.
    pub fn set_fs(&self, base: usize) {
        // SAFETY: as in `switch`.
        unsafe { (*saved::<G>(running())).fs = base };
        G::set_fs_base(base);
    }

    /// Before the stack is copied: what is only in the registers is put where the copy has it.
    pub fn save_for_clone(&self) {
        let id = running();
        // SAFETY: as in `switch`.
        let state = unsafe { &mut *saved::<G>(id) };
        state.fs = self.fs();
        if percpu::this().vectors.get() == id {
            state.area.save_partial();
        }
    }

    /// On the copy, on another CPU: into the registers again.
    pub fn load_after_clone(&self) {
        let id = running();
        // SAFETY: as in `switch`.
        let state = unsafe { &*saved::<G>(id) };
        G::set_fs_base(state.fs);
        percpu::this().vectors.set(NONE);
        if state.user {
            Self::load_vectors(id);
        }
    }

    /// Where the app of the running context goes on, its stack, and its thread's own memory. The context has made a system
    /// call.
    pub fn places(&self) -> [usize; 3] {
        // SAFETY: the frame of a context that made a system call.
        let frame = unsafe { &*(frame_at::<G>(running()) as *const TrapFrame) };
        [frame.rip as usize, frame.rsp as usize, self.fs()]
    }
}

/// Loads the SSE control register.
///
/// # Safety
/// `mxcsr` has no reserved bits set.
unsafe fn load_mxcsr(mxcsr: u32) {
    // SAFETY: the caller's; the kernel does no floating-point arithmetic.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const mxcsr, options(readonly, nostack, preserves_flags)) };
}

/// Saves the callee-saved registers on this stack and goes on with another.
#[unsafe(naked)]
unsafe extern "C" fn switch_asm(save: *mut usize, rsp: usize) {
    naked_asm!(crate::push_preserved!(), "mov [rdi], rsp", "mov rsp, rsi", crate::pop_preserved_ret!(),)
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
