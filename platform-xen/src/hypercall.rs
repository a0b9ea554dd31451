//! Calls to the hypervisor. `xen-sys` makes them by a `call` that overwrites the red zone of precompiled code, and puts a
//! fifth argument into the wrong register (the ABI says r8); so these are our own, by the CPU's own instruction.

use core::arch::{global_asm, x86_64::__cpuid};
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use abi::mm::PAGE_SIZE;
use protocol::xen::SHARED_INFO_GFN;
use xen_sys::{
    __HYPERVISOR_event_channel_op, __HYPERVISOR_grant_table_op, __HYPERVISOR_hvm_op, __HYPERVISOR_memory_op,
    __HYPERVISOR_sched_op, __HYPERVISOR_vcpu_op, EVTCHNOP_bind_interdomain, EVTCHNOP_bind_virq,
    EVTCHNOP_close, EVTCHNOP_send, SCHEDOP_block, SCHEDOP_poll, SCHEDOP_shutdown, SCHEDOP_yield, VIRQ_TIMER,
    evtchn_bind_interdomain, evtchn_bind_virq, evtchn_close, evtchn_send, sched_shutdown,
};

use crate::extents;
use crate::interface::*;
use crate::pool;

/// 1 on AMD's CPUs (`vmmcall`), 0 on Intel's (`vmcall`).
#[unsafe(no_mangle)]
static OFFSHOOT_VMMCALL: AtomicU8 = AtomicU8::new(0);

unsafe extern "C" {
    fn offshoot_hypercall(op: u64, a: u64, b: u64, c: u64) -> i64;
    fn offshoot_idle(op: u64, a: u64, b: u64);
    static offshoot_idle_start: u8;
    static offshoot_idle_end: u8;
}

// In: rdi the number, rsi, rdx, rcx the arguments. No call of ours has more than three.
//
// `offshoot_idle` is the one place of ring 0 with interrupts on. Xen looks for an event between the hypercall and the sleep
// only if interrupts can be taken; one that comes before the hypercall skips it (see `crate::traps`).
global_asm!(
    ".globl offshoot_hypercall, offshoot_idle, offshoot_idle_start, offshoot_idle_end",
    "offshoot_hypercall:",
    "mov rax, rdi",
    "mov rdi, rsi",
    "mov rsi, rdx",
    "mov rdx, rcx",
    "cmp byte ptr [rip + OFFSHOOT_VMMCALL], 0",
    "jne 2f",
    "vmcall",
    "ret",
    "2:",
    "vmmcall",
    "ret",
    "offshoot_idle:",
    "mov rax, rdi",
    "mov rdi, rsi",
    "mov rsi, rdx",
    "sti",
    "offshoot_idle_start:",
    "nop",
    "cmp byte ptr [rip + OFFSHOOT_VMMCALL], 0",
    "jne 2f",
    "vmcall",
    "jmp offshoot_idle_end",
    "2:",
    "vmmcall",
    "offshoot_idle_end:",
    "cli",
    "ret",
);

/// Start and end of what an upcall in ring 0 skips.
pub fn idle_range() -> (u64, u64) {
    (&raw const offshoot_idle_start as u64, &raw const offshoot_idle_end as u64)
}

/// Finds out which instruction this CPU has.
pub fn init() {
    // "AuthenticAMD", "HygonGenuine".
    let ebx = __cpuid(0).ebx;
    let amd = ebx == u32::from_le_bytes(*b"Auth") || ebx == u32::from_le_bytes(*b"Hygo");
    OFFSHOOT_VMMCALL.store(amd.into(), Ordering::Relaxed);
}

/// Makes a hypercall.
///
/// # Safety
/// What the call does to memory must not touch anything that Rust code relies on.
unsafe fn call(op: u32, a: u64, b: u64, c: u64) -> i64 {
    // SAFETY: the caller's.
    unsafe { offshoot_hypercall(op.into(), a, b, c) }
}

/// Xen gave fewer frames than were asked for last.
static SHORT: AtomicBool = AtomicBool::new(false);

/// Whether there was too little memory when some was asked for last.
pub fn is_short() -> bool {
    SHORT.load(Ordering::Relaxed)
}

/// Gives frames to the given numbers; how many were given, from the first on. Numbers in a row are populated together, for
/// Xen walks our tables for each extent that it reads.
pub fn populate(gfns: &[u64]) -> usize {
    pool::make_room(gfns.iter().copied());
    let mut done = 0;
    while done < gfns.len() {
        let order = extents::order(&gfns[done..]);
        let mut starts = [0; EXTENTS];
        let (mut n, mut end) = (0, done);
        while n < EXTENTS && end < gfns.len() && extents::order(&gfns[end..]) == order {
            starts[n] = gfns[end];
            n += 1;
            end += 1 << order;
        }
        done += populate_extents(&starts[..n], order) << order;
        if done < end && order > 0 {
            // There may be memory, but none in so large pieces.
            done += populate_extents(&gfns[done..end], 0);
        }
        if done < end {
            break;
        }
    }
    SHORT.store(done < gfns.len(), Ordering::Relaxed);
    done
}

/// Extents in one call.
const EXTENTS: usize = 64;

fn populate_extents(starts: &[u64], order: u32) -> usize {
    let arg = MemoryReservation {
        extent_start: starts.as_ptr(),
        nr_extents: starts.len() as u64,
        extent_order: order,
        mem_flags: 0,
        domid: DOMID_SELF,
    };
    // SAFETY: fresh frames at numbers that hold none. The numbers are written back as they are.
    let got = unsafe { call(__HYPERVISOR_memory_op, XENMEM_POPULATE_PHYSMAP, &raw const arg as u64, 0) };
    usize::try_from(got).unwrap_or(0)
}

/// Gives the frames of these numbers back.
///
/// # Safety
/// Nobody uses them any more.
pub unsafe fn unpopulate(gfns: &[u64]) -> usize {
    let arg = MemoryReservation {
        extent_start: gfns.as_ptr(),
        nr_extents: gfns.len() as u64,
        extent_order: 0,
        mem_flags: 0,
        domid: DOMID_SELF,
    };
    // SAFETY: the caller's.
    let gone = unsafe { call(__HYPERVISOR_memory_op, XENMEM_DECREASE_RESERVATION, &raw const arg as u64, 0) };
    usize::try_from(gone).unwrap_or(0)
}

/// Puts the shared_info page at its frame number.
pub fn map_shared_info() -> bool {
    let arg = AddToPhysmap {
        domid: DOMID_SELF,
        size: 0,
        space: XENMAPSPACE_SHARED_INFO,
        idx: 0,
        gpfn: SHARED_INFO_GFN,
    };
    // SAFETY: the frame number is set aside for this.
    unsafe { call(__HYPERVISOR_memory_op, XENMEM_ADD_TO_PHYSMAP, &raw const arg as u64, 0) == 0 }
}

/// Maps grants; each operation's status says how it went.
///
/// # Safety
/// The addresses are holes among the frame numbers, set aside for grants.
pub unsafe fn map_grants(ops: &mut [MapGrantRef]) -> bool {
    pool::make_room(ops.iter().map(|op| op.host_addr / PAGE_SIZE as u64));
    // SAFETY: the caller's.
    unsafe {
        call(__HYPERVISOR_grant_table_op, GNTTABOP_MAP_GRANT_REF, ops.as_mut_ptr() as u64, ops.len() as u64)
            == 0
    }
}

/// Unmaps grants; they leave holes.
///
/// # Safety
/// Nobody uses the mappings any more.
pub unsafe fn unmap_grants(ops: &mut [UnmapGrantRef]) -> bool {
    // SAFETY: the caller's.
    unsafe {
        call(__HYPERVISOR_grant_table_op, GNTTABOP_UNMAP_GRANT_REF, ops.as_mut_ptr() as u64, ops.len() as u64)
            == 0
    }
}

/// Copies pages; each operation's status says how it went.
///
/// # Safety
/// The destinations are own frames that nobody uses.
pub unsafe fn copy_grants(ops: &mut [GrantCopy]) -> bool {
    // SAFETY: the caller's.
    unsafe {
        call(__HYPERVISOR_grant_table_op, GNTTABOP_COPY, ops.as_mut_ptr() as u64, ops.len() as u64) == 0
    }
}

/// An operation that copies the whole page behind a grant to an own frame.
pub fn whole_page(domid: u32, gref: u32, gfn: u32) -> GrantCopy {
    GrantCopy {
        source: CopyPtr { page: gref.into(), domid: domid as u16, offset: 0 },
        dest: CopyPtr { page: gfn.into(), domid: DOMID_SELF, offset: 0 },
        len: PAGE_SIZE as u16,
        flags: GNTCOPY_SOURCE_GREF,
        status: 0,
    }
}

/// Asks for events to be delivered at an interrupt vector.
pub fn set_callback_vector(vector: u8) -> bool {
    let arg = HvmParam {
        domid: DOMID_SELF,
        pad: 0,
        index: HVM_PARAM_CALLBACK_IRQ,
        value: CALLBACK_BY_VECTOR | u64::from(vector),
    };
    // SAFETY: touches no memory.
    unsafe { call(__HYPERVISOR_hvm_op, HVMOP_SET_PARAM, &raw const arg as u64, 0) == 0 }
}

/// Binds the timer's event.
pub fn bind_timer() -> bool {
    let mut arg = evtchn_bind_virq { virq: VIRQ_TIMER, vcpu: 0, port: 0 };
    // SAFETY: writes to `arg` only.
    unsafe { call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq.into(), &raw mut arg as u64, 0) == 0 }
}

/// Binds another domain's unbound port; the own port.
pub fn bind_interdomain(domid: u32, port: u32) -> Option<u32> {
    let mut arg = evtchn_bind_interdomain { remote_dom: domid as u16, remote_port: port, local_port: 0 };
    // SAFETY: writes to `arg` only.
    let bound = unsafe {
        call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain.into(), &raw mut arg as u64, 0)
    };
    (bound == 0).then_some(arg.local_port)
}

/// Closes a port.
pub fn close_port(port: u32) {
    let arg = evtchn_close { port };
    // SAFETY: touches no memory.
    unsafe { call(__HYPERVISOR_event_channel_op, EVTCHNOP_close.into(), &raw const arg as u64, 0) };
}

/// Sends an event.
pub fn send(port: u32) {
    let arg = evtchn_send { port };
    // SAFETY: touches no memory. A port whose other end is gone swallows it.
    unsafe { call(__HYPERVISOR_event_channel_op, EVTCHNOP_send.into(), &raw const arg as u64, 0) };
}

/// `struct sched_poll`.
#[repr(C)]
pub struct Poll {
    pub ports: *const u32,
    pub nr_ports: u32,
    pub timeout: u64,
}

/// Sleeps until the port is pending; its bit stays set.
pub fn poll_port(port: u32) {
    let arg = Poll { ports: &raw const port, nr_ports: 1, timeout: 0 };
    // SAFETY: touches no memory.
    unsafe { call(__HYPERVISOR_sched_op, SCHEDOP_poll.into(), &raw const arg as u64, 0) };
}

/// Sleeps until any event comes or the system time `deadline` (ns) is reached. May return early.
pub fn idle(deadline: Option<u64>) {
    // 0 would mean no deadline; the first nanosecond of the host's life is over.
    let timeout = deadline.map_or(0, |d| d.max(1));
    let arg = Poll { ports: core::ptr::null(), nr_ports: 0, timeout };
    // Without a deadline Xen need not read an argument.
    let (op, arg) = match deadline {
        Some(_) => (SCHEDOP_poll, &raw const arg as u64),
        None => (SCHEDOP_block, 0),
    };
    // SAFETY: touches no memory; the upcall's handler changes nothing but pending bits.
    unsafe { offshoot_idle(__HYPERVISOR_sched_op.into(), op.into(), arg) };
}

/// Lets other domains run.
pub fn yield_now() {
    // SAFETY: touches no memory.
    unsafe { call(__HYPERVISOR_sched_op, SCHEDOP_yield.into(), 0, 0) };
}

/// Ends the domain.
pub fn shutdown(reason: u32) -> ! {
    let arg = sched_shutdown { reason };
    loop {
        // SAFETY: ends everything.
        unsafe { call(__HYPERVISOR_sched_op, SCHEDOP_shutdown.into(), &raw const arg as u64, 0) };
    }
}

/// Sets the timer to the system time `deadline`, or stops it.
pub fn set_timer(deadline: Option<u64>) {
    let arg = SingleshotTimer { timeout_abs_ns: deadline.unwrap_or(0), flags: 0 };
    let (op, arg) = match deadline {
        Some(_) => (VCPUOP_SET_SINGLESHOT_TIMER, &raw const arg as u64),
        None => (VCPUOP_STOP_SINGLESHOT_TIMER, 0),
    };
    // SAFETY: touches no memory.
    unsafe { call(__HYPERVISOR_vcpu_op, op, 0, arg) };
}

/// Nanoseconds that this vCPU has run.
pub fn run_time() -> u64 {
    let mut info = RunstateInfo::default();
    // SAFETY: writes to `info` only.
    unsafe { call(__HYPERVISOR_vcpu_op, VCPUOP_GET_RUNSTATE_INFO, 0, &raw mut info as u64) };
    info.time[0]
}
