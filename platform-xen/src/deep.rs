//! Sleep without the kernel's code. Each member has a copy of the code (docs/xen.md, "Regions"), but one that sleeps runs
//! none. So it gives the frames back, all but the page with the routine below, and has the monitor fill them again before
//! it goes on. The routine calls nothing, and needs of memory only what is the kernel's data.

use core::arch::global_asm;
use core::mem::offset_of;
use core::sync::atomic::AtomicU64;

use abi::mm::PAGE_SIZE;
use protocol::xen::{ANSWERED, ASK_IMAGE, AWAITED, Exchange};
use xen_sys::{
    __HYPERVISOR_event_channel_op, __HYPERVISOR_memory_op, __HYPERVISOR_sched_op, EVTCHNOP_send,
    SCHEDOP_poll, SCHEDOP_shutdown, SHUTDOWN_crash, evtchn_send, sched_shutdown,
};

use crate::hypercall::Poll;
use crate::interface::{DOMID_SELF, MemoryReservation, XENMEM_DECREASE_RESERVATION};
use crate::layout::frame_of;
use crate::{door, shared_info, traps};

/// Frames of code and constants that it gives back at most.
const FRAMES: usize = 256;

/// What the routine needs to know.
#[repr(C)]
struct Plan {
    give: *const MemoryReservation,
    sleep: *const Poll,
    send: *const evtchn_send,
    wait: *const Poll,
    end: *const sched_shutdown,
    exchange: *mut Exchange,
    /// The word and the bit of the door's port that say that it is pending.
    pending: *const AtomicU64,
    bit: u64,
    gate: *mut [u64; 2],
    /// The gate of upcalls while this sleeps.
    upcall: [u64; 2],
}

unsafe extern "C" {
    fn offshoot_deep_sleep(plan: *const Plan);
    static offshoot_deep_upcall: u8;
    static offshoot_awake_start: u8;
    static offshoot_data_start: u8;
}

// In: rdi the plan. An upcall goes on at `2` wherever it came, with interrupts off and its port still pending.
global_asm!(
    ".section .text.asleep, \"ax\", @progbits",
    ".globl offshoot_deep_sleep, offshoot_deep_upcall",
    "offshoot_deep_sleep:",
    "push rbx",
    "push rbp",
    "push r12",
    "push r13",
    "mov rbx, rdi",
    "mov edi, {decrease}",
    "mov rsi, [rbx + {give}]",
    "mov eax, {memory_op}",
    "call 8f",
    "mov rcx, [rbx + {gate}]",
    "mov r12, [rcx]",
    "mov r13, [rcx + 8]",
    "mov rax, [rbx + {upcall}]",
    "mov [rcx], rax",
    "mov rax, [rbx + {upcall} + 8]",
    "mov [rcx + 8], rax",
    "mov rbp, rsp",
    "mov edi, {poll}",
    "mov rsi, [rbx + {sleep}]",
    "mov eax, {sched_op}",
    "sti",
    "nop",
    "call 8f",
    "2:",
    "cli",
    "mov rsp, rbp",
    "mov rcx, [rbx + {gate}]",
    "mov [rcx], r12",
    "mov [rcx + 8], r13",
    "mov rax, [rbx + {exchange}]",
    "mov ecx, {awaited}",
    "xchg [rax], ecx",
    "mov edi, {send_op}",
    "mov rsi, [rbx + {send}]",
    "mov eax, {event_channel_op}",
    "call 8f",
    "3:",
    "mov rax, [rbx + {pending}]",
    "mov rcx, [rbx + {bit}]",
    "lock btr qword ptr [rax], rcx",
    "mov rax, [rbx + {exchange}]",
    "cmp dword ptr [rax], {answered}",
    "je 4f",
    "mov edi, {poll}",
    "mov rsi, [rbx + {wait}]",
    "mov eax, {sched_op}",
    "call 8f",
    "jmp 3b",
    "4:",
    "cmp qword ptr [rax + {ret}], 0",
    "jne 5f",
    "pop r13",
    "pop r12",
    "pop rbp",
    "pop rbx",
    "ret",
    "5:",
    "mov edi, {shutdown}",
    "mov rsi, [rbx + {end}]",
    "mov eax, {sched_op}",
    "call 8f",
    "jmp 5b",
    "8:",
    "cmp byte ptr [rip + OFFSHOOT_VMMCALL], 0",
    "jne 9f",
    "vmcall",
    "ret",
    "9:",
    "vmmcall",
    "ret",
    "offshoot_deep_upcall:",
    "lea rax, [rip + 2b]",
    "mov [rsp], rax",
    "and dword ptr [rsp + 16], {interrupts_off}",
    "iretq",
    ".text",
    decrease = const XENMEM_DECREASE_RESERVATION,
    memory_op = const __HYPERVISOR_memory_op,
    sched_op = const __HYPERVISOR_sched_op,
    event_channel_op = const __HYPERVISOR_event_channel_op,
    poll = const SCHEDOP_poll,
    send_op = const EVTCHNOP_send,
    shutdown = const SCHEDOP_shutdown,
    awaited = const AWAITED,
    answered = const ANSWERED,
    interrupts_off = const !0x200_i32,
    give = const offset_of!(Plan, give),
    sleep = const offset_of!(Plan, sleep),
    send = const offset_of!(Plan, send),
    wait = const offset_of!(Plan, wait),
    end = const offset_of!(Plan, end),
    exchange = const offset_of!(Plan, exchange),
    pending = const offset_of!(Plan, pending),
    bit = const offset_of!(Plan, bit),
    gate = const offset_of!(Plan, gate),
    upcall = const offset_of!(Plan, upcall),
    ret = const offset_of!(Exchange, ret),
);

/// Sleeps until any event comes, which stays pending, or the system time `deadline` is reached.
pub fn sleep(deadline: Option<u64>) {
    let (start, end) = (&raw const offshoot_awake_start as usize, &raw const offshoot_data_start as usize);
    let (first, count) = (u64::from(frame_of(start)), ((end - start) / PAGE_SIZE).min(FRAMES));
    let gfns: [u64; FRAMES] = core::array::from_fn(|i| first + i as u64);
    let give = MemoryReservation {
        extent_start: gfns.as_ptr(),
        nr_extents: count as u64,
        extent_order: 0,
        mem_flags: 0,
        domid: DOMID_SELF,
    };
    let port = door::header().port;
    let (pending, bit) = shared_info::pending_bit(port);
    let none = Poll { ports: core::ptr::null(), nr_ports: 0, timeout: deadline.map_or(0, |at| at.max(1)) };
    let answer = Poll { ports: &raw const port, nr_ports: 1, timeout: 0 };
    let send = evtchn_send { port };
    let end = sched_shutdown { reason: SHUTDOWN_crash };
    let plan = Plan {
        give: &raw const give,
        sleep: &raw const none,
        send: &raw const send,
        wait: &raw const answer,
        end: &raw const end,
        exchange: door::prepare(ASK_IMAGE, [first, count as u64, 0, 0, 0, 0]),
        pending,
        bit,
        gate: traps::upcall_gate(),
        upcall: traps::gate(&raw const offshoot_deep_upcall as u64, 0, 0),
    };
    // SAFETY: 1. all that the plan points to lives on this stack, in the door, in the shared page or in the table of gates,
    // which are not given back; 2. the frames that are have the same contents when it returns.
    unsafe { offshoot_deep_sleep(&raw const plan) };
    door::finish();
}
