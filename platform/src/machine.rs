//! The machine: memory of the one address space, user access that may fault, contexts (stacks) of kernel threads,
//! vector state, console, entropy, the end.

use core::sync::atomic::AtomicU32;

use abi::regs::TrapFrame;
use bitflags::bitflags;

use crate::RegionView;

bitflags! {
    /// Access rights of mapped pages.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Prot: u32 {
        const READ = 1;
        const WRITE = 2;
        const EXEC = 4;
    }
}

/// What backs a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Zero pages, private to the member, copied on write over a clone.
    Anon,
    /// Pages of an accepted region from `offset`: shared with everyone who maps it, or a private copy on write.
    Region { id: u64, offset: u64, shared: bool },
}

/// Why a memory operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemError {
    /// No memory, or no room for the bookkeeping.
    NoMemory,
    /// The region is not there or does not allow this.
    Denied,
    /// The range is not the app's.
    BadRange,
}

/// A user access hit an address that is not accessible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// A kernel thread's stack with its saved registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContextId(pub u32);

/// What the platform calls in the kernel; installed once by the kernel's binary.
#[derive(Clone, Copy)]
pub struct Entry {
    /// A system call, fault or kick from user mode; the frame is the current thread's and is restored on return. Runs on
    /// the current context's stack. Checks for pending work before it returns.
    pub trap: fn(&mut TrapFrame),
}

/// Bytes of the memory that [`CodeSpace::trampolines_near`] maps, and its alignment.
pub const TRAMPOLINES_LEN: usize = 0x1_0000;

/// What [`Machine::patch_site`] needs of the kernel's bookkeeping of the app's mappings.
pub trait CodeSpace {
    /// Rights of the page at `addr` if it is mapped and a write to it stays private to the member; `None` otherwise.
    fn private_rights(&self, addr: usize) -> Option<Prot>;
    /// Finds [`TRAMPOLINES_LEN`] free bytes, so aligned and with every byte less than 1 GiB from `addr`, and maps them
    /// anonymously, readable and executable. They stay until the kernel calls [`Machine::forget_sites`] for them.
    fn trampolines_near(&mut self, addr: usize) -> Option<usize>;
}

/// Memory, user access, contexts, console, entropy, exit. Addresses and lengths of the memory operations are
/// page-aligned and within the app's ranges ([`Machine::app_ranges`]).
pub trait Machine {
    /// Ranges that the app may use, as (start, end).
    fn app_ranges(&self) -> &'static [(usize, usize)];
    /// Maps over whatever was there.
    fn map(&self, addr: usize, len: usize, prot: Prot, backing: Backing) -> Result<(), MemError>;
    /// Changes rights of mapped pages.
    fn protect(&self, addr: usize, len: usize, prot: Prot) -> Result<(), MemError>;
    /// Unmaps; holes are fine.
    fn unmap(&self, addr: usize, len: usize) -> Result<(), MemError>;
    /// Moves mapped pages to a free place (mremap); `new_len >= old_len` extends the same backing.
    fn move_pages(&self, old: usize, old_len: usize, new: usize, new_len: usize) -> Result<(), MemError>;
    /// Drops the contents: anonymous pages read as zero, private file pages as the file again.
    fn discard(&self, addr: usize, len: usize) -> Result<(), MemError>;
    /// Writes shared file pages back.
    fn sync(&self, addr: usize, len: usize) -> Result<(), MemError>;
    /// For each page, 1 if resident.
    fn resident(&self, addr: usize, out: &mut [u8]) -> Result<(), MemError>;

    /// Copies from the app's memory.
    fn copy_in(&self, src: usize, dst: &mut [u8]) -> Result<(), Fault>;
    /// Copies to the app's memory.
    fn copy_out(&self, dst: usize, src: &[u8]) -> Result<(), Fault>;
    /// Copies from a region straight to the app's memory.
    fn copy_out_region(&self, dst: usize, view: &RegionView, off: usize, len: usize) -> Result<(), Fault>;
    /// Copies from the app's memory straight into a region.
    fn copy_in_region(&self, view: &RegionView, off: usize, src: usize, len: usize) -> Result<(), Fault>;
    /// Loads an aligned word of the app's memory.
    fn load_u32(&self, addr: usize) -> Result<u32, Fault>;
    /// Compare-and-exchange on an aligned word of the app's memory; gives the value found.
    fn cas_u32(&self, addr: usize, old: u32, new: u32) -> Result<u32, Fault>;
    /// Copies a NUL-terminated string of at most `dst.len()` bytes; gives its length without the NUL, or `dst.len()`
    /// when there is no NUL in range.
    fn copy_in_str(&self, src: usize, dst: &mut [u8]) -> Result<usize, Fault>;

    /// A new kernel stack that will run `entry(arg)` when first switched to.
    fn create_context(&self, entry: fn(usize) -> !, arg: usize) -> Result<ContextId, MemError>;
    /// The context that runs now.
    fn current_context(&self) -> ContextId;
    /// Saves the running context (registers, TLS base, vector state of its user mode) and runs `to`; returns when someone
    /// switches back.
    fn switch_context(&self, to: ContextId);
    /// Frees a context that does not run.
    fn free_context(&self, id: ContextId);
    /// Leaves the kernel with this frame; the current context's stack is empty then.
    fn enter_user(&self, frame: &TrapFrame) -> !;
    /// The current thread's user TLS base (fs base).
    fn tls(&self) -> usize;
    /// Sets the current thread's user TLS base.
    fn set_tls(&self, base: usize);
    /// Size in bytes of the full user vector state (XSAVE area as Linux puts it into signal frames; 512 with FXSAVE only).
    fn xstate_size(&self) -> usize;
    /// The current thread's full user vector state, to be stored in a signal frame. `frame` is its trap frame, which holds
    /// the low vector registers meanwhile.
    fn save_xstate(&self, frame: &TrapFrame, out: &mut [u8]);
    /// Sets it from a signal frame; false when malformed.
    fn restore_xstate(&self, frame: &mut TrapFrame, from: &[u8]) -> bool;
    /// Resets vector state to the initial one (exec).
    fn reset_xstate(&self, frame: &mut TrapFrame);
    /// Rewrites the code at the system call that `frame` made, so that the next call from there does not trap. To be
    /// called for calls with [`TrapFrame::trapped`], before the frame is changed; does nothing where it is not safe.
    fn patch_site(&self, frame: &TrapFrame, space: &mut dyn CodeSpace);
    /// The app's code was unmapped or replaced: forget the sites in the range.
    fn forget_sites(&self, addr: usize, len: usize);

    /// System call `nr` has the word at `at` for its answer from now on: the platform may give it without entering the
    /// kernel, while the word at `unless` is 0. Before the call that changes what is answered, the kernel says so here.
    fn answer(&self, nr: usize, at: &'static AtomicU32, unless: &'static AtomicU32);

    /// Writes to the monitor's log.
    fn console(&self, text: &[u8]);
    /// Fills with randomness fit for keys.
    fn entropy(&self, buf: &mut [u8]);
    /// Ends the member.
    fn exit(&self) -> !;
    /// Where the vDSO's ELF image is mapped, if the platform has one.
    fn vdso(&self) -> Option<usize>;
    /// AT_HWCAP, AT_HWCAP2 for the app.
    fn hwcap(&self) -> (u64, u64);
    /// Resident and peak memory of the member in KiB and its minor faults, as far as known.
    fn usage(&self) -> Usage;
}

/// What the machine knows of the member's use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub max_rss_kib: u64,
    pub minor_faults: u64,
    pub major_faults: u64,
    pub voluntary_switches: u64,
    pub involuntary_switches: u64,
}
